"""From a cohort folder to a model folder: both networks, score tables, cut-offs, nomograms, card."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch

from her2_core import __version__
from her2_core.case import Case
from her2_core.cohort.folder import Cohort, Entry
from her2_core.errors import BadInput
from her2_core.models.card import CohortMetrics, ModelCard
from her2_core.models.folder import ModelFolder, save_model_folder
from her2_core.models.nomogram_inputs import VARIANTS
from her2_core.models.prepare import PreparedCase, prepare
from her2_core.training.config import TrainingConfig
from her2_core.training.evaluate import Values, cohort_metrics, last_known, recist_risk, stage_risks
from her2_core.training.loop import TrainingResult
from her2_core.training.memory import memory_limit_mb
from her2_core.training.networks import Networks, Risk, Run, risks_of, train_networks
from her2_core.training.nomograms import NomogramFits, fit_nomograms, score_frame, scores, total_points
from her2_core.training.outcomes import folds_of, outcomes_of
from her2_core.training.progress import Progress, Silent

LEAST_PATIENTS = 20
INNER = "inner validation"
LIMITS = (
    "Research use only: not a medical device, not for diagnosis or treatment decisions.",
    "For HER2-positive gastric cancer on anti-HER2 therapy with CT at baseline and one or two follow-ups.",
    "Scores describe associations in the training cohort; they do not tell who benefits from which therapy.",
)


def fit_model(
    cohort: Cohort,
    config: TrainingConfig,
    out: Path,
    *,
    progress: Optional[Progress] = None,
    replace: bool = False,
    restart: bool = False,
    name: str = "her2-response",
) -> ModelFolder:
    """Train a model on the "training" patients of a cohort and write it as one folder.

    An interrupted run goes on where it stopped when it is started again with the same arguments: its state lies in
    `<out>.training` until the model folder is complete.

    Args:
        cohort: patients; those of other cohorts than "training" only appear in the card's metrics.
        config: everything that decides how.
        out: model folder to write.
        progress: who is told.
        replace: an existing `out` is replaced when the new model is complete.
        restart: forget an interrupted run instead of going on with it.
        name: of the model.

    Raises:
        BadInput: `out` exists; a run with other data or configuration was interrupted there; too few patients; a
            bundle cannot be read.
        TrainingError: the outcomes cannot be learned from; the loss is not finite.
        Cancelled: `progress` asked to stop.
    """
    progress = progress or Silent()
    data_sha256 = cohort.data_sha256()
    fingerprint = _fingerprint(config, data_sha256)
    work = _work_folder(out, fingerprint, replace, restart)
    run = Run(work, fingerprint, memory_limit_mb(config.memory_limit_mb), progress)
    patients, skipped = _prepared(cohort.of("training"), config, progress, "Training images")
    _check_patients(patients)
    networks = train_networks(patients, config, run, stage="model", epochs=config.epochs, seed=config.seed)
    cases, ldlm, tdlm, how = _unseen_scores(patients, networks, config, run)
    nomograms = fit_nomograms(cases, ldlm, tdlm, config)
    metrics = _metrics(cohort, patients, networks, nomograms, config, progress)
    card = ModelCard(
        name=name,
        version=f"{__version__}+{fingerprint[:8]}",
        trained_on="phantom" if cohort.header.seed is not None else cohort.header.name,
        synthetic=cohort.header.synthetic or any(p.case.synthetic for p in patients),
        software={"her2-response": __version__, "torch": torch.__version__, "python": platform.python_version()},
        data_sha256=data_sha256,
        patients={
            "training": len(patients),
            INNER: len(networks.inner),
            "skipped": len(skipped),
            "nomogram": len(cases),
        },
        config={**config.to_json(), "memory_limit_mb": run.memory_mb},
        training={
            "ldlm": _told(networks.ldlm_result),
            "tdlm": networks.tdlm_result and _told(networks.tdlm_result),
        },
        metrics=tuple(metrics),
        notes=(how, *nomograms.notes, *_rescale_notes(networks), *skipped),
        limits=LIMITS,
    )
    model = ModelFolder(card, networks.ldlm, networks.tdlm, networks.tables, nomograms.fitted)
    sha256 = save_model_folder(out, model)
    shutil.rmtree(work)
    return ModelFolder(card, networks.ldlm, networks.tdlm, networks.tables, nomograms.fitted, sha256)


def _fingerprint(config: TrainingConfig, data_sha256: str) -> str:
    told = json.dumps({"config": config.to_json(), "data": data_sha256, "version": __version__}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _work_folder(out: Path, fingerprint: str, replace: bool, restart: bool) -> Path:
    """The folder of checkpoints; started anew, or that of an interrupted run with the same fingerprint."""
    if out.exists() and not replace:
        raise BadInput(f"{out} exists", hint="Choose another folder, or use --force to replace it.")
    work = out.with_name(out.name + ".training")
    if restart:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    mark = work / "fingerprint"
    if mark.is_file() and mark.read_text(encoding="ascii") != fingerprint:
        raise BadInput(
            f"{work} holds an interrupted training with other data, configuration or version",
            hint="Give the same arguments to go on, or use --force to start again.",
        )
    mark.write_text(fingerprint, encoding="ascii")
    return work


def _prepared(
    entries: Sequence[Entry], config: TrainingConfig, progress: Progress, stage: str
) -> Tuple[List[PreparedCase], List[str]]:
    """Patients with an outcome and at least one object; and why the others were left out."""
    kept: List[PreparedCase] = []
    skipped: List[str] = []
    progress.start(stage, len(entries))
    for entry in entries:
        bundle = entry.load()
        if bundle.case.outcome is None:
            skipped.append(f"case {entry.case_id} skipped: no outcome")
        elif not bundle.case.objects:
            skipped.append(f"case {entry.case_id} skipped: no box at baseline")
        else:
            kept.append(prepare(bundle.case, bundle.rois, config.ldlm.image_size))
        progress.step()
    progress.finish()
    return kept, skipped


def _check_patients(patients: Sequence[PreparedCase]) -> None:
    if len(patients) < LEAST_PATIENTS:
        raise BadInput(
            f"{len(patients)} usable training patients, at least {LEAST_PATIENTS} are needed",
            where="patients.csv",
            hint="A usable patient has an outcome and a box at baseline.",
        )


def _unseen_scores(
    patients: Sequence[PreparedCase], networks: Networks, config: TrainingConfig, run: Run
) -> Tuple[List[Case], Values, Values, str]:
    """Scores of training patients from networks that did not learn from them, and how they were made."""
    if config.folds == 0:
        inner = [p for p in patients if p.case.case_id in networks.inner]
        cases = [p.case for p in inner]
        ldlm, tdlm = scores(cases, risks_of(networks, inner, config), networks.tables)
        how = f"nomograms fitted on the {len(inner)} inner validation patients, which also chose the epoch"
        return cases, ldlm, tdlm, how
    fold = folds_of(outcomes_of([p.case for p in patients]).event, config.folds, config.seed)
    ldlm, tdlm = np.full(len(patients), np.nan), np.full(len(patients), np.nan)
    epochs = config.fold_epochs or config.epochs
    for number in range(config.folds):
        held_out = np.flatnonzero(fold == number).tolist()
        others = [p for p, f in zip(patients, fold) if f != number]
        stage = f"fold {number + 1} of {config.folds}"
        trained = train_networks(others, config, run, stage=stage, epochs=epochs, seed=config.seed + 1 + number)
        unseen = [patients[i] for i in held_out]
        risk = risks_of(trained, unseen, config)
        ldlm[held_out], tdlm[held_out] = scores([p.case for p in unseen], risk, trained.tables)
    how = f"nomograms fitted on out-of-fold scores ({config.folds} folds, {epochs} epochs each)"
    return [p.case for p in patients], ldlm, tdlm, how


def _metrics(
    cohort: Cohort,
    patients: Sequence[PreparedCase],
    networks: Networks,
    nomograms: NomogramFits,
    config: TrainingConfig,
    progress: Progress,
) -> List[CohortMetrics]:
    """Inner validation without the nomograms, which may have learned from it; all models on the unseen cohorts."""
    inner = [p for p in patients if p.case.case_id in networks.inner]
    risk = risks_of(networks, inner, config)
    found = cohort_metrics(INNER, [p.case for p in inner], _model_risks(inner, risk))
    for other in sorted({e.cohort for e in cohort.entries} - {"training"}):
        unseen, _ = _prepared(cohort.of(other), config, progress, f"Evaluation, {other}")
        if unseen:
            cases, risk = [p.case for p in unseen], risks_of(networks, unseen, config)
            models = _model_risks(unseen, risk)
            frame = score_frame(cases, *scores(cases, risk, networks.tables))
            models.update({v: total_points(nomograms.fitted.get(v), frame) for v in VARIANTS})
            found += cohort_metrics(other, cases, models)
    return found


def _model_risks(patients: Sequence[PreparedCase], risk: Risk) -> Dict[str, Values]:
    return {
        "RECIST": recist_risk([p.case for p in patients]),
        **stage_risks(risk.ldlm),
        "TDLM": last_known(risk.tdlm, 2),
    }


def _told(result: TrainingResult) -> Dict[str, object]:
    """For the card: no wall times, since equal trainings must give equal folders."""
    return {
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "validation_c_index": [round(record.c_index, 4) for record in result.history],
        "loss": [round(record.loss, 4) for record in result.history],
    }


def _rescale_notes(networks: Networks) -> List[str]:
    named = [("LDLM", networks.tables.ldlm), ("TDLM", networks.tables.tdlm)]
    return [
        f"{model} with {follow_ups} follow-ups: {table.rescale.note}"
        for model, tables in named
        for follow_ups, table in tables.items()
        if table.rescale.note
    ]
