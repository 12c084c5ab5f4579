"""Case bundle (`.her2`) and saliency bundle: a case, or the answer's heat maps, as one file (contract 3).

A bundle is a zip file. Member 1, `bundle.json`, holds {format, version, case, rois: [{lesion_id, time_point, phase,
place, notes, member, shape}]}; every `roi/NNNN.npy` is an int16 array (3, rows, columns) of Hounsfield units. It
carries a pseudonym and days since baseline: no names, dates, UIDs or paths. numpy and the standard library read it:

    import io, json, zipfile, numpy
    archive = zipfile.ZipFile("case.her2")
    document = json.loads(archive.read("bundle.json"))
    pixels = {r["member"]: numpy.load(io.BytesIO(archive.read(r["member"]))) for r in document["rois"]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, TypeVar, Union

import numpy as np
import numpy.typing as npt

from her2_core.case import CASE_ID, MAX_COORDINATE_MM, PHASES, TIME_POINTS, Case, Phase, TimePointName
from her2_core.container import MAX_FILE_BYTES, Container, pack_container, refuse, unpack_container
from her2_core.decoding import decode
from her2_core.errors import BundleError, CaseError
from her2_core.files import replacing
from her2_core.roi import Place, Roi

CASE_FORMAT, SALIENCY_FORMAT = "her2-case", "her2-saliency"
VERSION = 1
SUFFIX = ".her2"
MIN_SIDE, MAX_SIDE = 8, 2048
"""Rows and columns of an ROI: 8 is the least that is cut, 2048 the largest CT matrix in use."""
MIN_SPACING_MM, MAX_SPACING_MM = 0.01, 20.0
_SQUARE = 1e-3
"""Largest cosine between row and column direction: DICOM direction cosines are rounded to few digits."""
_UPRIGHT = 0.5
"""Least cosine between plane normal and slice step: gantry tilt stays below 30 degrees, plus room for obliquity."""
_NOTE = re.compile(r"[a-z0-9_]{1,48}\Z")
_MAX_NOTES = 16

T = TypeVar("T")
SaliencyMap = npt.NDArray[np.float16]


@dataclass(frozen=True)
class _RoiHeader:
    """What `bundle.json` says about one ROI."""

    lesion_id: str
    time_point: TimePointName
    phase: Phase
    place: Place
    notes: Tuple[str, ...]
    member: str
    shape: Tuple[int, int, int]


@dataclass(frozen=True)
class _MapHeader:
    """What `bundle.json` says about one saliency map."""

    member: str
    shape: Tuple[int, int]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A case with its pixels.

    Attributes:
        case: the case.
        rois: one per `case.roi_keys`, in that order (any order is accepted when building).

    Raises:
        BundleError: an ROI is missing, not part of the case, or breaks a rule.
    """

    case: Case
    rois: Tuple[Roi, ...]

    def __post_init__(self) -> None:
        given = {roi.identity: roi for roi in self.rois}
        if len(given) != len(self.rois):
            refuse("two ROIs of the same lesion, time point and phase", "rois")
        keys = [(k.lesion_id, k.time_point, k.phase) for k in self.case.roi_keys]
        for missing in [key for key in keys if key not in given]:
            refuse(f"no pixels for {' '.join(missing)}", "rois", "Cut the case again.")
        for extra in sorted(given.keys() - set(keys)):
            refuse(f"{' '.join(extra)} has no box in the case", "rois", "Cut the case again.")
        for roi in self.rois:
            _check_roi(roi)
        object.__setattr__(self, "rois", tuple(given[key] for key in keys))


