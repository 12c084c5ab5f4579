"""A folder scan with a progress bar on stderr, shown when it takes longer than two seconds."""

from __future__ import annotations

from pathlib import Path

from her2_core.imaging import Scan, scan_folder


def scan_with_progress(folder: Path) -> Scan:
    """As `scan_folder`; the bar stays away when stderr is not a terminal."""
    from tqdm import tqdm

    with tqdm(desc="Reading DICOM headers", unit=" files", delay=2, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return scan_folder(folder, show)
