"""Write a whole phantom cohort at ROI level, in parallel, with its truth beside it."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from her2_core.bundle import SUFFIX, write_bundle
from her2_core.cohort.acquisition import ScanOptions
from her2_core.cohort.folder import CASES_FOLDER, PHANTOM_NOTICE, Cohort, CohortHeader, read_cohort, write_index
from her2_core.cohort.patients import draw_patient
from her2_core.cohort.roi_level import cut_scene
from her2_core.cohort.scene import build_scene
from her2_core.cohort.table1 import COHORTS, TABLE_1, shape_of
from her2_core.cohort.truth import TruthRow, truth_folder, truth_of, write_truth
from her2_core.errors import BadInput
from her2_core.files import new_folder

PIXEL_RANGE_MM = (0.3, 4.0)
Progress = Callable[[int, int], None]
Job = Tuple[str, int]
"""Cohort and patient index."""


@dataclass(frozen=True)
class _Writer:
    """Makes one patient and writes the bundle; sent to the worker processes."""

    folder: Path
    seed: int
    options: ScanOptions

    def __call__(self, job: Job) -> TruthRow:
        patient = draw_patient(self.seed, *job)
        bundle = cut_scene(build_scene(patient, self.options))
        write_bundle(self.folder / f"{patient.case_id}{SUFFIX}", bundle)
        return truth_of(patient)


def write_phantom_cohort(
    out: Union[str, Path],
    seed: int,
    sizes: Optional[Mapping[str, int]] = None,
    pixel_mm: Optional[float] = None,
    workers: int = 1,
    progress: Optional[Progress] = None,
) -> Cohort:
    """Generate phantom patients at ROI level into a new cohort folder; the truth goes to `<out>.truth` beside it.

    The same arguments give the same bytes, whatever `workers` is; a patient depends on seed, cohort and index only,
    so a larger cohort contains the smaller one.

    Args:
        out: folder that does not exist yet or is empty.
        seed: any integer.
        sizes: patients per cohort, default as He 2024, Table 1: training 91, internal 46, external 37,
            prospective 33. Cohorts that are not named are left out.
        pixel_mm: pixel size of all studies instead of the scanners' own 0.7-0.9 mm; 1.6 is four times faster to
            train on. Written to `cohort.json`.
        workers: processes.
        progress: called with (patients done, patients in all).

    Raises:
        BadInput: wrong sizes or pixel size, or `out` is not empty.
    """
    sizes = check_sizes(sizes)
    check_pixel(pixel_mm)
    target = Path(out).resolve()
    for folder in (target, truth_folder(target)):
        check_empty(folder)
    jobs = [(cohort, index) for cohort in COHORTS for index in range(sizes.get(cohort, 0))]
    header = CohortHeader(target.name, True, PHANTOM_NOTICE, seed, "roi", pixel_mm, dict(sizes))
    with new_folder(truth_folder(target)) as truth, new_folder(target) as folder:
        (folder / CASES_FOLDER).mkdir()
        write = _Writer(folder / CASES_FOLDER, seed, ScanOptions(pixel_mm=pixel_mm))
        rows = _run(write, jobs, workers, progress)
        write_truth(truth, rows)
        write_index(folder, header, index_rows(rows))
    return read_cohort(target)


def index_rows(rows: Iterable[TruthRow]) -> List[Tuple[str, str, str]]:
    """Rows of `patients.csv`: by cohort, then by case id, so that the order says nothing."""
    pairs = sorted((COHORTS.index(str(row["cohort"])), str(row["case_id"])) for row in rows)
    return [(case_id, COHORTS[number], f"{CASES_FOLDER}/{case_id}{SUFFIX}") for number, case_id in pairs]


def check_sizes(sizes: Optional[Mapping[str, int]]) -> Dict[str, int]:
    """Patients per cohort; None = Table 1.

    Raises:
        BadInput: unknown cohort, negative number, or nobody at all.
    """
    if sizes is None:
        return {name: shape.size for name, shape in TABLE_1.items()}
    for name, size in sizes.items():
        shape_of(name)
        if size < 0:
            raise BadInput(f"size of {name} is {size}.", hint="Give 0 or more.")
    if not sum(sizes.values()):
        raise BadInput("the cohort has no patients.", hint="Give at least one size above 0.")
    return {name: sizes[name] for name in COHORTS if sizes.get(name)}


def check_pixel(pixel_mm: Optional[float]) -> None:
    """Refuse pixel sizes that make no image.

    Raises:
        BadInput: outside of `PIXEL_RANGE_MM`.
    """
    low, high = PIXEL_RANGE_MM
    if pixel_mm is not None and not low <= pixel_mm <= high:
        raise BadInput(f"pixel size {pixel_mm:g} mm is outside of {low:g} to {high:g} mm.")


def check_empty(folder: Path) -> None:
    """Refuse to write over anything.

    Raises:
        BadInput: the folder exists and is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not empty.", hint="Choose another folder or empty this one.")


def _run(
    work: Callable[[Job], TruthRow], jobs: List[Job], workers: int, progress: Optional[Progress]
) -> List[TruthRow]:
    results: List[TruthRow] = []
    if progress:
        progress(0, len(jobs))
    with _pool(min(workers, len(jobs))) as pool:
        run: Callable[..., Iterable[TruthRow]] = map if pool is None else partial(pool.map, chunksize=4)
        for result in run(work, jobs):
            results.append(result)
            if progress:
                progress(len(results), len(jobs))
    return results


@contextmanager
def _pool(workers: int) -> Iterator[Optional[ProcessPoolExecutor]]:
    """Worker processes, or None to stay in this one.

    Spawned: a fork would copy the locks of running threads. Ctrl-C is for this process; it drops what is waiting.
    """
    if workers <= 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
