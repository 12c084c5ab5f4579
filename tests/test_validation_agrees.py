"""The server (pydantic) and the light part (decoding.py) refuse the same wrong cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from her2_core.case import Case
from her2_core.errors import CaseError
from support import cases

PLACES = (
    "case_id",
    "time_points.0.day",
    "time_points.1.name",
    "lesions.0.organ",
    "lesions.1.kind",
    "lesions.1.box_size_mm",
    "lesions.1.observations.0.long_mm",
    "lesions.1.observations.0.box_centers_mm",
    "lesions.1.observations.0.state",
    "markers.0.values.CEA",
    "clinical.sex",
    "clinical.age_years",
    "outcome.os_days",
    "outcome.death_observed",
    "therapy_start_day",
    "synthetic",
)
VALUES = (None, True, 0, -1, 3.5, "", "x", [], {}, [1, 2, 3], {"a": 1}, float("nan"), float("inf"), 1e308, ...)


def refused_by_light(value: Any) -> bool:
    try:
        Case.from_json(value)
    except CaseError:
        return True
    return False


def refused_by_pydantic(value: Any) -> bool:
    try:
        TypeAdapter(Case).validate_json(json.dumps(value))
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("place", PLACES)
def test_both_validators_agree(place: str) -> None:
    good = cases.full_case().to_json()
    answers = []
    for value in VALUES:
        wrong = cases.changed(good, place, value)
        answers.append((refused_by_light(wrong), refused_by_pydantic(wrong)))
    assert [light for light, _ in answers] == [pydantic for _, pydantic in answers]
    assert any(light for light, _ in answers)


def test_both_accept_a_full_case_and_refuse_an_unknown_key() -> None:
    good = cases.full_case().to_json()
    assert not refused_by_light(good)
    assert not refused_by_pydantic(good)
    wrong = cases.changed(good, "lesions.0.name", "Doe")
    assert refused_by_light(wrong)
    assert refused_by_pydantic(wrong)
