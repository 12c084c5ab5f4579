from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from her2_core.errors import CaseError
from her2_core.models.prepare import Choice, MarkerTable, PreparedCase, everything, marker_batch, prepare, roi_batch
from her2_core.models.standardise import PixelStatistics, Standardisation
from her2_core.training.config import TrainingConfig
from her2_core.training.dataset import MarkerDataset, RoiDataset
from support.bundles import rois_of
from support.cases import DAYS, case, full_case, lesion, primary
from support.learnable import learnable_bundle, learnable_case

PLAIN = Standardisation(PixelStatistics(0.0, 1.0))


def prepared(times: int = 3) -> PreparedCase:
    """Seven objects: primary and two nodes in both phases, one liver lesion; one node is not seen at 1F."""
    names = ("BL", "1F", "2F", "3F", "4F")[:times]
    patient = case(
        primary(times=names),
        lesion("N1", times=names),
        lesion("N2", times=tuple(n for n in names if n != "1F")),
        lesion("H1", organ="Liver", phases=("venous",), times=names),
        times=times,
        outcome=full_case().outcome,
    )
    return prepare(patient, rois_of(patient), 32)


def config(**changes: object) -> TrainingConfig:
    return TrainingConfig(**changes)  # type: ignore[arg-type]


def test_patches_lie_in_their_slots_and_nowhere_else() -> None:
    patient = prepared()
    batch = roi_batch([patient], [everything(patient, 4)], PLAIN)
    assert batch.observed.shape == (1, 3, 7)
    assert batch.observed[0].sum().item() == len(patient.patches) == 3 * 7 - 2
    assert not batch.observed[0, 1, 4:6].any()  # N2, both phases, at 1F
    assert batch.day[0].tolist() == list(DAYS[:3])
    for row, (_, time, item) in enumerate(batch.slot.tolist()):
        expected = [r for r, (t, o) in enumerate(patient.where) if (t, o) == (time, item)]
        assert torch.equal(batch.patches[row], patient.patches[expected[0]].float())


def test_chosen_objects_keep_their_order_and_time_points_are_cut() -> None:
    patient = prepared()
    batch = roi_batch([patient, patient], [Choice((6, 0), 1), Choice((4,), 3)], PLAIN)
    assert batch.observed.shape == (2, 3, 2)
    assert batch.observed.nonzero().tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 2, 0]]
    (liver,) = [r for r, (t, o) in enumerate(patient.where) if (t, o) == (0, 6)]
    where = batch.slot.tolist().index([0, 0, 0])
    assert torch.equal(batch.patches[where], patient.patches[liver].float())


def test_a_step_draws_up_to_four_of_the_objects_evenly() -> None:
    data = RoiDataset([prepared()], PLAIN, config(rotation_degrees=0.0))
    random = np.random.default_rng(0)
    drawn = Counter()
    for _ in range(300):
        choice = data._draw(data.patients[0], random)
        assert len(set(choice.objects)) == 4
        drawn.update(choice.objects)
    assert set(drawn) == set(range(7))
    assert max(drawn.values()) - min(drawn.values()) < 60  # 171 each on average, standard deviation 8.6


def test_time_points_are_all_up_to_n_or_a_random_prefix() -> None:
    random = np.random.default_rng(0)
    data = RoiDataset([prepared(5)], PLAIN, config(time_points=4))
    assert {data._draw(data.patients[0], random).time_points for _ in range(20)} == {4}
    data = RoiDataset([prepared(3)], PLAIN, config(random_prefix=True))
    seen = Counter(data._draw(data.patients[0], random).time_points for _ in range(300))
    assert set(seen) == {1, 2, 3}
    assert min(seen.values()) > 60


def test_the_same_random_numbers_give_the_same_batch_and_others_another() -> None:
    data = RoiDataset([prepared(), prepared()], PLAIN, config())
    one, same, other = (data.training_batch([0, 1], np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(one.patches, same.patches)
    assert torch.equal(one.slot, same.slot)
    assert one.patches.shape != other.patches.shape or not torch.equal(one.patches, other.patches)


def test_scoring_takes_everything_without_augmentation() -> None:
    data = RoiDataset([prepared(), prepared(2)], PLAIN, config())
    ((members, batch),) = data.scoring_batches([0, 1], follow_ups=1)
    assert members == [0, 1]
    assert batch.observed.shape == (2, 2, 7)
    assert torch.equal(batch.patches[0], data.patients[0].patches[0].float())


def test_a_case_without_objects_is_refused() -> None:
    patient = case(lesion("N1", times=("1F",)))
    with pytest.raises(CaseError, match="baseline"):
        prepare(patient, rois_of(patient), 32)


def test_marker_z_scores_by_hand() -> None:
    table = MarkerTable(("CEA", "AFP"), (np.log(2.0), 0.0), (0.5, 1.0))
    values = table.values(full_case(), 3)  # CEA 3.25 at BL, 2.5 at 1F; no AFP
    assert values[:2, 0] == pytest.approx([(np.log(4.25) - np.log(2)) / 0.5, (np.log(3.5) - np.log(2)) / 0.5])
    assert np.isnan(values[2]).all()
    assert np.isnan(values[:, 1]).all()
    batch = marker_batch([full_case()], [3], table)
    assert batch.observed.nonzero().tolist() == [[0, 0, 0], [0, 1, 0]]


def test_marker_statistics_come_from_all_measurements() -> None:
    table = MarkerTable.fit([full_case()], ("CEA", "AFP"))
    logs = np.log1p([3.25, 2.5])
    assert table.mean == pytest.approx((logs.mean(), 0.0))
    assert table.std == pytest.approx((logs.std(), 1.0))


def test_a_random_prefix_without_markers_falls_back_to_all_time_points() -> None:
    patient, _ = learnable_case(0)
    late = patient.__class__(**{**patient.__dict__, "markers": patient.markers[-1:]})
    data = MarkerDataset([late], MarkerTable.fit([late], ("LDH",)), config(random_prefix=True))
    for seed in range(5):
        batch = data.training_batch([0], np.random.default_rng(seed))
        assert batch.observed[0, -1].any()


def test_learnable_bundles_are_valid_cases() -> None:
    assert len(learnable_bundle(7).case.time_points) == 2
    assert len(learnable_bundle(0).rois) == 6
