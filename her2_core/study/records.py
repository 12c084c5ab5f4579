"""What Table 1 counts, per patient, read once from the bundles of a cohort folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from her2_core.case import Case
from her2_core.cohort.folder import PHANTOM_NOTICE, Cohort, CohortHeader
from her2_core.prognosis import RESEARCH_USE_ONLY
from her2_core.response.burden import tumour_burden


@dataclass(frozen=True)
class PatientRecord:
    """One patient; None = unknown.

    Attributes:
        case_id, cohort: who.
        centre, age_years, sex, her2, line_of_therapy: clinical data.
        lesions: primary and target lesions per organ.
        targets: number of target lesions.
        boxes: bounding boxes (over both phases) per time point.
        marker_panels: examinations of tumour markers.
        target_area_mm2: summed area of the targets per time point; a time point without it is left out.
        os_days, death_observed: outcome.
    """

    case_id: str
    cohort: str
    centre: Optional[str]
    age_years: Optional[int]
    sex: Optional[str]
    her2: Optional[str]
    line_of_therapy: Optional[int]
    lesions: Dict[str, int]
    targets: int
    boxes: Dict[str, int]
    marker_panels: int
    target_area_mm2: Dict[str, float]
    os_days: Optional[int] = None
    death_observed: Optional[bool] = None


@dataclass(frozen=True)
class CohortSummary:
    """A cohort folder without its images.

    Attributes:
        name: of the folder.
        synthetic: phantom patients, or altered by software.
        notice: what every output says.
        patients: in the order of the folder.
    """

    name: str
    synthetic: bool
    notice: str
    patients: Tuple[PatientRecord, ...]

    def of(self, cohort: str) -> Tuple[PatientRecord, ...]:
        """The patients of one cohort."""
        return tuple(p for p in self.patients if p.cohort == cohort)


def summarise(cohort: Cohort) -> CohortSummary:
    """Read every bundle once.

    Raises:
        BadInput: a bundle is damaged; names file and row.
    """
    patients = tuple(record_of(entry.load().case, entry.cohort) for entry in cohort.entries)
    return CohortSummary(cohort.header.name, cohort.header.synthetic, notice_of(cohort.header), patients)


def notice_of(header: CohortHeader) -> str:
    """The cohort's own notice, with what must be said in any case: SYNTHETIC where it is, and research use only."""
    said = header.notice or (PHANTOM_NOTICE if header.synthetic else RESEARCH_USE_ONLY)
    if header.synthetic and "SYNTHETIC" not in said:
        said = f"{PHANTOM_NOTICE} {said}"
    return said if "research use only" in said.lower() else f"{said} {RESEARCH_USE_ONLY}"


def record_of(case: Case, cohort: str) -> PatientRecord:
    """What Table 1 counts of one case."""
    known = [lesion for lesion in case.lesions if lesion.kind != "new"]
    areas = tumour_burden(case).area_mm2
    outcome = case.outcome
    return PatientRecord(
        case_id=case.case_id,
        cohort=cohort,
        centre=case.clinical.centre,
        age_years=case.clinical.age_years,
        sex=case.clinical.sex,
        her2=case.clinical.her2,
        line_of_therapy=case.clinical.line_of_therapy,
        lesions=dict(Counter(lesion.organ for lesion in known)),
        targets=sum(lesion.kind == "target" for lesion in known),
        boxes=dict(Counter(key.time_point for key in case.roi_keys)),
        marker_panels=sum(bool(panel.values) for panel in case.markers),
        target_area_mm2={name: area for name, area in areas.items() if area is not None},
        os_days=outcome.os_days if outcome else None,
        death_observed=outcome.death_observed if outcome else None,
    )
