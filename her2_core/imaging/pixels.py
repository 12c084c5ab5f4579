"""Decode stored CT images to Hounsfield units, only those asked for.

Uncompressed pixel data are read with numpy, RLE by pydicom, all JPEG families by GDCM (BSD licence), which SimpleITK
carries, so nothing has to be installed inside 3D Slicer. What GDCM cannot read goes to a pydicom plugin, if there is one.
"""

from __future__ import annotations

import warnings
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import ImagingError
from her2_core.imaging.headers import CT_IMAGE, Frame
from her2_core.imaging.volume import OUTSIDE, Hounsfield, to_hounsfield

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
"""Implicit and explicit little endian, explicit big endian, deflated (DICOM PS3.5, A)."""
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_RLE = "1.2.840.10008.1.2.5"

Stored = npt.NDArray[Any]


def read_frames(path: str, frames: Sequence[Frame]) -> List[Hounsfield]:
    """Decode some frames of one file.

    Args:
        path: the file.
        frames: which; all of this file.

    Returns:
        For each frame (rows, columns) int16 HU as stored (not turned); `OUTSIDE` where the scanner wrote padding.

    Raises:
        ImagingError: truncated, inconsistent, or compressed in a way nothing here can read.
    """
    import pydicom

    where = Path(path).name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path, force=True)
            layout = _Layout(data)
            if any((frame.rows, frame.columns) != (layout.rows, layout.columns) for frame in frames):
                raise ImagingError("changed since the folder was read.", hint="Read the folder again.")
            stored = _stored(data, layout, [frame.number for frame in frames])
        except ImagingError as error:
            raise ImagingError(error.what, where=where, hint=error.hint) from None
        except OSError:
            raise
        except Exception as error:  # a damaged file can raise nearly anything inside the parser
            raise ImagingError(f"its pixels cannot be read ({type(error).__name__})", where=where) from None
    return [layout.hounsfield(stored[frame.number], frame.slope, frame.intercept) for frame in frames]


