"""One DICOM file's header as plain data: whose it is, which series, where its frames lie. Pixels are not read."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""Enhanced and Legacy Converted Enhanced CT Image Storage (DICOM PS3.4 B.5)."""
_DIRECTORY = "1.2.840.10008.1.3.10"
_STORAGE_ROOT = "1.2.840.10008."
_HU_TYPES = ("", "HU", "HU_MOD", "US")
"""Rescale Type (0028,1054) of values that are Hounsfield units; US = unspecified (PS3.3 C.11.1.1.2)."""

_UNDECLARED = (
    ("utf-8", rb"(?:[\x00-\x7f]|[\xe3-\xe9][\x80-\xbf]{2})+"),
    ("gb18030", rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])+"),
)
"""Byte patterns of Chinese text; a lone accented Latin letter matches neither."""

_TAGS = (  # noqa: SIM905  # forty quoted words are harder to read
    "SOPClassUID SOPInstanceUID Modality ImageType StudyDate StudyInstanceUID SeriesInstanceUID PatientID "
    "IssuerOfPatientID PatientName PatientBirthDate PatientSex StudyDescription SeriesDescription ProtocolName "
    "ConvolutionKernel ContrastBolusAgent ContrastBolusAgentSequence ContrastBolusStartTime AcquisitionTime "
    "AcquisitionDateTime AcquisitionNumber InstanceNumber SliceThickness ImagePositionPatient "
    "ImageOrientationPatient PixelSpacing Rows Columns SamplesPerPixel NumberOfFrames RescaleSlope RescaleIntercept "
    "RescaleType SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence"
).split()


class Unreadable(Exception):
    """The file is not DICOM, or so damaged that not even its header can be read; the text says which."""


@dataclass(frozen=True)
class Patient:
    """Identity as written in the headers; stays on the workstation."""

    patient_id: str
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


class Frame(NamedTuple):
    """One stored image: a single-frame file, or one frame of an enhanced multi-frame file.

    Attributes:
        path: the file.
        number: frame within the file, from 0.
        sop_uid: of the file.
        position: centre of its first pixel, LPS mm (0020,0032).
        orientation: direction cosines of increasing column, then of increasing row (0020,0037).
        spacing: mm between rows, between columns (0028,0030).
        rows: number of rows.
        columns: number of columns.
        slope: HU = slope x stored value + intercept (0028,1053).
        intercept: HU (0028,1052).
        thickness: mm (0018,0050), None if unknown.
        instance: instance number, None if unknown.
        acquisition: acquisition number or temporal position, None if unknown.
    """

    path: str
    number: int
    sop_uid: str
    position: Tuple[float, ...]
    orientation: Tuple[float, ...]
    spacing: Tuple[float, ...]
    rows: int
    columns: int
    slope: float
    intercept: float
    thickness: Optional[float] = None
    instance: Optional[int] = None
    acquisition: Optional[int] = None


@dataclass(frozen=True)
class FileHeader:
    """What one file says about itself. `problem` is why it cannot be used, or empty; then `frames` is not empty."""

    path: str
    patient: Patient
    modality: str
    study_uid: str = ""
    study_date: str = ""
    series_uid: str = ""
    description: str = ""
    protocol: str = ""
    kernel: str = ""
    contrast_agent: str = ""
    image_type: Tuple[str, ...] = ()
    acquired_s: Optional[float] = None
    bolus_s: Optional[float] = None
    frames: Tuple[Frame, ...] = ()
    problem: str = ""


