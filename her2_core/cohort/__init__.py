"""Cohorts: the folder on disk, its check, and the phantom patients that stand in for clinical data.

The generator is `her2_core.cohort.phantom`; it is not loaded here, since it knows the truth behind its patients.
"""

from her2_core.cohort.folder import Cohort, CohortHeader, Entry, read_cohort

__all__ = ["Cohort", "CohortHeader", "Entry", "read_cohort"]
