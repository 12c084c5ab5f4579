"""NIfTI, NRRD and MetaImage volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from her2_core.errors import ImagingError
from her2_core.imaging import cut_roi, read_volume_file
from her2_core.roi import BODY_WINDOW
from support.ct_volumes import numbered, upright

pytestmark = pytest.mark.light


def image_of(hu: Any, spacing: Any = (1.0, 1.0, 5.0), direction: Any = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> Any:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(spacing)
    image.SetDirection([float(v) for v in direction])
    image.SetOrigin((-10.0, 20.0, 300.0))
    return image


def write(image: Any, path: Path) -> Path:
    import SimpleITK as sitk  # noqa: N813

    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_every_format_gives_the_roi_of_the_volume_in_memory(tmp_path: Path, name: str) -> None:
    hu = numbered(5, 25, 28)
    volume = read_volume_file(write(image_of(hu), tmp_path / name))
    expected = cut_roi(upright(hu, origin=(-10, 20, 300)), (3, 32, 310), (8, 6), BODY_WINDOW)
    found = cut_roi(volume, (3, 32, 310), (8, 6), BODY_WINDOW)
    assert (found[0] == expected[0]).all()
    assert np.allclose(found[1].origin_mm, expected[1].origin_mm, atol=1e-5)


@pytest.mark.parametrize("order", ["RAI", "LPI", "PIR", "SAL", "ASR"])
def test_reoriented_files_give_the_same_roi(tmp_path: Path, order: str) -> None:
    import SimpleITK as sitk  # noqa: N813

    image = image_of(numbered(5, 25, 28))
    expected = cut_roi(read_volume_file(write(image, tmp_path / "a.nrrd")), (3, 32, 310), (8, 6), BODY_WINDOW)
    turned = read_volume_file(write(sitk.DICOMOrient(image, order), tmp_path / "b.nrrd"))
    found = cut_roi(turned, (3, 32, 310), (8, 6), BODY_WINDOW)
    assert (found[0] == expected[0]).all()
    assert found[1] == expected[1]


def test_a_coronal_scan_is_not_read_as_an_axial_one(tmp_path: Path) -> None:
    path = write(image_of(numbered(5, 25, 28), direction=(1, 0, 0, 0, 0, 1, 0, -1, 0)), tmp_path / "a.nrrd")
    with pytest.raises(ImagingError, match=r"a\.nrrd: the scan is coronal, not axial \(slices 5 mm apart\)"):
        read_volume_file(path)


def test_what_is_no_volume_is_refused(tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    (tmp_path / "bad.nii").write_bytes(b"no image")
    with pytest.raises(ImagingError, match="cannot be read as NIfTI"):
        read_volume_file(tmp_path / "bad.nii")
    with pytest.raises(ImagingError, match="no such file"):
        read_volume_file(tmp_path / "gone.nii")
    flat = write(sitk.GetImageFromArray(np.zeros((4, 4), np.int16)), tmp_path / "flat.mha")
    with pytest.raises(ImagingError, match="not one volume"):
        read_volume_file(flat)


def test_real_volume_with_padding_is_read(shared_data: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    path = shared_data / "followup_pair" / "baseline.mha"
    volume = read_volume_file(path)
    image = sitk.ReadImage(str(path))
    geometry = volume.geometry
    center = np.array(image.TransformContinuousIndexToPhysicalPoint([s / 2 for s in image.GetSize()]))
    hu, place, _ = cut_roi(volume, center, (30.0, 20.0), BODY_WINDOW)
    index = image.TransformPhysicalPointToIndex(place.origin_mm)
    assert hu[1, 0, 0] == image[index]
    assert geometry.slice_spacing_mm == pytest.approx(image.GetSpacing()[2])
