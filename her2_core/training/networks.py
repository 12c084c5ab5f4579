"""Both networks of one training, with the statistics and score tables that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch

from her2_core.models.ldlm import LDLM
from her2_core.models.prepare import MarkerTable, PreparedCase, has_markers
from her2_core.models.standardise import Standardisation
from her2_core.models.tables import Tables
from her2_core.models.tdlm import TDLM
from her2_core.training.checkpoint import Checkpoint
from her2_core.training.config import TrainingConfig
from her2_core.training.dataset import MarkerDataset, RoiDataset
from her2_core.training.loop import TrainingResult, initialised, train
from her2_core.training.memory import max_rois
from her2_core.training.outcomes import outcomes_of, split
from her2_core.training.progress import Progress
from her2_core.training.risks import Risks, ldlm_risks, score_tables, tdlm_risks

MIN_MARKER_PATIENTS = 20
"""Fewer patients with markers cannot train a marker model."""


@dataclass(frozen=True)
class Run:
    """How a training is run, beside its configuration.

    Attributes:
        work: folder of the checkpoints.
        fingerprint: of configuration, data and software; checkpoints of another run are refused.
        memory_mb: limit for the activations.
        progress: who is told.
    """

    work: Path
    fingerprint: str
    memory_mb: int
    progress: Progress


@dataclass(frozen=True, eq=False)
class Networks:
    """What one training gives.

    Attributes:
        ldlm, tdlm: in evaluation mode; tdlm is None with too few marker panels.
        tables: their statistics, score tables and cut-offs.
        ldlm_result, tdlm_result: how training went.
        inner: case ids of the inner validation split.
    """

    ldlm: LDLM
    tdlm: Optional[TDLM]
    tables: Tables
    ldlm_result: TrainingResult
    tdlm_result: Optional[TrainingResult]
    inner: Tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Risk:
    """Risk probabilities of B patients per number of follow-ups (B, 5); `tdlm` is all NaN without a marker model."""

    ldlm: Risks
    tdlm: Risks


def train_networks(
    patients: Sequence[PreparedCase], config: TrainingConfig, run: Run, *, stage: str, epochs: int, seed: int
) -> Networks:
    """Train LDLM and TDLM on `patients`, a fifth of which choose the epoch; then make their score tables.

    Args:
        patients: with outcomes.
        config: everything about training but `epochs`.
        run: where and how.
        stage: name of this training, e.g. "model" or "fold 1"; checkpoints carry it.
        epochs: passes over the patients (of the TDLM unless `config.tdlm_epochs` says otherwise).
        seed: of the split and the initial values.

    Raises:
        TrainingError: the loss is not finite, or the outcomes cannot be learned from.
    """
    outcomes = outcomes_of([p.case for p in patients])
    fit, inner = split(outcomes.event, config.validation_fraction, seed)
    ldlm, standardisation, ldlm_result = _train_ldlm(patients, fit, inner, config, run, stage, epochs, seed)
    risks = ldlm_risks(ldlm, RoiDataset(patients, standardisation, config))
    tables = Tables(standardisation, score_tables(risks, outcomes))
    tdlm, markers, tdlm_result = _train_tdlm(
        patients, fit, inner, config, run, stage, config.tdlm_epochs or epochs, seed
    )
    if tdlm is not None and markers is not None:
        measured = [p.case for p in patients if _measured(p, config)]
        marker_risks = tdlm_risks(tdlm, MarkerDataset(measured, markers, config))
        tables = Tables(standardisation, tables.ldlm, markers, score_tables(marker_risks, outcomes_of(measured)))
    names = tuple(patients[i].case.case_id for i in inner)
    return Networks(ldlm, tdlm, tables, ldlm_result, tdlm_result, names)


def risks_of(networks: Networks, patients: Sequence[PreparedCase], config: TrainingConfig) -> Risk:
    """Risk of any patients with outcomes under trained networks."""
    imaging = ldlm_risks(networks.ldlm, RoiDataset(patients, networks.tables.standardisation, config))
    markers = np.full_like(imaging, np.nan)
    measured = [i for i, p in enumerate(patients) if _measured(p, config)]
    if networks.tdlm is not None and networks.tables.markers is not None and measured:
        dataset = MarkerDataset([patients[i].case for i in measured], networks.tables.markers, config)
        markers[measured] = tdlm_risks(networks.tdlm, dataset)
    return Risk(imaging, markers)


def _train_ldlm(
    patients: Sequence[PreparedCase],
    fit: List[int],
    inner: List[int],
    config: TrainingConfig,
    run: Run,
    stage: str,
    epochs: int,
    seed: int,
) -> Tuple[LDLM, Standardisation, TrainingResult]:
    learners = [patients[i] for i in fit]
    standardisation = Standardisation.fit((g, x.float()) for p in learners for g, x in zip(p.groups, p.patches))
    model: LDLM = initialised(LDLM, config.ldlm, seed)
    model.to(memory_format=torch.channels_last)  # convolutions on processors are up to twice as fast
    result = train(
        model,
        RoiDataset(patients, standardisation, config),
        fit,
        inner,
        config,
        epochs=epochs,
        seed=seed,
        checkpoint=Checkpoint(run.work / f"{stage}.ldlm.safetensors", run.fingerprint),
        progress=run.progress,
        stage=f"LDLM, {stage}",
        max_rois=max_rois(config.ldlm, run.memory_mb),
    )
    return model, standardisation, result


def _train_tdlm(
    patients: Sequence[PreparedCase],
    fit: List[int],
    inner: List[int],
    config: TrainingConfig,
    run: Run,
    stage: str,
    epochs: int,
    seed: int,
) -> Tuple[Optional[TDLM], Optional[MarkerTable], Optional[TrainingResult]]:
    kept = [i for i, p in enumerate(patients) if _measured(p, config)]
    place: Dict[int, int] = {patient: position for position, patient in enumerate(kept)}
    learners, judges = [place[i] for i in fit if i in place], [place[i] for i in inner if i in place]
    if len(learners) < MIN_MARKER_PATIENTS or not judges:
        return None, None, None
    cases = [patients[i].case for i in kept]
    table = MarkerTable.fit([cases[i] for i in learners], config.tdlm.markers)
    model: TDLM = initialised(TDLM, config.tdlm, seed)
    result = train(
        model,
        MarkerDataset(cases, table, config),
        learners,
        judges,
        config,
        epochs=epochs,
        seed=seed,
        checkpoint=Checkpoint(run.work / f"{stage}.tdlm.safetensors", run.fingerprint),
        progress=run.progress,
        stage=f"TDLM, {stage}",
        max_rois=1,
    )
    return model, table, result


def _measured(patient: PreparedCase, config: TrainingConfig) -> bool:
    return has_markers(patient.case, config.tdlm.markers, config.time_points)
