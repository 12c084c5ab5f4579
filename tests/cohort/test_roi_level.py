"""ROIs of phantom patients: reproducible bytes, plausible HU, a look that follows the tumour's activity."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

import numpy as np
import pytest

from her2_core.bundle import Bundle, pack
from her2_core.case import Organ
from her2_core.cohort.acquisition import ScanOptions
from her2_core.cohort.anatomy import ENHANCEMENT_ONE, draw_body
from her2_core.cohort.lesions import LesionCourse, LesionState
from her2_core.cohort.look import draw_look, paint_lesion, structure_of
from her2_core.cohort.patients import draw_patient
from her2_core.cohort.roi_level import cut_scene, phantom_bundle
from her2_core.cohort.scene import build_scene
from her2_core.cohort.texture import Waves
from her2_core.roi import Roi, window_of

COARSE = ScanOptions(pixel_mm=1.6)


@pytest.fixture(scope="module")
def bundles() -> List[Bundle]:
    return [phantom_bundle(6, "training", index, COARSE) for index in range(12)]


def test_same_patient_gives_the_same_bytes() -> None:
    assert pack(phantom_bundle(8, "internal", 3)) == pack(phantom_bundle(8, "internal", 3))


def test_pixel_size_changes_the_pixels_and_not_the_patient() -> None:
    fine, coarse = phantom_bundle(8, "internal", 3).case, phantom_bundle(8, "internal", 3, COARSE).case
    assert fine.outcome == coarse.outcome
    assert fine.clinical == coarse.clinical
    assert [s.box_size_mm for s in fine.lesions] == [s.box_size_mm for s in coarse.lesions]


def test_native_crops_are_as_large_as_real_ones() -> None:
    rois = [roi for index in range(6) for roi in phantom_bundle(6, "external", index).rois]
    spacing = [roi.place.spacing_mm[0] for roi in rois]
    assert 0.7 <= min(spacing) <= max(spacing) <= 0.9
    sides = [max(roi.hu.shape) for roi in rois]
    assert 40 <= np.median(sides) <= 110


def test_region_is_the_box_enlarged_one_and_a_half_times(bundles: List[Bundle]) -> None:
    for bundle in bundles[:3]:
        for roi in bundle.rois:
            width, height = bundle.case.lesion(roi.lesion_id).box_size_mm or (0, 0)
            rows, columns = roi.hu.shape[1:]
            assert abs(columns - max(8, 1.5 * width / 1.6)) <= 1
            assert abs(rows - max(8, 1.5 * height / 1.6)) <= 1


def test_hounsfield_units_are_plausible(bundles: List[Bundle]) -> None:
    for bundle in bundles:
        for roi in bundle.rois:
            assert roi.hu.min() >= -1024
            assert roi.hu.max() < 1200
            organ = bundle.case.lesion(roi.lesion_id).organ
            if organ == "Liver":
                assert 60 < np.percentile(roi.hu, 90) < 160
            if organ == "Lung":
                assert np.percentile(roi.hu, 5) < -700


def middle_and_rim(roi: Roi) -> Tuple[float, float]:
    """Mean HU in the middle of the crop and at its border."""
    image = roi.hu[1].astype(float)
    rows, columns = image.shape
    inner = image[int(rows * 0.4) : int(rows * 0.6) + 1, int(columns * 0.4) : int(columns * 0.6) + 1]
    outer = np.concatenate([image[:2].ravel(), image[-2:].ravel(), image[:, :2].ravel(), image[:, -2:].ravel()])
    return float(inner.mean()), float(np.median(outer))


@pytest.mark.parametrize("organ", ["Lymph node", "Lung", "Liver"])
def test_box_centre_lies_on_the_lesion(organ: Organ) -> None:
    differences = []
    for index in range(80):
        patient = draw_patient(6, "internal", index)
        if len(patient.lesions) > 3 or organ not in [c.organ for c in patient.lesions]:
            continue
        bundle = cut_scene(build_scene(patient, COARSE))
        for roi in bundle.rois:
            if bundle.case.lesion(roi.lesion_id).organ == organ and roi.time_point == "BL":
                inner, outer = middle_and_rim(roi)
                differences.append(inner - outer)
    assert len(differences) >= 2
    least = {"Lymph node": 40, "Lung": 400, "Liver": -200}[organ]
    most = {"Lymph node": 400, "Lung": 1200, "Liver": -15}[organ]
    assert least < np.median(differences) < most


def painted(structure: float, treated: bool = True, long_mm: float = 30.0, organ: Organ = "Lymph node") -> np.ndarray:
    """A lesion on 0 HU, venous phase, (1, 61, 61) at 1 mm."""
    look = draw_look(np.random.default_rng(1))
    course = LesionCourse("T1", "target", organ, (0.0, 0.0, 0.0), 0.3, ())
    axis = np.arange(-30.0, 31.0)
    hu = {"venous": np.zeros((1, 61, 61), np.float32)}
    state = LesionState(long_mm, long_mm * 0.8, structure, treated)
    paint_lesion(hu, (axis, axis, np.array([0.0])), course, state, look, {"venous": 1.0})  # type: ignore[arg-type]
    return hu["venous"][0]


def test_a_dying_lesion_is_darker_inside_than_a_living_one() -> None:
    means = [painted(s)[22:39, 22:39].mean() for s in (-1.5, -0.5, 0.5, 1.5)]
    assert all(b - a > 5 for a, b in zip(means, means[1:]))


def test_a_living_lesion_has_a_bright_rim() -> None:
    active, dying = painted(2.0), painted(-2.0)
    assert active.max() - dying.max() > 25


def test_a_larger_lesion_covers_more() -> None:
    areas = [(painted(1.0, long_mm=d) > 40).sum() for d in (15.0, 25.0, 35.0)]
    for area, d in zip(areas, (15.0, 25.0, 35.0)):
        assert area == pytest.approx(np.pi / 4 * d * d * 0.8, rel=0.25)


def test_before_therapy_only_the_texture_shows_the_risk() -> None:
    low, high = structure_of(LesionState(30, 24, -1.5, False), 0.2), structure_of(LesionState(30, 24, 1.5, False), 0.2)
    assert (low.core, low.rim_hu, low.shift_hu) == (high.core, high.rim_hu, high.shift_hu)
    assert high.texture_hu > low.texture_hu + 4


def test_anatomy_is_a_pure_function_of_position() -> None:
    body = draw_body(np.random.default_rng(2))
    x, y, z = np.arange(-90.0, -30.0, 1.5), np.arange(-30.0, 30.0, 1.5), np.array([20.0, 25.0])
    whole = body.paint(x, y, z, ENHANCEMENT_ONE)["venous"]
    part = body.paint(x[10:30], y[5:25], z[1:], ENHANCEMENT_ONE)["venous"]
    assert np.allclose(whole[1:, 5:25, 10:30], part, atol=1e-2)
    assert 90 < np.median(whole) < 130


def test_texture_has_mean_0_deviation_1_and_its_wavelength() -> None:
    waves = Waves.draw(np.random.default_rng(4), (6.0, 10.0), count=200)
    axis = np.arange(0.0, 200.0, 2.0)
    field = waves.on_grid(axis, axis, np.arange(0.0, 50.0, 5.0))
    assert field.shape == (10, 100, 100)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1.0, abs=0.05)
    near = waves.on_grid(axis + 0.3, axis, np.array([0.0]))
    assert np.corrcoef(near.ravel(), field[0].ravel())[0, 1] > 0.95


def test_phases_of_a_lesion_share_their_grid(bundles: List[Bundle]) -> None:
    places: Dict[Tuple[str, str], List[object]] = {}
    for roi in bundles[0].rois:
        places.setdefault((roi.lesion_id, roi.time_point), []).append(roi.place)
    assert any(len(p) == 2 for p in places.values())
    assert all(p == places_[0] for places_ in places.values() for p in places_)


def test_noise_is_new_in_every_series(bundles: List[Bundle]) -> None:
    patches = [roi.hu.tobytes() for bundle in bundles for roi in bundle.rois]
    assert len(set(patches)) == len(patches)


def test_external_centre_has_other_noise() -> None:
    def noise(cohort: str) -> float:
        found = []
        for index in range(40):
            scene = build_scene(draw_patient(6, cohort, index), COARSE)
            found += [s.noise_hu for s in scene.studies]
        return float(np.mean(found))

    assert noise("external") > noise("internal") + 2


def test_every_case_is_synthetic_and_windows_fit(bundles: List[Bundle]) -> None:
    for bundle in bundles:
        assert bundle.case.synthetic
        for roi in bundle.rois:
            window = window_of(bundle.case.lesion(roi.lesion_id).organ)
            inside = (roi.hu > window.low) & (roi.hu < window.high)
            assert inside.mean() > 0.2


def test_lesion_outside_the_grid_changes_nothing() -> None:
    course = LesionCourse("T1", "target", "Liver", (500.0, 0.0, 0.0), 0.0, ())
    axis = np.arange(-10.0, 11.0)
    hu = {"venous": np.zeros((1, 21, 21), np.float32)}
    look = draw_look(np.random.default_rng(1))
    state = LesionState(30.0, 20.0, 0.0, True)
    paint_lesion(hu, (axis, axis, np.array([0.0])), course, state, look, {"venous": 1.0})  # type: ignore[arg-type]
    assert not hu["venous"].any()
    paint_lesion(hu, (axis, axis, np.array([0.0])), replace(course, center_mm=(0, 0, 0)), state, look, {"venous": 1.0})  # type: ignore[arg-type]
    assert hu["venous"].any()
