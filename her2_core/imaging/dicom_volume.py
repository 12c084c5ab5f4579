"""A CT volume whose slices lie in DICOM files and are decoded when asked for."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np

from her2_core.imaging.geometry import Geometry, PlaneView
from her2_core.imaging.headers import Frame
from her2_core.imaging.pixels import read_frames
from her2_core.imaging.volume import Hounsfield


class DicomVolume:
    """An axial stack of DICOM frames, as `CtVolume`.

    Args:
        geometry: canonical.
        frames: one per slice, in the order of `geometry`.
        view: how each stored image is turned to the canonical orientation.
    """

    def __init__(self, geometry: Geometry, frames: Sequence[Frame], view: PlaneView) -> None:
        self._geometry = geometry
        self._frames = tuple(frames)
        self._view = view

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie."""
        return self._geometry

    def read_slices(self, indices: Sequence[int]) -> Hounsfield:
        """As `CtVolume.read_slices`; each file is opened once.

        Raises:
            ImagingError: a file's pixels cannot be decoded.
            OSError: a file has gone.
        """
        by_file: Dict[str, List[Tuple[int, Frame]]] = {}
        for place, index in enumerate(indices):
            frame = self._frames[index]
            by_file.setdefault(frame.path, []).append((place, frame))
        hu = np.empty((len(indices), self._geometry.rows, self._geometry.columns), dtype=np.int16)
        for path, wanted in by_file.items():
            for (place, _), image in zip(wanted, read_frames(path, [frame for _, frame in wanted])):
                hu[place] = self._view.apply(image)
        return hu
