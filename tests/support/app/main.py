"""An app that MONAI Label's loader accepts without importing torch: for tests of starting and stopping."""

from __future__ import annotations

import os
import time
from typing import Any, Dict

from support.predictions import FakeEngine


class MONAILabelApp:
    """The loader looks for a class whose direct base has this name."""


class LightApp(MONAILabelApp, FakeEngine):  # type: ignore[misc]
    def __init__(self, app_dir: str, studies: str, conf: Dict[str, Any]) -> None:
        super().__init__()
        if os.environ.get("TEST_APP_LOADS_FOR_EVER"):
            print("loading", flush=True)  # noqa: T201
            time.sleep(600)
        self.studies = studies

    def info(self) -> Dict[str, Any]:
        return {**super().info(), "studies": self.studies}
