"""Batches refuse what a network cannot answer."""

from __future__ import annotations

import math

import pytest
import torch

from her2_core.errors import BadInput
from her2_core.models.batch import Layout, MarkerBatch, RoiBatch
from support.networks import layout_of, random_rois, three_patients


def test_a_patient_without_any_observed_object_is_refused() -> None:
    with pytest.raises(BadInput, match="patient 1 "):
        layout_of([(0, 0, 0), (2, 0, 0)], [[0], [0], [0]], objects=1)


def test_a_prefix_that_leaves_a_patient_empty_is_refused() -> None:
    with pytest.raises(BadInput, match="patient 0 "):
        layout_of([(0, 1, 0)], [[0, 30]], objects=1).first(1)


def test_slots_and_mask_must_agree() -> None:
    good = three_patients()
    more = good.observed.clone()
    more[1, 2, 2] = True
    with pytest.raises(BadInput, match="exactly at the slots"):
        Layout(good.slot, good.day, more)
    twice = good.slot.clone()
    twice[1] = twice[0]
    with pytest.raises(BadInput, match="exactly at the slots"):
        Layout(twice, good.day, good.observed)
    with pytest.raises(BadInput, match="outside the grid"):
        Layout(good.slot + torch.tensor([0, 0, 4]), good.day, good.observed)


def test_the_day_of_an_observed_time_point_must_be_a_number() -> None:
    good = three_patients()
    day = good.day.clone()
    day[1, 2] = math.nan  # nothing was observed there
    Layout(good.slot, day, good.observed)
    day[1, 1] = math.nan
    with pytest.raises(BadInput, match="not finite"):
        Layout(good.slot, day, good.observed)


def test_shapes_must_agree() -> None:
    good = three_patients()
    with pytest.raises(BadInput, match=r"day is \(3, 2\)"):
        Layout(good.slot, good.day[:, :2], good.observed)
    with pytest.raises(BadInput, match="13 patches, but 14 slots"):
        RoiBatch(torch.zeros(13, 3, 8, 8), good.slot, good.day, good.observed)
    with pytest.raises(BadInput, match=r"\(N, 3, S, S\)"):
        RoiBatch(torch.zeros(14, 3, 8, 9), good.slot, good.day, good.observed)


def test_the_first_time_points_keep_their_rois() -> None:
    batch = random_rois(three_patients(), 8)
    short = batch.first(1)
    assert short.slot.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 0], [1, 0, 3], [2, 0, 1], [2, 0, 2]]
    assert torch.equal(short.patches, batch.patches[[0, 3, 5, 6, 8, 9, 12]])
    assert short.day.shape == (3, 1)
    assert batch.to("cpu").first(3).patches.shape == batch.patches.shape


def test_marker_values_may_be_nan_only_where_not_measured() -> None:
    values = torch.tensor([[[1.0, math.nan]]])
    batch = MarkerBatch(values, ~values.isnan(), torch.zeros(1, 1))
    assert batch.layout.slot.tolist() == [[0, 0, 0]]
    with pytest.raises(BadInput, match="measured value is not finite"):
        MarkerBatch(values, torch.ones(1, 1, 2, dtype=torch.bool), torch.zeros(1, 1))
    with pytest.raises(BadInput, match="no observation"):
        MarkerBatch(values, torch.zeros(1, 1, 2, dtype=torch.bool), torch.zeros(1, 1))
