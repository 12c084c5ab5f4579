"""A CT volume in one file: NIfTI, NRRD or MetaImage, read through SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from her2_core.errors import ImagingError
from her2_core.imaging.geometry import Vector, plane_name, unit
from her2_core.imaging.volume import ArrayVolume

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
COARSE = 1.5
"""These files do not say which plane was scanned. An axis this many times coarser than both others is the one through
the slices: a coronal scan stored as a volume must not be read as an axial one with odd pixels."""


def is_volume_file(name: str) -> bool:
    """Whether a name ends like a volume file."""
    return name.lower().endswith(SUFFIXES)


def read_volume_file(path: Path) -> ArrayVolume:
    """Read a volume of Hounsfield units.

    Args:
        path: NIfTI, NRRD or MetaImage file; ITK turns all of them to LPS.

    Raises:
        ImagingError: missing, damaged, not one three-dimensional image of numbers, or not axial.
    """
    import SimpleITK

    sitk: Any = SimpleITK
    if not path.is_file():
        raise ImagingError("no such file", where=path.name)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        raise ImagingError("cannot be read as NIfTI, NRRD or MetaImage", where=path.name) from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ImagingError("is not one volume of single values", where=path.name)
    steps = (np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())).T[::-1]  # array axes k, j, i
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps.T, image.GetOrigin()
    try:
        _check_plane(steps)
        return ArrayVolume(sitk.GetArrayFromImage(image), affine)
    except ImagingError as error:
        raise ImagingError(error.what, where=path.name, hint=error.hint) from None


def _check_plane(steps: Vector) -> None:
    """Refuse a volume whose coarsest axis does not run along the patient.

    Raises:
        ImagingError: the scan was coronal or sagittal.
    """
    sizes = np.linalg.norm(steps, axis=1)
    coarsest, others = int(sizes.argmax()), np.sort(sizes)[1]
    if sizes[coarsest] >= COARSE * others and plane_name(unit(steps[coarsest])) != "axial":
        name = plane_name(unit(steps[coarsest]))
        raise ImagingError(
            f"the scan is {name}, not axial (slices {sizes[coarsest]:g} mm apart).", hint="Use the axial series."
        )
