"""Independent random streams and pseudonyms: (seed, cohort, patient index) fixes a phantom patient bit for bit."""

from __future__ import annotations

import base64
import hashlib

import numpy as np


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("\x1f".join(("her2-phantom/1", *map(str, parts))).encode()).digest()


def stream(seed: int, cohort: str, index: int, *purpose: object) -> np.random.Generator:
    """A random stream of its own for one purpose of one patient.

    Streams of different arguments are independent, so patients, lesions and series can be drawn in any order and
    in parallel; adding a new purpose changes no other stream.
    """
    key = int.from_bytes(_digest(seed, cohort, index, *purpose)[:16], "big")
    return np.random.Generator(np.random.Philox(key=key))


def case_id_of(seed: int, cohort: str, index: int) -> str:
    """Pseudonym of a phantom patient: 26 characters base32 that show neither cohort nor index."""
    return base64.b32encode(_digest(seed, cohort, index, "case id")[:16]).decode().rstrip("=")
