from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, Tuple

import numpy as np
import pytest

from her2_core.errors import BadInput
from her2_core.prognosis import Attention, ObjectLabel
from her2_core.study.attention import (
    by_risk_group,
    organ_pair_table,
    organ_pairs,
    read_attention,
    time_differences,
    time_importance,
    time_importance_table,
    write_attention,
)
from support.study import simulated


def attention(objects: Tuple[Tuple[str, str], ...], matrix: list[list[float]], times: Dict[str, float]) -> Attention:
    labels = tuple(ObjectLabel(lesion_id, "venous", organ) for lesion_id, organ in objects)
    return Attention(labels, tuple(map(tuple, matrix)), tuple(times), (), times)  # type: ignore[arg-type]


FIRST = attention(
    (("P", "Stomach"), ("N1", "Lymph node"), ("N2", "Lymph node")),
    [[0.25] * 4, [0.1, 0.2, 0.3, 0.4], [0.1, 0.5, 0.2, 0.2], [0.4, 0.1, 0.1, 0.4]],
    {"BL": 0.2, "1F": 0.3, "2F": 0.5},
)
SECOND = attention(
    (("P", "Stomach"), ("N1", "Lymph node")),
    [[0.4, 0.3, 0.3], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]],
    {"BL": 0.5, "1F": 0.5},
)


def test_weights_are_averaged_over_all_pairs_of_different_lesions() -> None:
    pairs = {(p.source, p.target): p for p in organ_pairs([FIRST, SECOND])}
    assert set(pairs) == {("Stomach", "Lymph node"), ("Lymph node", "Stomach"), ("Lymph node", "Lymph node")}
    stomach = pairs["Stomach", "Lymph node"]
    assert stomach.weight == pytest.approx((0.3 + 0.4 + 0.6) / 3)
    assert stomach.relative == pytest.approx((0.3 * 4 + 0.4 * 4 + 0.6 * 3) / 3)
    assert stomach.patients == 2
    assert pairs["Lymph node", "Stomach"].weight == pytest.approx((0.5 + 0.1 + 0.3) / 3)
    # the nodes of the first patient look at each other; at themselves does not count
    assert pairs["Lymph node", "Lymph node"].weight == pytest.approx((0.2 + 0.1) / 2)
    assert pairs["Lymph node", "Lymph node"].patients == 1


def test_two_phases_of_one_lesion_are_no_pair() -> None:
    both = attention((("N1", "Lymph node"), ("N1", "Lymph node")), [[0.4, 0.3, 0.3]] * 3, {"BL": 1.0})
    assert organ_pairs([both]) == ()


def test_even_attention_has_relative_weight_one_whatever_the_number_of_lesions() -> None:
    cases = [
        attention(tuple((f"L{i}", "Liver") for i in range(n)), [[1 / (n + 1)] * (n + 1)] * (n + 1), {"BL": 1.0})
        for n in (2, 5)
    ]
    assert organ_pairs(cases)[0].relative == pytest.approx(1.0)


def test_time_importance_counts_patients_with_all_three_time_points() -> None:
    other = attention((("P", "Stomach"),), [[0.5, 0.5]] * 2, {"BL": 0.4, "1F": 0.3, "2F": 0.3})
    found = time_importance([FIRST, SECOND, other], resamples=200)
    assert [t.time_point for t in found] == ["BL", "1F", "2F"]
    assert [t.mean for t in found] == pytest.approx([0.3, 0.3, 0.4])
    assert [t.patients for t in found] == [2, 2, 2]
    assert (found[0].low, found[0].high) == pytest.approx((0.2, 0.4))  # both drawn twice happens in a quarter each
    assert time_importance([SECOND]) == ()


def test_groups_are_outside_training_and_their_difference_is_found() -> None:
    study = simulated(scale=0.5)
    groups = by_risk_group(study.scores, study.attentions, 0.5)
    assert len(groups["low"]) + len(groups["high"]) == len(study.scores.rows) - len(study.scores.of("training"))
    p_values = time_differences(groups["low"], groups["high"])
    assert p_values["1F"] is not None
    assert p_values["1F"] < 0.01  # made so: high risk looks more at the first follow-up
    rows = {row[:2]: float(row[3].split()[0]) for row in time_importance_table(groups).rows}
    assert rows["high", "1F"] > rows["low", "1F"]
    assert {row[0] for row in organ_pair_table(groups).rows} == {"low", "high"}


def test_attention_survives_writing_and_reading(tmp_path: Path) -> None:
    study = simulated(scale=0.5)
    write_attention(study.attentions, tmp_path / "attention.json")
    found = read_attention(tmp_path / "attention.json")
    assert found == study.attentions
    one = next(iter(found.values()))
    assert np.sum(one.object_by_object, axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v: v.update(schema="other/1"), "is not a table of attention"),
        (lambda v: v["patients"].update(X={}), "'X' is no case id"),
        (lambda v: next(iter(v["patients"].values()))["object_by_object"].pop(), "objects need"),
        (lambda v: next(iter(v["patients"].values()))["time_importance"].pop("BL"), "no importance for BL"),
    ],
)
def test_a_spoilt_file_is_refused(tmp_path: Path, spoil, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "attention.json"
    write_attention({"ABCDEFGHIJKLMNOPQRSTUVWXYZ": FIRST}, path)
    value = json.loads(path.read_text())
    spoil(value)
    path.write_text(json.dumps(value))
    with pytest.raises(BadInput, match=message):
        read_attention(path)
