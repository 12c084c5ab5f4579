"""Find all CT series under a folder, reading headers only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from her2_core.errors import ImagingError
from her2_core.imaging.dicom_series import Series, SetAside, build_series, set_aside
from her2_core.imaging.headers import FileHeader, Patient, Unreadable, read_header

NAMES_SHOWN = 5
"""Of many files with the same reason, so many are named."""
Progress = Callable[[int, int], None]
"""Called with the number of files read so far and in all."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What a folder holds.

    Attributes:
        series: axial CT series.
        set_aside: everything else, with reasons.
        patients: every identity that CT files carry, also of files set aside.
    """

    series: Tuple[Series, ...]
    set_aside: Tuple[SetAside, ...]
    patients: Tuple[Patient, ...]

    def by_source(self, source: str) -> Series:
        """The series of this name.

        Raises:
            ImagingError: there is none, or it names several.
        """
        found = [s for s in self.series if source in (s.source, s.series_uid)]
        if not found:
            raise ImagingError("no usable axial CT series of this UID in the folder.", hint="`her2 pair` lists them.")
        exact = [s for s in found if s.source == source] or found
        if len(exact) > 1:
            names = ", ".join(f"#{s.source.rpartition('#')[2]}" for s in exact)
            raise ImagingError(f"this series holds several acquisitions ({names}).", hint="Add one of them to the UID.")
        return exact[0]


def scan_folder(path: Path, progress: Optional[Progress] = None) -> Scan:
    """Read the headers of all files under a folder, at any depth and with any names.

    Args:
        path: the folder.
        progress: told after each file.

    Raises:
        ImagingError: no such folder, or no DICOM file in it.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ImagingError("is not a folder" if folder.exists() else "no such folder", where=str(folder))
    files = _files(folder)
    headers: List[FileHeader] = []
    unread: Dict[str, List[str]] = {}
    for number, file in enumerate(files):
        try:
            headers.append(read_header(file))
        except (Unreadable, OSError) as error:
            reason = str(getattr(error, "strerror", None) or error)
            unread.setdefault(reason, []).append(str(file.relative_to(folder)))
        if progress is not None:
            progress(number + 1, len(files))
    if not headers:
        raise ImagingError(f"no DICOM image among {len(files)} files", where=str(folder), hint="Name the right folder.")
    aside = [SetAside("", _listed(names), reason) for reason, names in unread.items()]
    series, rejected = build_series(h for h in headers if not h.problem)
    patients = sorted({h.patient for h in headers if h.modality == "CT"}, key=repr)
    return Scan(tuple(series), (*_problems(headers, folder), *rejected, *aside), tuple(patients))


def _files(folder: Path) -> List[Path]:
    found = []
    for root, _, names in os.walk(folder):
        found += [Path(root, name) for name in names]
    return sorted(found)


def _listed(names: List[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


def _problems(headers: List[FileHeader], folder: Path) -> List[SetAside]:
    """One line for all files of a series with the same problem."""
    groups: Dict[Tuple[str, ...], List[FileHeader]] = {}
    for header in headers:
        if header.problem:
            own = header.series_uid or header.path
            groups.setdefault((header.patient.patient_id, own, header.problem), []).append(header)
    lines = []
    for (patient_id, _, problem), group in groups.items():
        if len(group) == 1:
            name = str(Path(group[0].path).relative_to(folder))
            lines.append(SetAside(patient_id, name, problem))
        else:
            lines.append(set_aside(group[0], len(group), problem))
    return lines