@dataclass(frozen=True, eq=False)
class SaliencyBundle:
    """Heat maps of one prediction.

    Attributes:
        case_id: whose.
        maps: member name (`saliency_member(i)`, i = 0, 1, ..) -> float16 (rows, columns) on the grid of ROI i.

    Raises:
        BundleError: a name, type or shape is wrong, or a value is not finite.
    """

    case_id: str
    maps: Mapping[str, SaliencyMap]

    def __post_init__(self) -> None:
        if not CASE_ID.match(self.case_id):
            refuse("must be 26 characters A-Z, 2-7", "case_id")
        if list(self.maps) != [saliency_member(i) for i in range(len(self.maps))]:
            refuse("maps must be named saliency/0000.npy, saliency/0001.npy, .. in order", "maps")
        for name, values in self.maps.items():
            if values.dtype != np.float16 or values.ndim != 2:
                refuse("must be a float16 array (rows, columns)", name)
            _check_side(values.shape, name)
            if not np.isfinite(values).all():
                refuse("holds values that are not finite", name)


def roi_member(index: int) -> str:
    """Member name of the ROI at this index of `Bundle.rois`."""
    return f"roi/{index:04d}.npy"


def saliency_member(index: int) -> str:
    """Member name of the map of the ROI at this index of `Bundle.rois`."""
    return f"saliency/{index:04d}.npy"


def pack(bundle: Bundle) -> bytes:
    """Bundle to bytes; equal bundles give equal bytes.

    Raises:
        BundleError: larger than a bundle may be.
    """
    headers: List[Dict[str, Any]] = [
        {**roi.header(), "member": roi_member(i), "shape": list(roi.hu.shape)} for i, roi in enumerate(bundle.rois)
    ]
    document = {"format": CASE_FORMAT, "version": VERSION, "case": bundle.case.to_json(), "rois": headers}
    return pack_container(document, [(roi_member(i), roi.hu) for i, roi in enumerate(bundle.rois)])


def unpack(data: bytes) -> Bundle:
    """Bytes to bundle, validated completely; pixel arrays are read-only.

    Raises:
        BundleError: damaged, too large, of an unknown version, not a bundle, or its content breaks a rule.
    """
    container = unpack_container(data, CASE_FORMAT, VERSION)
    _check_keys(container, ("case", "rois"))
    case = _decoded(Case, container.document["case"], "case")
    headers = _decoded_list(_RoiHeader, container.document["rois"], "rois")
    _check_names(container, [h.member for h in headers], [roi_member(i) for i in range(len(headers))])
    expected = len(case.roi_keys)
    if len(headers) != expected:
        refuse(f"{len(headers)} ROIs, the case's boxes need {expected}", "rois", "Cut the case again.")
    return Bundle(case, tuple(_read_roi(container, header) for header in headers))


def pack_saliency(saliency: SaliencyBundle) -> bytes:
    """Saliency maps to bytes, in the same container.

    Raises:
        BundleError: larger than a bundle may be.
    """
    headers = [{"member": name, "shape": list(values.shape)} for name, values in saliency.maps.items()]
    document = {"format": SALIENCY_FORMAT, "version": VERSION, "case_id": saliency.case_id, "maps": headers}
    return pack_container(document, list(saliency.maps.items()))


def unpack_saliency(data: bytes) -> SaliencyBundle:
    """Bytes to saliency maps, validated completely.

    Raises:
        BundleError: as `unpack`.
    """
    container = unpack_container(data, SALIENCY_FORMAT, VERSION)
    _check_keys(container, ("case_id", "maps"))
    case_id = container.document["case_id"]
    if not isinstance(case_id, str):
        refuse("must be a text", "case_id")
    headers = _decoded_list(_MapHeader, container.document["maps"], "maps")
    _check_names(container, [h.member for h in headers], [saliency_member(i) for i in range(len(headers))])
    for header in headers:
        _check_side(header.shape, header.member)
    return SaliencyBundle(case_id, {h.member: container.array(h.member, "<f2", h.shape) for h in headers})


