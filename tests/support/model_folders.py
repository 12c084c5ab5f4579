"""A complete model without training: seeded weights, round tables and a nomogram whose numbers can be checked by hand."""

from __future__ import annotations

import torch

from her2_core.models import tdlm
from her2_core.models.card import ModelCard
from her2_core.models.folder import FittedNomogram, ModelFolder
from her2_core.models.nomogram_inputs import HER2, LDLM, RECIST, SEX, TDLM, WITH_TDLM, WITHOUT_TDLM
from her2_core.models.prepare import MarkerTable
from her2_core.models.standardise import PixelStatistics, Standardisation
from her2_core.models.tables import ScoreTable, Tables
from her2_core.survival.nomogram import Baseline, Nomogram
from her2_core.survival.rescale import PiecewiseRescale
from her2_core.survival.variables import FactorVariable, NumericVariable
from support.networks import seeded_ldlm

BASELINE = Baseline(times=(100.0, 250.0, 500.0), survival=(0.9, 0.7, 0.4), last_time=600.0)
STATISTICS = {"venous": PixelStatistics(0.5, 0.25), "arterial": PixelStatistics(0.5, 0.25)}


def card(synthetic: bool = True) -> ModelCard:
    return ModelCard(
        name="test-model",
        version="1",
        trained_on="phantom" if synthetic else "hospital A",
        synthetic=synthetic,
        software={"torch": torch.__version__},
        data_sha256="0" * 64,
        patients={"training": 3},
        config={"seed": 1},
        training={"ldlm": {"best_epoch": 2}},
        metrics=(),
        notes=(),
        limits=("Research use only.",),
    )


def nomogram(markers: bool = True) -> Nomogram:
    """LDLM 2 per unit, TDLM 1, RECIST 0 / 0.5 / 1, sex 0 / 0.2, HER2 0 / 0.3."""
    numbers = [NumericVariable(LDLM, 2.0, (0.0, 0.5, 1.0), 0.5)]
    if markers:
        numbers.append(NumericVariable(TDLM, 1.0, (0.0, 0.5, 1.0), 0.5))
    factors = [
        FactorVariable(RECIST, {"PR": 0.0, "SD": 0.5, "PD": 1.0}, {"PR": 0.5, "SD": 0.25, "PD": 0.25}),
        FactorVariable(SEX, {"female": 0.0, "male": 0.2}, {"female": 0.5, "male": 0.5}),
        FactorVariable(HER2, {"3+": 0.0, "2+/FISH+": 0.3}, {"3+": 0.8, "2+/FISH+": 0.2}),
    ]
    return Nomogram((*numbers, *factors), BASELINE, concordance=0.7, n=40, events=30)


def untrained_model(markers: bool = True, synthetic: bool = True, seed: int = 0) -> ModelFolder:
    """LDLM scores are the risk itself, cut-offs 0.25, 0.5, 0.75 with 0, 1, 2 follow-ups; TDLM medians 0.2, 0.4, 0.6."""
    tables = {k: ScoreTable(PiecewiseRescale(0.0, 0.5, 1.0), 0.25 * (k + 1), 40) for k in range(3)}
    marker_tables = {k: ScoreTable(PiecewiseRescale(0.0, 0.2 + 0.2 * k, 1.0), 0.5, 40) for k in range(3)}
    known = {"Stomach": STATISTICS, "Lymph node": STATISTICS, "Liver": STATISTICS, "Lung": STATISTICS}
    with torch.random.fork_rng():
        torch.manual_seed(seed + 100)
        marker_model = tdlm.TDLM(tdlm.TdlmConfig()).eval()
    names = marker_model.config.markers
    return ModelFolder(
        card=card(synthetic),
        ldlm=seeded_ldlm(seed=seed),
        tdlm=marker_model if markers else None,
        tables=Tables(
            Standardisation(PixelStatistics(0.5, 0.25), known, {"C1": known}),  # type: ignore[dict-item, arg-type]
            tables,
            MarkerTable(names, (2.0,) * len(names), (1.0,) * len(names)) if markers else None,
            marker_tables if markers else {},
        ),
        nomograms={
            WITH_TDLM: FittedNomogram(nomogram(), 100.0),
            WITHOUT_TDLM: FittedNomogram(nomogram(markers=False), 80.0),
        },
        sha256="f" * 64,
    )
