"""Who is who: patients are never mixed, and doubtful identities stop those patients only."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence, Set, Tuple

from her2_core.imaging.headers import Patient

PatientKey = Tuple[str, str]
"""Issuer of the patient id, and the id."""


def patient_keys(patients: Sequence[Patient]) -> Dict[Patient, PatientKey]:
    """The key of each identity: issuer and id. A missing issuer is taken from the same id, where there is only one."""
    issuers: Dict[str, Set[str]] = {}
    for patient in patients:
        issuers.setdefault(patient.patient_id, set()).add(patient.issuer)
    keys = {}
    for patient in patients:
        named = issuers[patient.patient_id] - {""}
        keys[patient] = (next(iter(named)) if len(named) == 1 else patient.issuer, patient.patient_id)
    return keys


def conflicts(patients: Sequence[Patient]) -> Dict[PatientKey, List[str]]:
    """Patients that must be stopped, and why.

    Same name but other id; same id but other birth date or other sex. Empty is no conflict.
    """
    keys = patient_keys(patients)
    stopped: Dict[PatientKey, List[str]] = {}
    for key in sorted(set(keys.values())):
        own = [p for p in patients if keys[p] == key]
        for meaning, values in (
            ("birth dates", {p.birth_date for p in own} - {""}),
            ("sexes", {p.sex for p in own} - {""}),
        ):
            if len(values) > 1:
                text = f"one patient id, but {len(values)} {meaning}; correct the headers"
                stopped.setdefault(key, []).append(text)
    for sharing in _namesakes(patients, keys):
        for key in sharing:
            others = ", ".join(other for _, other in sharing if (_, other) != key)
            text = f"same name as patient {others}, but another id; keep them in separate folders, or correct the id"
            stopped.setdefault(key, []).append(text)
    return stopped


def _namesakes(patients: Sequence[Patient], keys: Dict[Patient, PatientKey]) -> List[List[PatientKey]]:
    by_name: Dict[str, Set[PatientKey]] = {}
    for patient in patients:
        name = _plain_name(patient.name)
        if name:
            by_name.setdefault(name, set()).add(keys[patient])
    return [sorted(sharing) for _, sharing in sorted(by_name.items()) if len(sharing) > 1]


def several_names(patients: Sequence[Patient]) -> bool:
    """Whether identities of one key are written with different names (a marriage, a correction, a mix-up)."""
    return len({_plain_name(p.name) for p in patients} - {""}) > 1


def _plain_name(name: str) -> str:
    """DICOM person name without case, separators and repeated blanks (PS3.5, 6.2.1)."""
    return re.sub(r"[\s^=,]+", " ", name).strip().casefold()
