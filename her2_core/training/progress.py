"""Progress of a long run, told to whoever started it: a bar on a terminal, a server's state, or nobody."""

from __future__ import annotations

import sys
import threading
from typing import Any, Optional, Protocol

from tqdm import tqdm

from her2_core.errors import Cancelled


class Progress(Protocol):
    """What a run tells. Any method may raise `her2_core.errors.Cancelled` to stop the run at a safe place."""

    def start(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def step(self, steps: int = 1, note: str = "") -> None:
        """Some steps are done; `note` is one short line, e.g. the last validation C-index."""

    def finish(self) -> None:
        """The stage is over."""


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int) -> None:
        """Nothing to do."""

    def step(self, steps: int = 1, note: str = "") -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


class Bar:
    """One bar per stage on standard error, with the time left.

    Args:
        cancel: set from elsewhere to stop the run at its next step.
    """

    def __init__(self, cancel: Optional[threading.Event] = None) -> None:
        self._bar: Optional[tqdm[Any]] = None
        self._cancel = cancel

    def start(self, stage: str, total: int) -> None:
        """A new bar; an unfinished one is closed first."""
        self.finish()
        self._bar = tqdm(total=total, desc=stage, file=sys.stderr, dynamic_ncols=True, mininterval=0.5)

    def step(self, steps: int = 1, note: str = "") -> None:
        """Move the bar.

        Raises:
            Cancelled: `cancel` is set.
        """
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(steps)
        if self._cancel is not None and self._cancel.is_set():
            self.finish()
            raise Cancelled("cancelled", hint="Start it again to go on where it stopped.")

    def finish(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
