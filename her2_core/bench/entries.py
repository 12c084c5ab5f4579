"""What is measured. Each entry returns one `Result`; names are stable, so that runs can be compared."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import Callable, Dict, Tuple

import numpy as np
import torch

from her2_core.bench.measure import Result, compare_sizes, compare_times
from her2_core.bench.sample import ROIS, typical_bundle
from her2_core.bundle import pack
from her2_core.models.batch import RoiBatch
from her2_core.models.explain import explain
from her2_core.models.ldlm import LDLM, LdlmConfig
from her2_core.models.prepare import everything, prepare, roi_batch
from her2_core.models.standardise import Standardisation

Tick = Callable[[], object]
SERIES_SHAPE = (120, 512, 512)
SERIES_OF_A_CASE = 6


def predict_with_saliency(tick: Tick) -> Result:
    """One prediction with Grad-CAM of all ROIs against the bare backbone on the same ROIs."""
    model, batch = _network()

    def plain() -> object:
        with torch.no_grad():
            return model.backbone(batch.patches)

    against = f"plain ResNet-18 forward of the same {ROIS} ROIs, 224 px"
    return compare_times("predict", against, 0.8, lambda: explain(model, batch), plain, tick=tick)


def import_light(tick: Tick) -> Result:
    """Starting the light part against starting its two largest dependencies."""
    ours = "import her2_core.case, her2_core.bundle, her2_core.client"
    return compare_times(
        "import",
        "import numpy, requests",
        1.2,
        lambda: _fresh_python(ours),
        lambda: _fresh_python("import numpy, requests"),
        tick=tick,
    )


def bytes_sent(tick: Tick) -> Result:
    """A case bundle against the six series as gzipped volumes, the way whole volumes are sent."""
    random = np.random.default_rng(0)
    slices = random.normal(60, 15, SERIES_SHAPE[1:]).astype(np.int16)
    compressed = len(gzip.compress(slices.tobytes(), compresslevel=6)) * SERIES_SHAPE[0] * SERIES_OF_A_CASE
    tick()
    return compare_sizes("bytes", "six 512 x 512 x 120 series, gzip", 1 / 300, len(pack(typical_bundle())), compressed)


ENTRIES: Dict[str, Callable[[Tick], Result]] = {
    "predict": predict_with_saliency,
    "import": import_light,
    "bytes": bytes_sent,
}


def _network() -> Tuple[LDLM, RoiBatch]:
    torch.manual_seed(0)
    bundle = typical_bundle()
    model = LDLM(LdlmConfig()).eval()
    prepared = prepare(bundle.case, bundle.rois, model.config.image_size)
    statistics = Standardisation.fit(zip(prepared.groups, prepared.patches.float()))
    return model, roi_batch([prepared], [everything(prepared, follow_ups=2)], statistics)


def _fresh_python(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 -- fixed program, own interpreter
