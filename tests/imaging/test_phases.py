"""Which phase a series shows, and which of several series is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Tuple

import pytest

from her2_core.imaging import Scan, scan_folder
from her2_core.imaging.choose import SHARP, SOFT, UNKNOWN, choose, kernel_class
from her2_core.imaging.phases import named_phases, recognise
from support.dicom_files import write_series

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("ABD ARTERIAL 1.25mm", "arterial"),
        ("Late Art 35s", "arterial"),
        ("ART_1.0_B30", "arterial"),
        ("腹部 动脉期", "arterial"),
        ("腹部ART期", "arterial"),
        ("A期 1.5mm", "arterial"),
        ("Portal Venous", "venous"),
        ("PVP 5mm", "venous"),
        ("venöse Phase", "venous"),
        ("门静脉期 5.0", "venous"),
        ("门脉期", "venous"),
        ("Ｖ期", "venous"),
        ("Chest C-/Thorax", "plain"),
        ("CT ABD WO IV CONT", "plain"),
        ("平扫 5mm", "plain"),
        ("NON-CONTRAST", "plain"),
        ("DELAYED 3 min", "delayed"),
        ("延迟期", "delayed"),
    ],
)
def test_phase_words_are_recognised_in_english_and_chinese(text: str, phase: str) -> None:
    assert named_phases(text) == {phase}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CHEST W IV CONTRAST",
        "intravenous contrast",
        "静脉注射造影剂",
        "肺动脉CTA",
        "主动脉",
        "SMART mA",
        "Heart",
        "C-spine",
        "W/WO CONTRAST",
        "model based",
        "ABD/PEL C+",
    ],
)
def test_words_that_only_look_like_a_phase_are_not_one(text: str) -> None:
    assert named_phases(text) == set()


def test_a_name_with_both_phases_is_ambiguous() -> None:
    assert named_phases("动静脉期") == {"arterial", "venous"}
    assert named_phases("ABD ART/VEN") == {"arterial", "venous"}


def scanned(folder: Path, **series: Dict[str, Any]) -> Scan:
    for name, tags in series.items():
        write_series(folder / name, name=name, **tags)
    return scan_folder(folder)


def decided(scan: Scan) -> Dict[str, Tuple[Any, str]]:
    decisions = recognise(scan.series)
    return {s.description: (decisions[s.source].phase, decisions[s.source].reason) for s in scan.series}


CONTRAST = {"ContrastBolusAgent": "Iohexol"}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_chinese_without_a_declared_character_set_is_understood(tmp_path: Path, encoding: str) -> None:
    (path,) = write_series(tmp_path, positions=[0], SeriesDescription="XXXXXXXXXXXX")
    written = "动脉期 5mm".encode(encoding)
    raw = path.read_bytes().replace(
        b"XXXXXXXXXXXX", written.ljust(12)[:12] if encoding == "gb18030" else written[:9] + b" 5m"
    )
    path.write_bytes(raw.replace(b"ISO_IR 192", b"          "))
    ((description, (phase, _)),) = decided(scan_folder(tmp_path)).items()
    assert description.startswith("动脉期")
    assert phase == "arterial"


def test_accented_latin_letters_stay_as_they_are(tmp_path: Path) -> None:
    write_series(tmp_path, positions=[0], SeriesDescription="venöse Phase", SpecificCharacterSet="ISO_IR 100")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"          "))
    assert decided(scan_folder(tmp_path))["venöse Phase"][0] == "venous"


def test_ambiguous_names_stay_unknown_and_say_so(tmp_path: Path) -> None:
    found = decided(scanned(tmp_path, a={"SeriesDescription": "ART+VEN"}))
    phase, reason = found["ART+VEN"]
    assert phase is None
    assert reason == 'series description "ART+VEN" names several phases (arterial, venous)'


def test_protocol_counts_only_when_no_other_scan_shares_it(tmp_path: Path) -> None:
    both = {"ProtocolName": "Abdomen Arterial"}
    alone = decided(scanned(tmp_path / "1", a={"SeriesDescription": "x", "AcquisitionTime": "100000", **both}))
    assert alone["x"] == ("arterial", 'protocol name "Abdomen Arterial"')
    shared = decided(
        scanned(
            tmp_path / "2",
            a={"SeriesDescription": "x", "AcquisitionTime": "100000", **both},
            b={"SeriesDescription": "y", "AcquisitionTime": "100200", **both},
        )
    )
    assert shared["x"][0] is None
    assert shared["y"][0] is None


@pytest.mark.parametrize(("start", "phase"), [("095925", "arterial"), ("095850", "venous"), ("095910", None)])
def test_time_since_injection_decides_inside_the_usual_ranges_only(tmp_path: Path, start: str, phase: Any) -> None:
    tags = {"SeriesDescription": "x", "AcquisitionTime": "100000", "ContrastBolusStartTime": start}
    found = decided(scanned(tmp_path, a=tags))  # 35, 70 and 50 s
    assert found["x"][0] == phase


def test_seconds_in_the_description_decide(tmp_path: Path) -> None:
    found = decided(
        scanned(
            tmp_path,
            a={"SeriesDescription": "Abdomen 35s"},
            b={"SeriesDescription": "腹部 70秒"},
            c={"SeriesDescription": "Gated 0.50 s"},
        )
    )
    assert found["Abdomen 35s"][0] == "arterial"
    assert found["腹部 70秒"][0] == "venous"
    assert found["Gated 0.50 s"][0] is None


def test_two_contrast_scans_in_a_row_are_arterial_then_venous(tmp_path: Path) -> None:
    found = decided(
        scanned(
            tmp_path,
            plain={"SeriesDescription": "平扫", "AcquisitionTime": "095500"},
            second={"SeriesDescription": "q", "AcquisitionTime": "100035", **CONTRAST},
            first={"SeriesDescription": "z", "AcquisitionTime": "100000", **CONTRAST},
            thin={"SeriesDescription": "z thin", "AcquisitionTime": "100001", **CONTRAST},
        )
    )
    assert found["z"] == ("arterial", "first of two contrast scans, 35 s before the second")
    assert found["z thin"][0] == "arterial"
    assert found["q"] == ("venous", "second of two contrast scans, 35 s after the first")
    assert found["平扫"][0] == "plain"


def test_one_named_phase_tells_the_other_scan(tmp_path: Path) -> None:
    found = decided(
        scanned(
            tmp_path,
            a={"SeriesDescription": "动脉期", "AcquisitionTime": "100000", **CONTRAST},
            b={"SeriesDescription": "5mm", "AcquisitionTime": "100040", **CONTRAST},
        )
    )
    assert found["5mm"][0] == "venous"


@pytest.mark.parametrize(
    "change",
    [
        {"AcquisitionTime": "100500"},  # too late for the venous scan of the same injection
        {"AcquisitionTime": None},
        {"ContrastBolusAgent": None},
        {"positions": [900, 905, 910]},  # another part of the body
        {"positions": [0, 5]},  # too few slices: bolus tracking
    ],
)
def test_order_decides_nothing_when_the_scans_do_not_belong_together(tmp_path: Path, change: Any) -> None:
    second = {"SeriesDescription": "b", "AcquisitionTime": "100035", **CONTRAST, **change}
    found = decided(scanned(tmp_path, a={"SeriesDescription": "a", "AcquisitionTime": "100000", **CONTRAST}, b=second))
    assert found["a"][0] is None
    assert found["b"][0] is None


def test_three_unnamed_contrast_scans_are_not_guessed(tmp_path: Path) -> None:
    scans = {f"s{k}": {"SeriesDescription": f"s{k}", "AcquisitionTime": f"10{k:02d}00", **CONTRAST} for k in range(3)}
    assert all(phase is None for phase, _ in decided(scanned(tmp_path, **scans)).values())


@pytest.mark.parametrize(
    ("kernel", "description", "expected"),
    [
        ("STANDARD", "", SOFT),
        ("LUNG", "", SHARP),
        ("BONEPLUS", "", SHARP),
        ("B31f", "", SOFT),
        ("B70f", "", SHARP),
        ("Br40d\\3", "", SOFT),
        ("FC17", "", SOFT),
        ("FC52", "", SHARP),
        ("B", "", SOFT),
        ("YB", "", SHARP),
        ("", "纵隔窗", SOFT),
        ("", "肺窗", SHARP),
        ("", "5mm", UNKNOWN),
    ],
)
def test_kernels_are_soft_or_sharp(tmp_path: Path, kernel: str, description: str, expected: int) -> None:
    scan = scanned(tmp_path, a={"ConvolutionKernel": kernel.split("\\"), "SeriesDescription": description})
    assert kernel_class(scan.series[0]) == expected


BASE: Dict[str, Any] = {"SliceThickness": 2.5, "ConvolutionKernel": "STANDARD"}


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({}, {"positions": [0]}, "several slices"),
        ({}, {"positions": [0, 5, 10]}, "covers more of the body"),
        ({}, {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, "original images, not derived ones"),
        ({"SliceThickness": 5.0}, {"ConvolutionKernel": "LUNG", "SliceThickness": 1.0}, "softer kernel"),
        ({"SliceThickness": 5.0}, {"SliceThickness": 0.6}, "thickness between 1 and 5 mm"),
        ({"SliceThickness": 5.0}, {"SliceThickness": 8.0}, "thickness between 1 and 5 mm"),
        ({}, {"positions": [0, 5, 10, 20]}, "no slices missing"),
        ({"SliceThickness": 1.25}, {}, "thinner slices"),
    ],
)
def test_the_series_to_read_is_chosen_with_its_reason(tmp_path: Path, better: Any, worse: Any, reason: str) -> None:
    scan = scanned(
        tmp_path,
        a={**BASE, "SeriesDescription": "worse", **worse},
        b={**BASE, "SeriesDescription": "better", **better},
    )
    choice = choose(scan.series)
    assert choice.best.description == "better"
    assert choice.reason.endswith(reason)
    assert choice.clear


def test_equal_series_are_said_to_be_equal(tmp_path: Path) -> None:
    scan = scanned(tmp_path, a=dict(BASE), b=dict(BASE))
    choice = choose(scan.series)
    assert not choice.clear
    assert choice.best.source == min(s.source for s in scan.series)
    assert "2 series are equally suitable" in choice.reason
