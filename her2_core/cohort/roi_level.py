"""ROI-level phantom: a patient's case bundle, cut from the scene without making whole CT volumes."""

from __future__ import annotations

from typing import Dict, List, Tuple

import numpy as np

from her2_core.bundle import Bundle
from her2_core.case import RoiKey
from her2_core.cohort.acquisition import AS_SCANNED, ScanOptions, acquire
from her2_core.cohort.patients import draw_patient
from her2_core.cohort.scene import Scene, build_scene
from her2_core.imaging.roi import CutPlan, plan_cut
from her2_core.roi import Roi


def phantom_bundle(seed: int, cohort: str, index: int, options: ScanOptions = AS_SCANNED) -> Bundle:
    """The bundle of the phantom patient that (seed, cohort, index) fixes.

    Raises:
        BadInput: there is no such cohort.
    """
    return cut_scene(build_scene(draw_patient(seed, cohort, index), options))


def cut_scene(scene: Scene) -> Bundle:
    """All ROIs of a scene, by the same rule that cuts them from a real CT."""
    shared: Dict[Tuple[str, str], List[RoiKey]] = {}
    for key in scene.case.roi_keys:
        shared.setdefault((key.lesion_id, key.time_point), []).append(key)
    rois: List[Roi] = []
    for (lesion_id, time_point), keys in shared.items():
        lesion = scene.case.lesion(lesion_id)
        observation = lesion.at(time_point)
        time = scene.patient.time_points.index(keys[0].time_point)
        center = observation.box_centers_mm[keys[0].phase] if observation else None
        if center is None or lesion.box_size_mm is None:
            continue
        plan = plan_cut(scene.studies[time].geometry, center, lesion.box_size_mm)
        rois += _render(scene, time, plan, keys)
    return Bundle(scene.case, tuple(rois))


def _render(scene: Scene, time: int, plan: CutPlan, keys: List[RoiKey]) -> List[Roi]:
    """The ROIs of one lesion at one examination; its phases share grid and anatomy."""
    study, place = scene.studies[time], plan.place
    x = place.origin_mm[0] + study.pixel_mm * np.arange(place.columns)
    y = place.origin_mm[1] + study.pixel_mm * np.arange(place.rows)
    z = study.geometry.origins_mm[list(plan.slices), 2]
    clean = scene.paint(time, x, y, z, [key.phase for key in keys])
    rois = []
    for key in keys:
        rng = scene.patient.stream("noise", key.lesion_id, key.time_point, key.phase)
        hu = acquire(clean[key.phase], study, rng)
        rois.append(Roi(key.lesion_id, key.time_point, key.phase, hu, place, plan.notes))
    return rois
