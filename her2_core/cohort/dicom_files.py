"""CT slices as DICOM files: CT Image Storage with all type 1 and 2 attributes (DICOM PS3.3 A.3)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import numpy as np
import numpy.typing as npt

from her2_core import __version__
from her2_core.imaging.geometry import Geometry

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
INTERCEPT = -1024
"""Stored value 0, as most scanners have it."""
SYNTHETIC_LABEL = "SYNTHETIC"


@dataclass(frozen=True)
class PatientLabel:
    """Identity in the headers: fictitious for phantoms."""

    name: str
    patient_id: str
    birth_date: str = ""
    sex: str = ""
    issuer: str = ""


@dataclass(frozen=True)
class SeriesLabel:
    """Headers that all slices of one series share.

    Attributes:
        patient: whose.
        study, series, frame_of_reference: UIDs.
        day: date of the study.
        time: start of the acquisition, seconds after midnight.
        bolus_time: start of contrast injection, seconds after midnight; None = no contrast.
        number: series number.
        description, study_description, protocol: free texts; say that the images are synthetic.
        manufacturer, kernel, kvp: equipment and reconstruction.
        image_type: value 1 to 3 of (0008,0008).
        derivation: how the pixels were made.
    """

    patient: PatientLabel
    study: str
    series: str
    frame_of_reference: str
    day: date
    time: int
    bolus_time: Optional[int]
    number: int
    description: str
    study_description: str
    protocol: str
    derivation: str
    manufacturer: str = "HER2 Response phantom"
    kernel: str = "STANDARD"
    kvp: str = "120"
    image_type: Tuple[str, str, str] = ("ORIGINAL", "PRIMARY", "AXIAL")


def uid_of(*parts: object) -> str:
    """A UID that depends on its arguments only (DICOM PS3.5 B.2, from a name-based UUID)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(map(str, parts))).int}"


def write_slices(folder: Path, label: SeriesLabel, geometry: Geometry, first: int, hu: npt.NDArray[np.int16]) -> None:
    """Write slices `first`, `first + 1`, .. of a series, one file each.

    Args:
        folder: of the series; must exist.
        label: shared headers.
        geometry: of the whole series.
        first: slice number of `hu[0]`.
        hu: (slices, rows, columns) Hounsfield units.
    """
    from pydicom import dcmwrite

    common = _common(label, geometry)
    for offset, image in enumerate(hu):
        index = first + offset
        instance = len(geometry) - index  # scanners count from the head
        dataset = _slice(common, label, geometry, index, instance)
        stored = np.clip(image.astype(np.int32) - INTERCEPT, 0, 4095).astype("<u2")
        dataset.PixelData = stored.tobytes()
        dcmwrite(str(folder / f"IM{instance:04d}.dcm"), dataset, write_like_original=False)


def _common(label: SeriesLabel, geometry: Geometry) -> Dict[str, Any]:
    """Attributes that do not change from slice to slice."""
    day, clock = label.day.strftime("%Y%m%d"), _clock(label.time)
    values: Dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": list(label.image_type),
        "SOPClassUID": CT_IMAGE_STORAGE,
        "StudyDate": day,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "ContentDate": day,
        "StudyTime": _clock(label.time if label.bolus_time is None else label.bolus_time),
        "SeriesTime": clock,
        "AcquisitionTime": clock,
        "ContentTime": clock,
        "AccessionNumber": "",
        "Modality": "CT",
        "Manufacturer": label.manufacturer,
        "ManufacturerModelName": SYNTHETIC_LABEL,
        "SoftwareVersions": __version__,
        "ReferringPhysicianName": "",
        "StudyDescription": label.study_description,
        "SeriesDescription": label.description,
        "DerivationDescription": label.derivation,
        "PatientName": label.patient.name,
        "PatientID": label.patient.patient_id,
        "PatientBirthDate": label.patient.birth_date,
        "PatientSex": label.patient.sex,
        "KVP": label.kvp,
        "ProtocolName": label.protocol,
        "ConvolutionKernel": label.kernel,
        "PatientPosition": "HFS",
        "StudyInstanceUID": label.study,
        "SeriesInstanceUID": label.series,
        "StudyID": "1",
        "SeriesNumber": label.number,
        "AcquisitionNumber": 1,
        "FrameOfReferenceUID": label.frame_of_reference,
        "PositionReferenceIndicator": "",
        "QualityControlImage": "YES",  # PS3.3 C.7.6.1: a quality control or phantom image
        "BurnedInAnnotation": "NO",
        **_pixel_module(geometry),
    }
    if label.bolus_time is not None:
        values["ContrastBolusAgent"] = f"{SYNTHETIC_LABEL} IODINE"
        values["ContrastBolusStartTime"] = _clock(label.bolus_time)
    if label.patient.issuer:
        values["IssuerOfPatientID"] = label.patient.issuer
    return values


def _pixel_module(geometry: Geometry) -> Dict[str, Any]:
    """Image plane, image pixel and CT image module."""
    spacing = geometry.pixel_spacing_mm
    columns, rows = geometry.column_step_mm / spacing[1], geometry.row_step_mm / spacing[0]
    return {
        "SliceThickness": _number(geometry.thickness_mm or geometry.slice_spacing_mm),
        "ImageOrientationPatient": [_number(v) for v in (*columns, *rows)],
        "PixelSpacing": [_number(v) for v in spacing],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": geometry.rows,
        "Columns": geometry.columns,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": str(INTERCEPT),
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": "50",
        "WindowWidth": "350",
    }


def _slice(common: Dict[str, Any], label: SeriesLabel, geometry: Geometry, index: int, instance: int) -> Dataset:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    uid = UID(uid_of(label.series, index))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(CT_IMAGE_STORAGE)
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE_ENDIAN)
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    for keyword, value in common.items():
        setattr(dataset, keyword, value)
    dataset.SOPInstanceUID = uid
    dataset.InstanceNumber = instance
    origin = geometry.origins_mm[index]
    dataset.ImagePositionPatient = [_number(v) for v in origin]
    dataset.SliceLocation = _number(origin[2])
    return dataset


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def _number(value: float) -> str:
    """A decimal string: at most 16 characters (DICOM PS3.5 6.2)."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".") or "0"
