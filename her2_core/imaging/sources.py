"""CASE.json: a case and the series it was drawn on. Opens the series after checking that they belong together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Tuple

from her2_core.case import PHASES, Case
from her2_core.errors import CaseError, ImagingError
from her2_core.imaging.dicom_scan import Scan
from her2_core.imaging.dicom_series import Series
from her2_core.imaging.file_volume import is_volume_file, read_volume_file
from her2_core.imaging.identity import conflicts, patient_keys
from her2_core.imaging.volume import CtVolume

MAX_JSON_BYTES = 16 * 1024 * 1024

Sources = Mapping[str, Mapping[str, str]]
"""time point -> phase -> SeriesInstanceUID (or UID#n), or the name of a volume file."""


@dataclass(frozen=True)
class SourcedCase:
    """A case, and where its boxes were drawn."""

    case: Case
    sources: Sources


def read_sourced_case(path: Path) -> SourcedCase:
    """Read and check CASE.json = {case, sources: {time point: {phase: SeriesInstanceUID}}}.

    Raises:
        CaseError: not JSON, or a rule broken; names the exact place.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise CaseError(f"is larger than {MAX_JSON_BYTES // 2**20} MiB, not a case", where=path.name)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise CaseError("is not valid JSON", where=path.name, hint="It needs the keys case and sources.") from None
    if not isinstance(document, dict) or set(document) != {"case", "sources"}:
        raise CaseError("must be an object with exactly the keys case and sources", where=path.name)
    case = Case.from_json(document["case"])
    return SourcedCase(case, _sources(document["sources"], case))


def _sources(value: Any, case: Case) -> Sources:
    names = [point.name for point in case.time_points]
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise CaseError("must be {time point: {phase: SeriesInstanceUID}}", where="sources")
    for time_point, phases in value.items():
        if time_point not in names:
            raise CaseError(f"time point {time_point!r} is not one of the case ({', '.join(names)})", where="sources")
        for phase, source in phases.items():
            where = f"sources.{time_point}.{phase}"
            if phase not in PHASES:
                raise CaseError(f"phase must be one of {', '.join(PHASES)}", where=where)
            if not isinstance(source, str) or not source.strip():
                raise CaseError("must be a SeriesInstanceUID or the name of a volume file", where=where)
    if not case.roi_keys:
        raise CaseError("has no box to cut (none at baseline on a primary or target lesion)", where="case.lesions")
    missing = sorted({f"{k.time_point} {k.phase}" for k in case.roi_keys if k.phase not in value.get(k.time_point, {})})
    if missing:
        raise CaseError(f"no source for {', '.join(missing)}, where boxes were drawn", where="sources")
    return dict(value)


def open_sources(sourced: SourcedCase, folder: Path, scan: Callable[[], Scan]) -> Dict[str, Dict[str, CtVolume]]:
    """The volumes of a case.

    Args:
        sourced: from `read_sourced_case`.
        folder: where the DICOM files, or the volume files named, are.
        scan: reads the folder's headers; called only when a series is named.

    Returns:
        time point -> phase -> volume.

    Raises:
        ImagingError: a series is missing, of another patient, or of another day than the case says.
    """
    if not folder.is_dir():
        raise ImagingError("is not a folder" if folder.exists() else "no such folder", where=str(folder))
    named = [(tp, phase, name) for tp, phases in sourced.sources.items() for phase, name in phases.items()]
    series: Dict[Tuple[str, str], Series] = {}
    volumes: Dict[str, Dict[str, CtVolume]] = {}
    found: List[Scan] = []
    for time_point, phase, name in named:
        where = f"sources.{time_point}.{phase}"
        try:
            if is_volume_file(name):
                volumes.setdefault(time_point, {})[phase] = read_volume_file(_inside(folder, name))
                continue
            found = found or [scan()]
            one = found[0].by_source(name)
        except ImagingError as error:
            raise ImagingError(error.what, where=where, hint=error.hint) from None
        series[(time_point, phase)] = one
        volumes.setdefault(time_point, {})[phase] = one.volume()
    if series:
        _check_patient(list(series.values()), found[0])
        _check_days(sourced.case, series)
    return volumes


def _inside(folder: Path, name: str) -> Path:
    """A file named in CASE.json, which must lie in the folder."""
    path = (folder / name).resolve()
    if folder.resolve() not in path.parents:
        raise ImagingError("the volume file must lie inside of the folder")
    return path


def _check_patient(series: List[Series], scan: Scan) -> None:
    """Refuse series of several patients, or of one whose identity is doubtful."""
    identities = [patient for patient in scan.patients if patient.patient_id]
    keys = patient_keys(identities)
    used = sorted({keys[one.patient] for one in series})
    if len(used) > 1:
        raise ImagingError(f"the sources belong to {len(used)} patients", where="sources", hint="Name series of one.")
    reasons = conflicts(identities).get(used[0])
    if reasons:
        raise ImagingError(f"the patient's identity is doubtful: {reasons[0]}", where="sources")


def _check_days(case: Case, series: Mapping[Tuple[str, str], Series]) -> None:
    """Refuse series whose study dates do not lie as many days after the baseline as the case says."""
    dates: Dict[Tuple[str, str], date] = {}
    for (time_point, phase), one in series.items():
        if one.study_date is None:
            raise ImagingError("the series has no valid study date", where=f"sources.{time_point}.{phase}")
        dates[time_point, phase] = one.study_date
    days: Dict[str, int] = {point.name: point.day for point in case.time_points}
    baseline = [day for (time_point, _), day in dates.items() if time_point == "BL"]
    for (time_point, phase), day in dates.items():
        after = (day - baseline[0]).days if baseline else days[time_point]
        if after != days[time_point]:
            raise ImagingError(
                f"the case says day {days[time_point]}, but the series was taken {after} days after the baseline.",
                where=f"sources.{time_point}.{phase}",
                hint="Correct the days of the case, or name the right series.",
            )
