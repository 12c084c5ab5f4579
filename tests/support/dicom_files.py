"""Small DICOM CT files for the imaging tests, written the same way with pydicom 2.4 and 3."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import numpy.typing as npt

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
ROOT = "1.2.826.0.1.3680043.8.498."


def uid(*parts: Any) -> str:
    """A UID that depends on the parts alone."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return ROOT + str(int.from_bytes(digest[:14], "big"))


def stored_pixels(slice_number: int, rows: int = 16, columns: int = 20) -> npt.NDArray[np.int16]:
    """Stored value = 1000 + 500 x slice + 20 x row + column; with the default intercept HU = stored - 1024."""
    r, c = np.mgrid[:rows, :columns]
    return (1000 + 500 * slice_number + 20 * r + c).astype(np.int16)


def data_set(pixels: Optional[npt.NDArray[Any]], **tags: Any) -> Any:
    """A CT slice as a data set; a tag given as None is left out."""
    from pydicom.dataset import Dataset
    from pydicom.tag import Tag

    values: Dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": CT_IMAGE,
        "Modality": "CT",
        "PatientID": "P1",
        "PatientName": "Test^One",
        "StudyDate": "20200101",
        "StudyInstanceUID": uid("study", tags.get("PatientID", "P1"), tags.get("StudyDate", "20200101")),
        "SeriesInstanceUID": uid("series"),
        "SOPInstanceUID": uid("slice", tags.get("SeriesInstanceUID", ""), tags.get("ImagePositionPatient", "")),
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ImagePositionPatient": [0.0, 0.0, 0.0],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "PixelSpacing": [1.0, 1.0],
        "SliceThickness": 5.0,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
    }
    if pixels is not None:
        bits = pixels.dtype.itemsize * 8
        values.update(
            Rows=pixels.shape[-2],
            Columns=pixels.shape[-1],
            BitsAllocated=bits,
            BitsStored=bits,
            HighBit=bits - 1,
            PixelRepresentation=int(pixels.dtype.kind == "i"),
            PixelData=pixels.tobytes(),
        )
    values.update(tags)
    data = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    if "PixelData" in data:
        data[Tag("PixelData")].VR = "OW"
    return data


def save(path: Path, data: Any, syntax: str = EXPLICIT) -> Path:
    """Write a data set as a DICOM file."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    path.parent.mkdir(parents=True, exist_ok=True)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.preamble = b"\0" * 128
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if pydicom.__version__.startswith("2"):
            data.is_implicit_VR, data.is_little_endian = syntax == IMPLICIT, syntax != BIG_ENDIAN
            pydicom.dcmwrite(str(path), data, write_like_original=False)
        else:
            pydicom.dcmwrite(str(path), data, enforce_file_format=True)
    return path


def write_series(
    folder: Path, positions: Sequence[float] = (0, 5, 10, 15, 20), name: str = "s", **tags: Any
) -> List[Path]:
    """An upright series, one file per z position (mm); slice k holds `stored_pixels(k)`."""
    series = tags.pop("SeriesInstanceUID", uid("series", name, tags.get("PatientID", ""), tags.get("StudyDate", "")))
    return [
        save(
            folder / f"{name}{number:03d}.dcm",
            data_set(
                stored_pixels(number),
                SeriesInstanceUID=series,
                SOPInstanceUID=uid(series, number),
                **{"ImagePositionPatient": [0.0, 0.0, float(z)], "InstanceNumber": number + 1, **tags},
            ),
        )
        for number, z in enumerate(positions)
    ]


def enhanced(positions: Sequence[float], intercepts: Sequence[float], **tags: Any) -> Any:
    """One enhanced multi-frame CT; frame k holds `stored_pixels(k)` at z = positions[k]."""
    from pydicom.dataset import Dataset

    def item(**values: Any) -> Any:
        inner = Dataset()
        for keyword, value in values.items():
            setattr(inner, keyword, value)
        return inner

    frames = []
    for z, intercept in zip(positions, intercepts):
        frames.append(
            item(
                PlanePositionSequence=[item(ImagePositionPatient=[0.0, 0.0, float(z)])],
                PixelValueTransformationSequence=[
                    item(RescaleSlope=1, RescaleIntercept=intercept, RescaleType="HU"),
                ],
            )
        )
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])],
        PixelMeasuresSequence=[item(PixelSpacing=[1.0, 1.0], SliceThickness=5.0)],
    )
    pixels = np.stack([stored_pixels(number) for number in range(len(positions))])
    return data_set(
        pixels,
        SOPClassUID=ENHANCED_CT,
        NumberOfFrames=len(positions),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        SliceThickness=None,
        RescaleSlope=None,
        RescaleIntercept=None,
        **tags,
    )