def read_header(path: Path) -> FileHeader:
    """Read one file's header.

    Raises:
        Unreadable: no DICOM, or damaged.
        OSError: the file cannot be opened.
    """
    import pydicom

    if not _looks_like_dicom(path):
        raise Unreadable("not a DICOM file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(str(path), force=True, stop_before_pixels=True, specific_tags=list(_TAGS))
            sop_class = _text(data, "SOPClassUID")
            if _DIRECTORY in (sop_class, _text(getattr(data, "file_meta", {}), "MediaStorageSOPClassUID")):
                raise Unreadable("a DICOM directory, not an image")
            if not sop_class.startswith(_STORAGE_ROOT):
                raise Unreadable("not a DICOM image (no SOP class)")
            return _header(path, data, sop_class)
        except (Unreadable, OSError):
            raise
        except Exception as error:  # a damaged file can raise nearly anything inside the parser
            raise Unreadable(f"damaged DICOM header ({type(error).__name__})") from None


def _looks_like_dicom(path: Path) -> bool:
    """A Part 10 preamble, or a data set that starts in group 0002 or 0008 in either byte order."""
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def _header(path: Path, data: Any, sop_class: str) -> FileHeader:
    patient = Patient(
        patient_id=_text(data, "PatientID"),
        issuer=_text(data, "IssuerOfPatientID"),
        name=_text(data, "PatientName"),
        birth_date=_text(data, "PatientBirthDate"),
        sex=_text(data, "PatientSex").upper(),
    )
    header = FileHeader(
        path=str(path),
        patient=patient,
        modality=_text(data, "Modality") or "unknown modality",
        study_uid=_text(data, "StudyInstanceUID"),
        study_date=_text(data, "StudyDate"),
        series_uid=_text(data, "SeriesInstanceUID"),
        description=_free_text(data, "SeriesDescription"),
        protocol=_free_text(data, "ProtocolName"),
        kernel=_text(data, "ConvolutionKernel"),
        contrast_agent=_text(data, "ContrastBolusAgent") or ("yes" if data.get("ContrastBolusAgentSequence") else ""),
        image_type=tuple(part.upper() for part in _texts(data, "ImageType")),
        acquired_s=seconds_of_day(_text(data, "AcquisitionTime") or _text(data, "AcquisitionDateTime")[8:]),
        bolus_s=seconds_of_day(_text(data, "ContrastBolusStartTime")),
    )
    problem = _kind_problem(data, header, sop_class)
    frames: List[Frame] = []
    if not problem:
        frames, problem = _frames(path, data, sop_class)
    return replace(header, frames=() if problem else tuple(frames), problem=problem)


def _kind_problem(data: Any, header: FileHeader, sop_class: str) -> str:
    if header.modality != "CT":
        return f"{header.modality}, not CT"
    if sop_class != CT_IMAGE and sop_class not in ENHANCED_CT:
        from pydicom.uid import UID

        return f"{UID(sop_class).name}, not a CT image"
    if (_number(data, "SamplesPerPixel") or 1) != 1:
        return "a colour picture, not a CT image"
    if not header.patient.patient_id:
        return "no patient id (0010,0020): it cannot be told whose it is"
    if not header.series_uid or not header.study_uid:
        return "no study or series UID"
    return ""


def _frames(path: Path, data: Any, sop_class: str) -> Tuple[List[Frame], str]:
    """All frames, and why the file cannot be used (empty: it can)."""
    count = int(_number(data, "NumberOfFrames") or 1)
    groups = _functional_groups(data, count) if sop_class in ENHANCED_CT else [[data]]
    if len(groups) != count:
        return [], f"{count} frames, but places for {len(groups)}"
    found = []
    for number, sources in enumerate(groups):
        frame, problem = _frame(path, number, [*sources, data])
        if frame is None:
            return [], problem
        found.append(frame)
    return found, ""


def _functional_groups(data: Any, count: int) -> List[List[Any]]:
    """For each frame the items that describe it: its own groups first, then the shared ones (PS3.3 C.7.6.16)."""
    shared = list(data.get("SharedFunctionalGroupsSequence") or [])[:1]
    per_frame = list(data.get("PerFrameFunctionalGroupsSequence") or [])
    if not per_frame and count == 1:
        per_frame = [[]]
    return [[item for outer in [frame, *shared] for item in _inner_items(outer)] for frame in per_frame]


def _inner_items(group: Any) -> List[Any]:
    return [element.value[0] for element in group if element.VR == "SQ" and element.value]


def _frame(path: Path, number: int, sources: List[Any]) -> Tuple[Optional[Frame], str]:
    """One frame from the items that describe it, or why it cannot be used."""
    numbers: Dict[str, Tuple[float, ...]] = {}
    for keyword, length, meaning in (
        ("ImagePositionPatient", 3, "image position (0020,0032)"),
        ("ImageOrientationPatient", 6, "image orientation (0020,0037)"),
        ("PixelSpacing", 2, "pixel spacing (0028,0030)"),
        ("Rows", 1, "number of rows"),
        ("Columns", 1, "number of columns"),
        ("RescaleSlope", 1, "rescale slope (0028,1053), so no Hounsfield units"),
        ("RescaleIntercept", 1, "rescale intercept (0028,1052), so no Hounsfield units"),
    ):
        numbers[keyword] = _first_numbers(sources, keyword)
        if len(numbers[keyword]) != length:
            return None, f"no valid {meaning}"
    unit = next((text for text in (_text(s, "RescaleType") for s in sources) if text), "")
    if unit.upper() not in _HU_TYPES:
        return None, f"values are {unit}, not Hounsfield units"
    if numbers["RescaleSlope"][0] == 0:
        return None, "rescale slope is 0"
    frame = Frame(
        path=str(path),
        number=number,
        sop_uid=_text(sources[-1], "SOPInstanceUID"),
        position=numbers["ImagePositionPatient"],
        orientation=numbers["ImageOrientationPatient"],
        spacing=numbers["PixelSpacing"],
        rows=int(numbers["Rows"][0]),
        columns=int(numbers["Columns"][0]),
        slope=numbers["RescaleSlope"][0],
        intercept=numbers["RescaleIntercept"][0],
        thickness=_positive(_first_numbers(sources, "SliceThickness")),
        instance=_whole(_first_numbers(sources, "InstanceNumber")),
        acquisition=_whole(
            _first_numbers(sources, "TemporalPositionIndex")
            or _first_numbers(sources, "FrameAcquisitionNumber")
            or _first_numbers(sources, "AcquisitionNumber")
        ),
    )
    return frame, ""


def _first_numbers(sources: List[Any], keyword: str) -> Tuple[float, ...]:
    return next((values for values in (_numbers(s, keyword) for s in sources) if values), ())


def _positive(values: Tuple[float, ...]) -> Optional[float]:
    return values[0] if values and values[0] > 0 else None


def _whole(values: Tuple[float, ...]) -> Optional[int]:
    return int(values[0]) if values else None


def _texts(data: Any, keyword: str) -> Tuple[str, ...]:
    """The element's values as texts; empty if it is missing or damaged."""
    try:
        value = data.get(keyword)
    except Exception:  # a wrong VR or encoding surfaces only when the value is asked for
        return ()
    if value is None:
        return ()
    many = not isinstance(value, (str, bytes)) and isinstance(value, Sequence)
    return tuple(str(part).strip().strip("\0") for part in (value if many else [value]))


def _text(data: Any, keyword: str) -> str:
    return " ".join(("\\".join(_texts(data, keyword))).split())


def _free_text(data: Any, keyword: str) -> str:
    """A description; Chinese ones are often written in GB2312 or UTF-8 without saying so (0008,0005)."""
    text = _text(data, keyword)
    if data.get("SpecificCharacterSet"):
        return text
    written = text.encode("latin-1", "replace")
    for encoding, pattern in _UNDECLARED:
        if re.fullmatch(pattern, written):
            return written.decode(encoding, "replace")
    return text


def _numbers(data: Any, keyword: str) -> Tuple[float, ...]:
    """The element's values as finite numbers; empty if it is missing or damaged."""
    try:
        values = tuple(float(text) for text in _texts(data, keyword))
    except ValueError:
        return ()
    return values if all(math.isfinite(v) for v in values) else ()


def _number(data: Any, keyword: str) -> Optional[float]:
    values = _numbers(data, keyword)
    return values[0] if values else None


def seconds_of_day(text: str) -> Optional[float]:
    """A DICOM time (HHMMSS.FFFFFF, also with colons, also cut short) as seconds since midnight."""
    match = re.match(r"(\d\d):?(\d\d):?(\d\d(?:\.\d+)?)", text)
    if not match:
        return None
    hours, minutes, seconds = (float(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def calendar_date(text: str) -> Optional[date]:
    """A date written YYYYMMDD, YYYY-MM-DD or YYYY.MM.DD; None if it is not one."""
    match = re.match(r"(\d{4})([-.]?)(\d\d)\2(\d\d)\Z", text.strip())
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None
