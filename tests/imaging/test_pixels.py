"""Stored values to Hounsfield units: sign, bits, slopes, padding, byte order, compression."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from her2_core.errors import ImagingError
from her2_core.imaging import OUTSIDE, scan_folder
from her2_core.imaging.headers import read_header
from her2_core.imaging.pixels import read_frames
from support.dicom_files import BIG_ENDIAN, EXPLICIT, IMPLICIT, data_set, enhanced, save, stored_pixels

pytestmark = pytest.mark.light

JPEG_LS = base64.b85decode(  # (8, 10) uint16, value = 37 x index, written by pyjpegls
    "|JeWc01FHN2mlHJ0TBTI+5iXv0RR910FqKtQPEJ)f24p6iAe~^h)5s4B>)Vbymsl!hV6+5iBg2g5g_~IWx?lNamO2Mh_|%UO)|?Yke22cVTKo7"
    "ast}A>#VZNEd2l3"
)


def hounsfield(path: Path) -> Any:
    header = read_header(path)
    assert header.problem == ""
    return read_frames(str(path), header.frames)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.uint8])
def test_every_byte_order_and_word_length_gives_the_same_hounsfield_units(
    tmp_path: Path, syntax: str, dtype: Any
) -> None:
    values = np.arange(120).reshape(10, 12).astype(dtype)
    words = values.byteswap() if syntax == BIG_ENDIAN and values.itemsize > 1 else values
    path = save(tmp_path / "a.dcm", data_set(values, PixelData=words.tobytes()), syntax)
    assert (hounsfield(path)[0] == np.arange(120).reshape(10, 12) - 1024).all()


def test_bits_above_the_stored_ones_are_ignored_and_the_sign_bit_is_the_highest_stored(tmp_path: Path) -> None:
    stored = np.array([[0x0FFF, 0x0800, 0x07FF, 0xF001]], dtype=np.uint16)  # 12 bits signed: -1, -2048, 2047, 1
    data = data_set(stored, BitsStored=12, HighBit=11, PixelRepresentation=1, RescaleIntercept=0)
    assert hounsfield(save(tmp_path / "a.dcm", data))[0].tolist() == [[-1, -2048, 2047, 1]]


def test_fractional_slopes_are_rounded_and_far_values_clipped(tmp_path: Path) -> None:
    stored = np.array([[0, 1, 3, 32767, -32768]], dtype=np.int16)
    path = save(tmp_path / "a.dcm", data_set(stored, RescaleSlope=1.3, RescaleIntercept=-0.4))
    assert hounsfield(path)[0].tolist() == [[0, 1, 4, 32767, -32767]]


@pytest.mark.parametrize(
    ("dtype", "padding", "limit", "stored"),
    [
        (np.int16, -2000, None, [-2000, -1999, 0]),
        (np.int16, 63536, None, [-2000, -1999, 0]),  # -2000 written without its sign
        (np.uint16, 63536, None, [63536, 63535, 0]),
        (np.int16, -2000, -3000, [-2500, -1999, 0]),
        (np.int16, -3000, -2000, [-2000, -1999, 0]),
    ],
)
def test_padding_value_or_range_is_marked_as_outside(
    tmp_path: Path, dtype: Any, padding: int, limit: Any, stored: Any
) -> None:
    from pydicom.dataelem import DataElement

    data = data_set(np.array([stored], dtype=dtype), RescaleIntercept=0)
    for tag, value in ((0x00280120, padding), (0x00280121, limit)):
        if value is not None:
            data[tag] = DataElement(tag, "SS" if value < 0 else "US", value)
    hu = hounsfield(save(tmp_path / "a.dcm", data))[0]
    assert hu[0, 0] == OUTSIDE
    assert hu[0, 1] != OUTSIDE
    assert hu[0, 2] == 0


def test_padding_beyond_the_stored_bits_is_still_padding(tmp_path: Path) -> None:
    stored = np.array([[0xF830, 100]], dtype=np.uint16)  # 63536 in a 12 bit image
    data = data_set(stored, BitsStored=12, HighBit=11, PixelPaddingValue=0xF830)
    assert hounsfield(save(tmp_path / "a.dcm", data))[0].tolist() == [[OUTSIDE, 100 - 1024]]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
def test_lossless_jpeg_and_jpeg_2000_are_read_without_extra_packages(
    tmp_path: Path, compressor: str, dtype: Any
) -> None:
    import pydicom
    import SimpleITK as sitk  # noqa: N813

    values = (np.arange(320).reshape(16, 20) * 7 + (0 if dtype == np.uint16 else -900)).astype(dtype)
    image = sitk.GetImageFromArray(values[None])
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "itk.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.Execute(image)
    written = pydicom.dcmread(str(tmp_path / "itk.dcm"))
    syntax = str(written.file_meta.TransferSyntaxUID)
    assert syntax not in (EXPLICIT, IMPLICIT)
    data = data_set(values, PixelData=written.PixelData, RescaleSlope=2, RescaleIntercept=-10)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    path = save(tmp_path / "in" / "a.dcm", data, syntax)
    assert (hounsfield(path)[0] == values.astype(int) * 2 - 10).all()


def test_run_length_encoding_is_read(tmp_path: Path) -> None:
    import pydicom
    from pydicom.uid import RLELossless

    path = save(tmp_path / "plain.dcm", data_set(stored_pixels(2)))
    data = pydicom.dcmread(str(path))
    data.compress(RLELossless)
    data.save_as(str(tmp_path / "rle.dcm"))
    assert (hounsfield(tmp_path / "rle.dcm")[0] == stored_pixels(2) - 1024).all()


def test_jpeg_ls_is_read_without_extra_packages(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    values = (np.arange(80).reshape(8, 10) * 37).astype(np.uint16)
    data = data_set(values, BitsStored=12, HighBit=11, PixelData=encapsulate([JPEG_LS]))
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    path = save(tmp_path / "a.dcm", data, "1.2.840.10008.1.2.4.80")
    assert (hounsfield(path)[0] == values.astype(int) - 1024).all()


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.90"])
def test_what_nothing_can_decode_names_the_compression_and_what_to_do(tmp_path: Path, syntax: str) -> None:
    from pydicom.encaps import encapsulate

    data = data_set(stored_pixels(0), PixelData=encapsulate([b"not a code stream "]))
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    path = save(tmp_path / "a.dcm", data, syntax)
    with pytest.raises(ImagingError, match=r"a\.dcm: its compression \(.+\) cannot be read here.* install pylibjpeg"):
        hounsfield(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PixelData": b"\0" * 100}, "truncated"),
        ({"PixelData": None}, "no pixel data"),
        ({"BitsAllocated": 12}, "12 are not supported"),
    ],
)
def test_damaged_pixels_give_one_clear_message(tmp_path: Path, change: Any, message: str) -> None:
    data = data_set(stored_pixels(0), **change)
    with pytest.raises(ImagingError, match=message):
        hounsfield(save(tmp_path / "a.dcm", data))


def test_file_that_changed_after_the_scan_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dcm", data_set(stored_pixels(0)))
    header = read_header(path)
    save(path, data_set(stored_pixels(0, 8, 8)))
    with pytest.raises(ImagingError, match="changed since"):
        read_frames(str(path), header.frames)


def test_frames_of_an_enhanced_file_have_their_own_rescale(tmp_path: Path) -> None:
    path = save(tmp_path / "e.dcm", enhanced([10, 0, 5], [-1000, -1024, -900]))
    header = read_header(path)
    wanted = [header.frames[2], header.frames[0]]
    third, first = read_frames(str(path), wanted)
    assert (third == stored_pixels(2) - 900).all()
    assert (first == stored_pixels(0) - 1000).all()


def test_compressed_enhanced_file_is_decoded_frame_by_frame(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    data = enhanced([0, 5], [0, -24])
    values = (np.arange(80).reshape(8, 10) * 37).astype(np.uint16)
    data.Rows, data.Columns, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 10, 12, 11, 0
    data.PixelData = encapsulate([JPEG_LS, JPEG_LS])
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    first, second = hounsfield(save(tmp_path / "e.dcm", data, "1.2.840.10008.1.2.4.80"))
    assert (first == values).all()
    assert (second == values.astype(int) - 24).all()


def test_real_series_equals_simpleitk_in_pixels_and_geometry(shared_data: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    folder = shared_data / "chest_ct" / "dicom"
    (series,) = scan_folder(folder).series
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    geometry = series.geometry
    assert (series.volume().read_slices(range(64)) == sitk.GetArrayFromImage(image)).all()
    for index in ((0, 0, 0), (511, 0, 63), (17, 400, 31)):
        column, row, number = index
        ours = geometry.origins_mm[number] + row * geometry.row_step_mm + column * geometry.column_step_mm
        assert np.allclose(ours, image.TransformIndexToPhysicalPoint(index), atol=1e-6)


def test_real_odd_slices_equal_simpleitk(shared_data: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    series = scan_folder(shared_data / "odd_dicom").series
    assert len(series) == 5
    for one in series:
        theirs = sitk.GetArrayFromImage(sitk.ReadImage(one.frames[0].path)).squeeze()
        assert (one.volume().read_slices([0])[0] == one.view.apply(theirs)).all()
