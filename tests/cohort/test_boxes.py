"""The boxes CSV, in its full and in its reduced form."""

from __future__ import annotations

from pathlib import Path

import pytest

from her2_core.cohort.boxes import read_boxes
from her2_core.errors import BadInput

HEADER = "time_point,phase,lesion,kind,organ,z_mm,xmin,ymin,xmax,ymax\n"
GOOD = "BL,venous,T1,target,Liver,-12.5,10,20,29,49\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_full_form_keeps_every_lesion_time_point_and_phase(tmp_path: Path) -> None:
    text = HEADER + GOOD + GOOD.replace("venous", "arterial") + "1F,venous,P,primary,Stomach,3,1,2,3,4\n"
    boxes = read_boxes(write(tmp_path, text))
    assert [(b.lesion, b.time_point, b.phase) for b in boxes] == [
        ("T1", "BL", "venous"),
        ("T1", "BL", "arterial"),
        ("P", "1F", "venous"),
    ]
    assert (boxes[0].z_mm, boxes[0].xmin, boxes[0].ymax, boxes[0].area) == (-12.5, 10, 49, 20 * 30)


def test_of_several_slices_the_largest_box_counts(tmp_path: Path) -> None:
    text = HEADER + GOOD + GOOD.replace("-12.5,10", "-7.5,5") + GOOD.replace("-12.5,10", "-2.5,25")
    (box,) = read_boxes(write(tmp_path, text))
    assert (box.z_mm, box.xmin) == (-7.5, 5)


def test_reduced_form_is_one_lung_target_at_baseline(shared_data: Path) -> None:
    (box,) = read_boxes(shared_data / "chest_ct" / "boxes.csv")
    assert (box.time_point, box.lesion, box.kind, box.organ) == ("BL", "T1", "target", "Lung")
    # The file's largest: z -214, (360 - 278 + 1) x (394 - 308 + 1) = 83 x 87.
    assert (box.z_mm, box.xmin, box.ymin, box.xmax, box.ymax, box.area) == (-214.0, 278, 308, 360, 394, 7221)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("BL", "5F", "column time_point: '5F' is not one of BL, 1F"),
        ("venous", "late", "column phase: 'late' is not one of arterial, venous"),
        ("target", "metastasis", "column kind: 'metastasis' is not one of"),
        ("Liver", "Brain", "column organ: 'Brain' is not one of Stomach"),
        ("T1", "../x", "column lesion: '../x' is no name"),
        ("-12.5", "low", "column z_mm: 'low' is not a number"),
        ("-12.5", "nan", "column z_mm: 'nan' is not a number"),
        (",10,", ",-1,", "column xmin: '-1' is not a pixel index"),
        (",10,", ",1.5,", r"column xmin: '1\.5' is not a pixel index"),
        (",29,", ",9,", "column xmax: 9 is less than xmin = 10"),
        (",49", ",19", "column ymax: 19 is less than ymin = 20"),
        (",49", "", "has 9 values for 10 columns"),
        (GOOD, "", "holds no rows"),
        ("xmin", "x0", "column 'xmin' is missing"),
        ("organ,", "organe,", "column 'organ' is missing"),
    ],
)
def test_wrong_cell_is_named_with_file_row_and_column(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, (HEADER + GOOD).replace(old, new))
    with pytest.raises(BadInput, match=message) as caught:
        read_boxes(path)
    assert "boxes.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lesion_that_changes_its_organ_is_refused(tmp_path: Path) -> None:
    text = HEADER + GOOD + GOOD.replace("venous", "arterial").replace("Liver", "Spleen")
    with pytest.raises(BadInput, match=r"row 2 .*column organ: T1 is Spleen here, Liver before"):
        read_boxes(write(tmp_path, text))
