"""A whole phantom cohort as DICOM files, with the bundles cut from those files by the ordinary route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Mapping, Optional, Union

from her2_core.bundle import SUFFIX, Bundle, write_bundle
from her2_core.cohort.dicom_level import Language, write_patient_dicom
from her2_core.cohort.folder import CASES_FOLDER, PHANTOM_NOTICE, Cohort, CohortHeader, read_cohort, write_index
from her2_core.cohort.patients import Patient, draw_patient
from her2_core.cohort.phantom import Progress, check_empty, check_sizes, index_rows
from her2_core.cohort.table1 import COHORTS
from her2_core.cohort.truth import TruthRow, truth_folder, truth_of, write_truth
from her2_core.files import new_folder
from her2_core.imaging import cut_case, scan_folder
from her2_core.imaging.sources import SourcedCase, open_sources

DICOM_FOLDER, CASE_FILE = "dicom", "CASE.json"


def write_phantom_dicom_cohort(
    out: Union[str, Path],
    seed: int,
    sizes: Optional[Mapping[str, int]] = None,
    matrix: int = 256,
    language: Language = "en",
    progress: Optional[Progress] = None,
) -> Cohort:
    """Phantom patients as DICOM: `<out>/dicom/<case_id>/` holds the studies and CASE.json, besides the usual folder.

    About 13 MB per examination at 256 pixels. The truth goes to `<out>.truth`.

    Args:
        out: folder that does not exist yet or is empty.
        seed: any integer.
        sizes: patients per cohort, default He 2024, Table 1.
        matrix: 256 or 512.
        language: of the series descriptions.
        progress: called with (patients done, patients in all).

    Raises:
        BadInput: wrong sizes, or `out` is not empty.
    """
    sizes = check_sizes(sizes)
    target = Path(out).resolve()
    for folder in (target, truth_folder(target)):
        check_empty(folder)
    jobs = [(cohort, index) for cohort in COHORTS for index in range(sizes.get(cohort, 0))]
    header = CohortHeader(target.name, True, PHANTOM_NOTICE, seed, "dicom", None, dict(sizes))
    rows: List[TruthRow] = []
    with new_folder(truth_folder(target)) as truth, new_folder(target) as folder:
        (folder / CASES_FOLDER).mkdir()
        if progress:
            progress(0, len(jobs))
        for cohort, index in jobs:
            patient = draw_patient(seed, cohort, index)
            write_bundle(folder / CASES_FOLDER / f"{patient.case_id}{SUFFIX}", _one(folder, patient, matrix, language))
            rows.append(truth_of(patient))
            if progress:
                progress(len(rows), len(jobs))
        write_truth(truth, rows)
        write_index(folder, header, index_rows(rows))
    return read_cohort(target)


def _one(folder: Path, patient: Patient, matrix: int, language: Language) -> Bundle:
    """Write one patient's files and read them back as anybody's would be."""
    place = folder / DICOM_FOLDER / patient.case_id
    reading = write_patient_dicom(place, patient, matrix, language)
    (place / CASE_FILE).write_text(json.dumps(reading.to_json(), indent=1) + "\n", encoding="utf-8")
    volumes = open_sources(SourcedCase(reading.case, reading.sources), place, lambda: scan_folder(place))
    return Bundle(reading.case, cut_case(reading.case, volumes))
