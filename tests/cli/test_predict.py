from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from her2_core.bundle import unpack_saliency, write_bundle
from her2_core.cli.main import main
from her2_core.cli.predict import summary
from her2_core.errors import BadInput, ModelError
from her2_core.prognosis import Prognosis
from support.bundles import bundle
from support.predictions import FakeEngine, predicted
from support.servers import running

pytestmark = pytest.mark.server

EXPECTED = predicted(bundle())


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    path = tmp_path / "case.her2"
    write_bundle(path, bundle())
    return path


def test_prediction_by_a_server_is_written_and_summed_up(
    case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    with running(FakeEngine()) as url:
        assert main(["predict", str(case_file), "--server", url, "-o", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["prognosis.json", "saliency.her2"]
    assert Prognosis.from_json(json.loads((out / "prognosis.json").read_text())) == EXPECTED.prognosis
    maps = unpack_saliency((out / "saliency.her2").read_bytes()).maps
    np.testing.assert_array_equal(maps["saliency/0001.npy"], EXPECTED.saliency.maps["saliency/0001.npy"])
    text = capsys.readouterr().out
    assert f"{EXPECTED.prognosis.os_probability_12m:.3f}" in text
    assert "none: sex is unknown" in text
    assert "Research use only" in text


def test_json_output_is_the_prognosis(case_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(FakeEngine()) as url:
        assert main(["predict", str(case_file), "--server", url, "--json"]) == 0
    assert Prognosis.from_json(json.loads(capsys.readouterr().out)) == EXPECTED.prognosis


def test_summary_shows_the_nomogram_where_there_is_one() -> None:
    nomogram = replace(
        EXPECTED.prognosis.nomogram,
        variant="Nomo-LDLM-2F",
        total_points=123.45,
        risk_group="high",
        survival={"6": None, "12": 0.25},
    )
    lines = list(summary(replace(EXPECTED.prognosis, nomogram=nomogram, tdlm_score=0.5)))
    assert "Nomogram              123.5 points (Nomo-LDLM-2F): high risk" in lines
    assert "  survival  6 months  -" in lines
    assert "  survival 12 months  0.250" in lines
    assert "TDLM score            0.500" in lines


def bad(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["predict", *arguments])
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1
    return code, err


def test_bad_input_is_one_line_and_writes_nothing(
    case_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HER2_MODEL", raising=False)
    damaged = tmp_path / "damaged.her2"
    damaged.write_bytes(case_file.read_bytes()[:-5])
    out = tmp_path / "out"
    to = ["-o", str(out)]
    code, err = bad([str(damaged), "--server", "http://127.0.0.1:9", *to], capsys)
    assert (code, "damaged.her2: the end of the bundle" in err) == (2, True)
    code, err = bad([str(tmp_path / "missing.her2"), *to], capsys)
    assert (code, "No such file" in err) == (2, True)
    code, err = bad([str(case_file), "--server", "nowhere", *to], capsys)
    assert (code, "not a server address" in err) == (2, True)
    code, err = bad([str(case_file), "--server", "http://127.0.0.1:9", *to], capsys)
    assert (code, "no server answers" in err) == (1, True)
    code, err = bad([str(case_file), "--model", str(tmp_path), *to], capsys)
    assert (code, "holds no model" in err) == (2, True)
    assert not out.exists()


def test_refusal_of_the_server_is_bad_input(case_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(FakeEngine(error=BadInput("no lesion has a box", hint="Draw one."))) as url:
        code, err = bad([str(case_file), "--server", url], capsys)
    assert (code, "no lesion has a box. Draw one." in err) == (2, True)
    with running(FakeEngine(error=ModelError("broken"))) as url:
        code, err = bad([str(case_file), "--server", url], capsys)
    assert (code, "the server failed" in err) == (1, True)