class _Layout:
    """How stored values are written (DICOM PS3.5, 8.1) and which of them are padding (PS3.3, C.7.5.1.1.2)."""

    def __init__(self, data: Any) -> None:
        self.rows, self.columns = int(data.Rows), int(data.Columns)
        self.allocated, self.stored = int(data.BitsAllocated), int(data.BitsStored)
        self.high = int(data.get("HighBit", self.stored - 1))
        self.signed = bool(int(data.get("PixelRepresentation", 0)))
        self.frames = int(data.get("NumberOfFrames") or 1)
        if self.allocated not in (8, 16, 32) or not 0 < self.stored <= self.high + 1 <= self.allocated:
            raise ImagingError(f"pixels of {self.stored} bits in {self.allocated} are not supported")
        padding = [data.get(k) for k in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
        ends = [self._as_written(int(value)) for value in padding if value is not None]
        self.padding: Optional[Tuple[int, int]] = None
        if padding[0] is not None:
            self.padding = (min(ends), max(ends))

    def _as_written(self, value: int) -> int:
        """A padding value in the sign of the pixels: some writers store -2000 as 63536 and the other way round."""
        wrapped = value % (1 << self.allocated)
        return wrapped - (1 << self.allocated) if self.signed and wrapped >> (self.allocated - 1) else wrapped

    def hounsfield(self, words: Stored, slope: float, intercept: float) -> Hounsfield:
        """(rows, columns) unsigned words as stored -> int16 HU."""
        whole = words.view(words.dtype.str.replace("u", "i")) if self.signed else words
        unused = self.allocated - 1 - self.high
        values: Stored = np.right_shift(np.left_shift(whole, unused), self.allocated - self.stored)
        wide: Any = np.int32 if self.stored <= 16 else np.int64
        if slope.is_integer() and intercept.is_integer() and abs(slope) < 1e4 and abs(intercept) < 1e6:
            hu = to_hounsfield(values.astype(wide) * wide(slope) + wide(intercept))
        else:
            hu = to_hounsfield(values * slope + intercept)
        if self.padding:
            low, high = self.padding
            hu[((whole >= low) & (whole <= high)) | ((values >= low) & (values <= high))] = OUTSIDE
        return hu


def _stored(data: Any, layout: _Layout, numbers: Sequence[int]) -> Dict[int, Stored]:
    """Stored words of some frames: frame number -> (rows, columns) unsigned."""
    syntax = str(getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", "")) or _NATIVE[1]
    if "PixelData" not in data:
        raise ImagingError("has no pixel data")
    if syntax in _NATIVE:
        order = ">" if syntax == _BIG_ENDIAN else "<"
        return {number: _native(data.PixelData, layout, number, order) for number in numbers}
    last = max(numbers) + 1
    compressed = list(islice(_compressed_frames(data.PixelData, layout.frames), last))
    if len(compressed) < last:
        raise ImagingError("its pixel data are truncated")
    return {number: _decompress(compressed[number], data, layout, syntax) for number in numbers}


def _native(pixels: bytes, layout: _Layout, number: int, order: str) -> Stored:
    count = layout.rows * layout.columns
    dtype = np.dtype(f"{order}u{layout.allocated // 8}")
    start = number * count * dtype.itemsize
    if len(pixels) < start + count * dtype.itemsize:
        raise ImagingError("its pixel data are truncated")
    words = np.frombuffer(pixels, dtype, count, start).reshape(layout.rows, layout.columns)
    return words.astype(dtype.newbyteorder("="))


def _compressed_frames(pixels: bytes, frames: int) -> Any:
    import pydicom.encaps

    encaps: Any = pydicom.encaps
    if _pydicom_2():
        return encaps.generate_pixel_data_frame(pixels, frames)
    return encaps.generate_frames(pixels, number_of_frames=frames)


def _pydicom_2() -> bool:
    import pydicom

    return int(pydicom.__version__.split(".")[0]) < 3


def _decompress(frame: bytes, data: Any, layout: _Layout, syntax: str) -> Stored:
    """One compressed frame -> (rows, columns) unsigned words."""
    single = _one_frame(frame, data, syntax)
    decoders: List[Callable[[Any], Stored]] = [_by_gdcm, _by_pydicom]
    for decode in reversed(decoders) if syntax == _RLE else decoders:
        try:
            image = np.squeeze(decode(single))
        except Exception:  # noqa: S112  # the next decoder may know this syntax
            continue
        if image.shape == (layout.rows, layout.columns):
            return image.astype(np.int64).astype(np.dtype(f"u{layout.allocated // 8}"))
    from pydicom.uid import UID

    raise ImagingError(
        f"its compression ({UID(syntax).name}) cannot be read here, or its pixel data are damaged.",
        hint="Export the series uncompressed, or install pylibjpeg-openjpeg or pyjpegls.",
    )


def _one_frame(frame: bytes, data: Any, syntax: str) -> Any:
    """A data set with this frame alone: no patient data, and a rescale of 1 and 0 so that stored values come out."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, generate_uid

    single = Dataset()
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(single, keyword, data.get(keyword))
    single.SamplesPerPixel, single.PhotometricInterpretation = 1, "MONOCHROME2"
    single.RescaleSlope, single.RescaleIntercept = "1", "0"
    instance: Any = generate_uid()
    single.SOPClassUID, single.SOPInstanceUID = UID(CT_IMAGE), instance
    single.PixelData = encapsulate([frame])
    single["PixelData"].VR, single["PixelData"].is_undefined_length = "OB", True
    single.file_meta = FileMetaDataset()
    single.file_meta.TransferSyntaxUID = UID(syntax)
    single.file_meta.MediaStorageSOPClassUID = UID(CT_IMAGE)
    single.file_meta.MediaStorageSOPInstanceUID = instance
    if _pydicom_2():  # takes the encoding from here instead of from the transfer syntax
        single.is_little_endian, single.is_implicit_VR = True, False
    return single


def _by_pydicom(single: Any) -> Stored:
    pixels: Stored = single.pixel_array
    return pixels


def _by_gdcm(single: Any) -> Stored:
    import pydicom
    import SimpleITK

    with TemporaryDirectory(prefix="her2-") as folder:
        path = str(Path(folder, "frame.dcm"))
        options: Dict[str, Any] = {"write_like_original": False} if _pydicom_2() else {"enforce_file_format": True}
        pydicom.dcmwrite(path, single, **options)
        sitk: Any = SimpleITK
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(path)
        pixels: Stored = sitk.GetArrayFromImage(reader.Execute())
    return pixels
