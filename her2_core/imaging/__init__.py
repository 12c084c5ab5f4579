"""From CT files to ROIs: read headers, order slices, pair studies into time points, cut the boxes.

Patient space is DICOM's: LPS, millimetres. pydicom and SimpleITK load at first use.
"""

from her2_core.imaging.cut import cut_case
from her2_core.imaging.dicom_scan import Scan, scan_folder
from her2_core.imaging.dicom_series import Series, SetAside
from her2_core.imaging.file_volume import read_volume_file
from her2_core.imaging.geometry import Geometry
from her2_core.imaging.pairing import PairedPatient, PairedTimePoint, pair
from her2_core.imaging.roi import CutPlan, cut_roi, fill, plan_cut
from her2_core.imaging.volume import OUTSIDE, ArrayVolume, CtVolume

__all__ = [
    "OUTSIDE",
    "ArrayVolume",
    "CtVolume",
    "CutPlan",
    "Geometry",
    "PairedPatient",
    "PairedTimePoint",
    "Scan",
    "Series",
    "SetAside",
    "cut_case",
    "cut_roi",
    "fill",
    "pair",
    "plan_cut",
    "read_volume_file",
    "scan_folder",
]
