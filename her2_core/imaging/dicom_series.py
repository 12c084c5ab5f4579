"""Frames of DICOM files -> CT series with slices in order. What cannot be used is set aside with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from her2_core.errors import ImagingError
from her2_core.imaging.dicom_volume import DicomVolume
from her2_core.imaging.geometry import Geometry, PlaneView, canonical_geometry, plane_name, unit
from her2_core.imaging.headers import FileHeader, Frame, Patient, calendar_date
from her2_core.imaging.roi import MISSING_GAP

SAME_PLACE_MM = 0.01
"""Slices closer than this are at the same place."""
TILT_WORTH_SAYING = 1.0
"""Degrees of gantry tilt from which a warning is given."""
SPARSE = 2.5
"""Slice distance in thicknesses from which a warning is given."""
_SAME_COSINE = 1e-3
_PROJECTION = "a projection or 3D rendering: its values are not Hounsfield units"
_NO_READING_SERIES = (
    (r"\b(scout|topogram|surview|scanogram|locali[sz]er)\b|定位", "a localizer"),
    (r"monitor|smart ?prep|test ?bolus|bolus ?track|sure ?start|监测|监控", "bolus timing images"),
    (r"(?<![a-z])(mip|minip|vrt|volume ?render\w*|3d ?(vr|render\w*|model))(?![a-z])|密度投影", _PROJECTION),
)


@dataclass(frozen=True)
class SetAside:
    """Something that was found but is not used.

    Attributes:
        patient_id: whose; empty if unknown.
        what: series or file.
        reason: why.
    """

    patient_id: str
    what: str
    reason: str


@dataclass(frozen=True, eq=False)
class Series:
    """One axial CT series, ready to be cut.

    Attributes:
        source: its name for `her2 crop`: the SeriesInstanceUID, or UID#n where one series holds several acquisitions.
        geometry: canonical; `frames` lie in its order, and `view` turns each of them.
        acquired_s: start of the scan, seconds since midnight; None if unknown.
        bolus_s: start of contrast injection, the same.
        warnings: what a reader should know about the slices.
    """

    source: str
    series_uid: str
    study_uid: str
    study_date: Optional[date]
    patient: Patient
    description: str
    protocol: str
    kernel: str
    contrast_agent: str
    image_type: Tuple[str, ...]
    acquired_s: Optional[float]
    bolus_s: Optional[float]
    geometry: Geometry
    frames: Tuple[Frame, ...] = field(repr=False)
    view: PlaneView = field(repr=False)
    warnings: Tuple[str, ...] = ()

    @property
    def thickness_mm(self) -> float:
        """Nominal slice thickness; the slice distance where the header has none."""
        return self.geometry.thickness_mm or self.geometry.slice_spacing_mm

    @property
    def extent_mm(self) -> Tuple[float, float]:
        """Lowest and highest position along the normal."""
        positions = self.geometry.positions_mm
        return float(positions[0]), float(positions[-1])

    def volume(self) -> DicomVolume:
        """The pixels, decoded on demand."""
        return DicomVolume(self.geometry, self.frames, self.view)

    def label(self) -> str:
        """How a reader recognises it: description, slices, thickness."""
        name = self.description or self.protocol or "no description"
        count = len(self.frames)
        return f'"{name}", {count} slice{"s" if count != 1 else ""} of {self.thickness_mm:g} mm'

    def to_json(self) -> Dict[str, Any]:
        """For `her2 pair --json`."""
        row_mm, column_mm = self.geometry.pixel_spacing_mm
        return {
            "series_uid": self.series_uid,
            "source": self.source,
            "study_uid": self.study_uid,
            "description": self.description,
            "protocol": self.protocol,
            "slices": len(self.frames),
            "rows": self.geometry.rows,
            "columns": self.geometry.columns,
            "thickness_mm": round(self.thickness_mm, 4),
            "spacing_mm": [round(v, 6) for v in (self.geometry.slice_spacing_mm, row_mm, column_mm)],
            "range_mm": [round(v, 3) for v in self.extent_mm],
            "kernel": self.kernel,
            "contrast_agent": bool(self.contrast_agent),
            "warnings": list(self.warnings),
        }


def build_series(headers: Iterable[FileHeader]) -> Tuple[List[Series], List[SetAside]]:
    """Group usable headers into series.

    Args:
        headers: of CT files without a `problem`, in any order.

    Returns:
        Axial series by patient, date and source; and what was set aside.
    """
    groups: Dict[Tuple[str, str, str, str], List[FileHeader]] = {}
    for header in headers:
        key = (header.patient.issuer, header.patient.patient_id, header.study_uid, header.series_uid)
        groups.setdefault(key, []).append(header)
    series: List[Series] = []
    aside: List[SetAside] = []
    for key in sorted(groups):
        found, rejected = _one_group(sorted(groups[key], key=lambda h: (h.frames[0].sop_uid, h.path)))
        series += found
        aside += rejected
    return series, aside


def _one_group(headers: Sequence[FileHeader]) -> Tuple[List[Series], List[SetAside]]:
    """The files of one SeriesInstanceUID."""
    aside: List[SetAside] = []
    pictures = [h for h in headers if "LOCALIZER" not in h.image_type]
    if len(pictures) < len(headers):
        aside.append(set_aside(headers[0], len(headers) - len(pictures), "a localizer"))
    if not pictures:
        return [], aside
    reason = _not_for_reading(pictures)
    if reason:
        return [], [*aside, set_aside(pictures[0], len(pictures), reason)]
    stacks = _axial_stacks(pictures, aside)
    if not stacks:
        return [], aside
    for other in stacks[1:]:
        aside.append(set_aside(pictures[0], len(other), "another pixel grid than the rest of its series"))
    parts, warnings = _without_duplicates(stacks[0])
    found = []
    for acquisition, frames in parts:
        name = f"{pictures[0].series_uid}#{acquisition}" if len(parts) > 1 else pictures[0].series_uid
        try:
            found.append(_series(name, pictures, frames, warnings))
        except ImagingError as error:
            aside.append(set_aside(pictures[0], len(frames), str(error)))
    return found, aside


def _not_for_reading(headers: Sequence[FileHeader]) -> str:
    """Why a series is no CT to read lesions on, or an empty text."""
    first = headers[0]
    for pattern, reason in _NO_READING_SERIES:
        if re.search(pattern, first.description, re.IGNORECASE):
            return reason
    if any("PROJECTION" in part or part in ("MIP", "MINIP") for part in first.image_type):
        return _PROJECTION
    dates = {header.study_date for header in headers}
    return "its slices carry different study dates" if len(dates) > 1 else ""


def set_aside(header: FileHeader, count: int, reason: str) -> SetAside:
    """A line about `count` images of one series."""
    name = header.description or header.protocol or "no description"
    when = f" of {header.study_date}" if header.study_date else ""
    return SetAside(
        header.patient.patient_id, f'series "{name}"{when} ({count} image{"s" if count != 1 else ""})', reason
    )


def _axial_stacks(headers: Sequence[FileHeader], aside: List[SetAside]) -> List[List[Frame]]:
    """Frames that share one pixel grid, largest stack first; other planes go aside."""
    stacks: List[List[Frame]] = []
    for frame in (frame for header in headers for frame in header.frames):
        for stack in stacks:
            if _same_grid(stack[0], frame):
                stack.append(frame)
                break
        else:
            stacks.append([frame])
    axial = []
    for stack in sorted(stacks, key=len, reverse=True):
        try:
            name = plane_name(unit(np.cross(stack[0].orientation[:3], stack[0].orientation[3:])))
        except ImagingError:
            name = "without a direction"
        if name == "axial":
            axial.append(stack)
        else:
            aside.append(set_aside(headers[0], len(stack), f"{name}, not axial"))
    return axial


def _same_grid(a: Frame, b: Frame) -> bool:
    return (
        (a.rows, a.columns) == (b.rows, b.columns)
        and all(abs(x - y) <= _SAME_COSINE for x, y in zip(a.orientation, b.orientation))
        and all(abs(x - y) <= 1e-4 * abs(x) for x, y in zip(a.spacing, b.spacing))
    )


def _without_duplicates(stack: Sequence[Frame]) -> Tuple[List[Tuple[int, List[Frame]]], List[str]]:
    """Slices in order, one per place: (acquisition, frames) for each part, and warnings.

    A series that scans the same places again under another acquisition number (arterial and venous in one series)
    becomes one part per acquisition. Otherwise the first slice at each place stays.
    """
    files: Dict[Tuple[str, int, Tuple[float, ...]], Frame] = {}
    for frame in stack:  # the place counts too: careless anonymisation gives one UID to many slices
        files.setdefault((frame.sop_uid or frame.path, frame.number, frame.position), frame)
    copies = len(stack) - len(files)
    warnings = [f"{copies} cop{'ies' if copies > 1 else 'y'} of the same image left out"] if copies else []
    ordered = sorted(files.values(), key=_order)
    single = _one_per_place(ordered)
    doubled = len(ordered) - len(single)
    if not doubled:
        return [(0, single)], warnings
    acquisitions = sorted({frame.acquisition or 0 for frame in ordered})
    parts = [(a, _one_per_place([f for f in ordered if (f.acquisition or 0) == a])) for a in acquisitions]
    smaller = sorted(len(frames) for _, frames in parts)[:-1]
    if smaller and doubled > sum(smaller) / 2:
        warnings.append(f"one series with {len(parts)} acquisitions of the same places; taken apart")
        return parts, warnings
    warnings.append(f"{doubled} slice{'s lie' if doubled > 1 else ' lies'} where another one lies; the first was kept")
    return [(0, single)], warnings


def _position(frame: Frame) -> float:
    """Millimetres along the patient-upward normal."""
    normal = unit(np.cross(frame.orientation[:3], frame.orientation[3:]))
    return float(normal @ np.array(frame.position)) * (1 if normal[2] > 0 else -1)


def _order(frame: Frame) -> Tuple[float, int, int, str, int]:
    """By place; at one place by acquisition and instance number, never by file name."""
    place = round(_position(frame) / SAME_PLACE_MM)
    return (place, frame.acquisition or 0, frame.instance or 0, frame.sop_uid, frame.number)


def _one_per_place(ordered: Sequence[Frame]) -> List[Frame]:
    kept: List[Frame] = []
    for frame in ordered:
        if not kept or _position(frame) - _position(kept[-1]) > SAME_PLACE_MM:
            kept.append(frame)
    return kept


def _series(source: str, headers: Sequence[FileHeader], frames: List[Frame], warnings: Sequence[str]) -> Series:
    geometry, view = _geometry(frames)
    first = headers[0]
    times = [h.acquired_s for h in headers if h.acquired_s is not None and _holds(h, frames)]
    return Series(
        source=source,
        series_uid=first.series_uid,
        study_uid=first.study_uid,
        study_date=calendar_date(first.study_date),
        patient=first.patient,
        description=first.description,
        protocol=first.protocol,
        kernel=first.kernel,
        contrast_agent=first.contrast_agent,
        image_type=first.image_type,
        acquired_s=min(times, default=None),
        bolus_s=first.bolus_s,
        geometry=geometry,
        frames=tuple(frames),
        view=view,
        warnings=(*warnings, *_slice_warnings(geometry)),
    )


def _holds(header: FileHeader, frames: Sequence[Frame]) -> bool:
    paths = {frame.path for frame in frames}
    return header.path in paths


def _geometry(frames: Sequence[Frame]) -> Tuple[Geometry, PlaneView]:
    first = frames[0]
    between_rows, between_columns = first.spacing
    thicknesses = [frame.thickness for frame in frames if frame.thickness]
    return canonical_geometry(
        np.array([frame.position for frame in frames], dtype=np.float64),
        unit(np.array(first.orientation[:3])) * between_columns,
        unit(np.array(first.orientation[3:])) * between_rows,
        first.rows,
        first.columns,
        float(np.median(thicknesses)) if thicknesses else None,
    )


def _slice_warnings(geometry: Geometry) -> List[str]:
    if len(geometry) == 1:
        return ["only one slice"]
    found = []
    gaps = np.diff(geometry.positions_mm) / geometry.slice_spacing_mm
    missing = int(np.rint(gaps[gaps > MISSING_GAP] - 1).clip(1).sum())
    if missing:
        found.append(f"about {missing} slice{'s' if missing > 1 else ''} missing")
    if geometry.thickness_mm and geometry.slice_spacing_mm > SPARSE * geometry.thickness_mm:
        found.append(f"slices of {geometry.thickness_mm:g} mm lie {geometry.slice_spacing_mm:g} mm apart")
    if geometry.tilt_degrees > TILT_WORTH_SAYING:
        found.append(f"gantry tilt of {geometry.tilt_degrees:.0f} degrees")
    return found
