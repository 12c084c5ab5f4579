"""Errors a user can act on: every message says what was wrong, where, and what to do."""

from __future__ import annotations

from typing import Optional


class Her2Error(Exception):
    """Base of all errors this package raises on purpose.

    Args:
        what: what was wrong, in one line.
        where: the file, field or row it was found in (never patient data beyond what the user gave).
        hint: what the user can do about it.
    """

    def __init__(self, what: str, *, where: Optional[str] = None, hint: Optional[str] = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        if not self.hint:
            return f"{place}{self.what}"
        end = "" if self.what.endswith((".", "!", "?", ";", ":")) else "."
        return f"{place}{self.what}{end} {self.hint}"


class BadInput(Her2Error, ValueError):
    """The input is wrong: exit code 2 on the command line, 4xx over HTTP. Nothing was written."""


class CaseError(BadInput):
    """A case breaks a rule of the vocabulary (docs: her2_core.case)."""


class BundleError(BadInput):
    """A case bundle is damaged, too large, of an unknown version, or not a bundle."""


class ImagingError(BadInput):
    """CT data cannot be read, ordered, paired or cut."""


class ModelError(Her2Error):
    """A model folder is incomplete, damaged or does not fit this software."""


class TrainingError(Her2Error):
    """Training cannot start or had to stop; the last good state was kept."""


class Cancelled(Her2Error):
    """The user cancelled; nothing was written."""
