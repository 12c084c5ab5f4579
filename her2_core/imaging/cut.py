"""Cut all ROIs of a case; every slice is decoded once."""

from __future__ import annotations

from typing import Dict, List, Mapping, Tuple

from her2_core.case import Case, RoiKey
from her2_core.errors import BadInput, ImagingError
from her2_core.imaging.roi import CutPlan, fill, plan_cut
from her2_core.imaging.volume import CtVolume
from her2_core.roi import Roi, window_of

Volumes = Mapping[str, Mapping[str, CtVolume]]
"""time point -> phase -> volume"""


def cut_case(case: Case, volumes: Volumes) -> Tuple[Roi, ...]:
    """The ROIs of a case, in the order of `case.roi_keys`.

    Args:
        case: boxes and what they belong to.
        volumes: the CT of each time point and phase that a box was drawn on.

    Raises:
        ImagingError: a volume is missing, or a box does not lie on its volume; names lesion, time point and phase.
    """
    plans: Dict[Tuple[str, str], List[Tuple[RoiKey, CutPlan]]] = {}
    for key in case.roi_keys:
        plans.setdefault((key.time_point, key.phase), []).append((key, _plan(case, key, volumes)))
    cut: Dict[RoiKey, Roi] = {}
    for (time_point, phase), planned in plans.items():
        wanted = sorted({index for _, plan in planned for index in plan.slices})
        pixels = dict(zip(wanted, volumes[time_point][phase].read_slices(wanted)))
        for key, plan in planned:
            hu, notes = fill(plan, pixels, window_of(case.lesion(key.lesion_id).organ))
            cut[key] = Roi(key.lesion_id, key.time_point, key.phase, hu, plan.place, notes)
    return tuple(cut[key] for key in case.roi_keys)


def _plan(case: Case, key: RoiKey, volumes: Volumes) -> CutPlan:
    where = f"lesion {key.lesion_id}, {key.time_point} {key.phase}"
    volume = volumes.get(key.time_point, {}).get(key.phase)
    if volume is None:
        raise ImagingError("a box was drawn, but there is no series for it.", where=where, hint="Name its source.")
    lesion = case.lesion(key.lesion_id)
    observation = lesion.at(key.time_point)
    if observation is None or lesion.box_size_mm is None:
        raise ImagingError("has no box", where=where)
    try:
        return plan_cut(volume.geometry, observation.box_centers_mm[key.phase], lesion.box_size_mm)
    except BadInput as error:
        raise ImagingError(error.what, where=where, hint=error.hint) from None
