"""The route of a case, step by step: DICOM folder -> pairing -> ROIs -> bundle -> server -> prognosis -> report."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List

from her2_core.bundle import Bundle, pack, pack_saliency
from her2_core.case import Case
from her2_core.client import Her2Client, Prediction
from her2_core.cohort.reading import Reading
from her2_core.errors import ImagingError
from her2_core.files import replacing
from her2_core.imaging.assign import Assignment, assign, with_phase_notes
from her2_core.imaging.cut import Volumes, cut_case
from her2_core.imaging.dicom_scan import scan_folder
from her2_core.imaging.pairing import PairedPatient, pair
from her2_core.keys import case_id, read_key, write_new_key
from her2_core.models.folder import load_model_folder
from her2_core.report.page import write_report
from her2_core.requests_transport import RequestsTransport
from her2_core.server.process import ServerProcess

Say = Callable[[str], None]
MakePatient = Callable[[Path], Reading]
"""Writes DICOM files into a folder and says what a reader drew on them."""


@dataclass(frozen=True)
class Walked:
    """What the demo leaves behind: the answer and the files written."""

    prediction: Prediction
    files: List[Path]


def walk(out: Path, model: Path, make_patient: MakePatient, say: Say) -> Walked:
    """Walk one patient from DICOM files to the report.

    Everything happens in a temporary folder, with a server of its own on a free loopback port; both are gone at the
    end, however it ends. `out` gets its files only when all of them exist.

    Args:
        out: folder for the results; made if missing.
        model: model folder.
        make_patient: the source of the patient.
        say: told what happens, one line at a time.

    Raises:
        Her2Error: a step failed; `out` was not touched.
    """
    with tempfile.TemporaryDirectory(prefix="her2-demo-") as temporary:
        folder = Path(temporary)
        dicom, results = folder / "dicom", folder / "results"
        dicom.mkdir()
        results.mkdir()
        with _step("Patient: DICOM files on disk", say):
            reading = make_patient(dicom)
        with _step("Pair: time points and phases from the headers", say):
            patient = _only(pair(scan_folder(dicom)))
            assignment = assign(patient)
            _check_same_series(reading, assignment)
        _tell_pairing(patient, assignment, say)
        with _step("Crop: regions of interest around the boxes", say):
            write_new_key(folder / "department.key")
            bundle = _cut(reading.case, patient, assignment, read_key(folder / "department.key"))
        data = pack(bundle)
        say(f"      {len(bundle.rois)} ROIs, {len(data) / 1e6:.2f} MB: all that leaves the workstation")
        prediction = _ask(model, bundle, say)
        with _step("Report: pictures and page", say):
            _write(results, bundle, data, prediction, model)
        return Walked(prediction, _deliver(results, out))


@contextmanager
def _step(title: str, say: Say) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"  {title} ({time.monotonic() - began:.1f} s)")


def _only(patients: List[PairedPatient]) -> PairedPatient:
    usable = [p for p in patients if p.time_points]
    if len(usable) != 1:
        raise ImagingError(f"expected one patient in the demo's DICOM folder, found {len(usable)}")
    return usable[0]


def _check_same_series(reading: Reading, assignment: Assignment) -> None:
    """The boxes were drawn on certain series; pairing by headers alone must come to the same ones."""
    paired: Dict[str, Dict[str, str]] = {
        name: {phase: assigned.series.series_uid for phase, assigned in found.items()}
        for name, found in assignment.items()
    }
    if paired != reading.sources:
        raise ImagingError(f"pairing found {paired}, the reader used {reading.sources}", where="the demo's patient")


def _tell_pairing(patient: PairedPatient, assignment: Assignment, say: Say) -> None:
    for point in patient.time_points:
        phases = ", ".join(
            f"{phase}{' (phase not named in the headers)' if s.assumed else ''}: {len(s.series.frames)} slices"
            for phase, s in assignment[point.name].items()
        )
        say(f"      {point.name}  day {point.day:>3}  {phases}")
    for warning in patient.warnings:
        say(f"      note: {warning}")


def _cut(case: Case, patient: PairedPatient, assignment: Assignment, key: bytes) -> Bundle:
    keyed = replace(case, case_id=case_id(key, patient.issuer, patient.patient))
    volumes: Volumes = {
        name: {phase: s.series.volume() for phase, s in found.items()} for name, found in assignment.items()
    }
    return Bundle(keyed, with_phase_notes(cut_case(keyed, volumes), assignment))


def _ask(model: Path, bundle: Bundle, say: Say) -> Prediction:
    with _step("Server: started, asked over HTTP, stopped", say), ServerProcess(("--model", str(model))) as server:
        return Her2Client(RequestsTransport(server.url)).predict(bundle)


def _write(folder: Path, bundle: Bundle, data: bytes, prediction: Prediction, model: Path) -> None:
    prognosis = prediction.prognosis
    (folder / "case.her2").write_bytes(data)
    (folder / "saliency.her2").write_bytes(pack_saliency(prediction.saliency))
    text = json.dumps(prognosis.to_json(), indent=1, allow_nan=False)
    (folder / "prognosis.json").write_text(text + "\n", encoding="utf-8")
    fitted = load_model_folder(model).nomograms.get(prognosis.nomogram.variant or "")
    write_report(folder, bundle, prognosis, prediction.saliency, fitted.nomogram if fitted else None)


def _deliver(results: Path, out: Path) -> List[Path]:
    """Copy the finished files; each replaces an older one as a whole."""
    out.mkdir(parents=True, exist_ok=True)
    delivered: Dict[str, Path] = {}
    for file in sorted(results.iterdir()):
        with replacing(out / file.name) as temporary:
            shutil.copyfile(file, temporary)
        delivered[file.name] = out / file.name
    first = ("report.html", "prognosis.json")
    return [delivered[n] for n in first] + [p for n, p in delivered.items() if n not in first]
