"""Fixtures shared by all tests. The only place that knows where the external test data lie."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("HER2_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_ignore_collect(collection_path: Path) -> Optional[bool]:
    """In the light environment the other test files, and folders without any light test, cannot even be imported."""
    if find_spec("torch") is not None:
        return None
    files = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    return None if any("pytest.mark.light" in file.read_text(encoding="utf-8") for file in files) else True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real CT, RECIST and DICOM files (environment variable HER2_TEST_DATA)."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"external test data not found at {SHARED_DATA}; set HER2_TEST_DATA")
    return SHARED_DATA


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return ROOT