def read_bundle(path: Union[str, Path]) -> Bundle:
    """Read and validate a `.her2` file.

    Raises:
        BundleError: as `unpack`; the message names the file.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    try:
        return unpack(data)
    except BundleError as error:
        place = f"{Path(path).name}: {error.where}" if error.where else Path(path).name
        raise BundleError(error.what, where=place, hint=error.hint) from None


def write_bundle(path: Union[str, Path], bundle: Bundle) -> None:
    """Write a `.her2` file; a reader sees the old file or the new one, never half of it.

    Raises:
        BundleError: larger than a bundle may be.
        OSError: the folder cannot be written.
    """
    data = pack(bundle)
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(data)


def _check_roi(roi: Roi) -> None:
    where = " ".join(map(str, roi.identity))
    if roi.time_point not in TIME_POINTS or roi.phase not in PHASES:
        refuse("unknown time point or phase", where)
    if roi.hu.dtype != np.int16 or roi.hu.ndim != 3 or roi.hu.shape[0] != 3:
        refuse("pixels must be int16 (3, rows, columns)", where)
    _check_side(roi.hu.shape[1:], where)
    if (roi.place.rows, roi.place.columns) != roi.hu.shape[1:]:
        refuse(f"place says {roi.place.rows} x {roi.place.columns}, pixels are {roi.hu.shape[1:]}", where)
    if len(roi.notes) > _MAX_NOTES or not all(_NOTE.match(note) for note in roi.notes):
        refuse("notes must be a few short lower-case codes", where)
    _check_place(roi.place, where)


def _check_place(place: Place, where: str) -> None:
    """Finite, near the patient, right-handed: columns to the left, rows to the back, slices to the head."""
    vectors = np.array([place.column_step_mm, place.row_step_mm, place.slice_step_mm, place.origin_mm], dtype=float)
    if not np.isfinite(vectors).all() or np.abs(vectors).max() > MAX_COORDINATE_MM:
        refuse(f"place must hold finite numbers up to {MAX_COORDINATE_MM:g} mm", where)
    lengths = np.linalg.norm(vectors[:3], axis=1)
    if lengths.min() < MIN_SPACING_MM or lengths.max() > MAX_SPACING_MM:
        refuse(f"spacing must lie between {MIN_SPACING_MM:g} and {MAX_SPACING_MM:g} mm", where)
    column, row, step = vectors[:3] / lengths[:, None]
    if abs(column @ row) > _SQUARE:
        refuse("rows and columns must be perpendicular", where)
    if np.cross(column, row) @ step < _UPRIGHT or min(column[0], row[1], step[2]) <= 0:
        refuse("place must run to the patient's left, back and head", where)


def _check_side(shape: Sequence[int], where: str) -> None:
    if not all(MIN_SIDE <= n <= MAX_SIDE for n in shape):
        refuse(f"rows and columns must lie between {MIN_SIDE} and {MAX_SIDE}, not {tuple(shape)}", where)


def _read_roi(container: Container, header: _RoiHeader) -> Roi:
    if header.shape[0] != 3:
        refuse(f"must have 3 slices, not {header.shape[0]}", header.member)
    _check_side(header.shape[1:], header.member)
    pixels = container.array(header.member, "<i2", header.shape)
    return Roi(header.lesion_id, header.time_point, header.phase, pixels, header.place, header.notes)


def _check_keys(container: Container, wanted: Sequence[str]) -> None:
    found = set(container.document) - {"format", "version"}
    if found != set(wanted):
        refuse(f"must have exactly the keys format, version, {', '.join(wanted)}", "bundle.json")


def _check_names(container: Container, declared: Sequence[str], wanted: Sequence[str]) -> None:
    if list(declared) != list(wanted) or list(container.names) != list(wanted):
        refuse("members of the zip file do not match bundle.json", "bundle.json")


def _decoded(cls: type[T], value: Any, where: str) -> T:
    try:
        return decode(cls, value, where)
    except CaseError as error:
        refuse(error.what, error.where or where, error.hint or "")


def _decoded_list(cls: type[T], value: Any, where: str) -> Tuple[T, ...]:
    if not isinstance(value, list):
        refuse("must be a list", where)
    return tuple(_decoded(cls, item, f"{where}[{i}]") for i, item in enumerate(value))
