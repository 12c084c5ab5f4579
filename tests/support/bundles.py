"""Small valid bundles for tests, and tools to forge damaged ones."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from her2_core.bundle import Bundle, SaliencyBundle, pack, saliency_member
from her2_core.case import Case
from her2_core.roi import Place, Roi
from support.cases import full_case


def place(rows: int = 10, columns: int = 12, spacing: float = 0.75) -> Place:
    return Place((1.0, 2.0, 3.0), (spacing, 0.0, 0.0), (0.0, spacing, 0.0), (0.0, 0.0, 5.0), rows, columns)


def rois_of(case: Case, rows: int = 10, columns: int = 12, seed: int = 0) -> Tuple[Roi, ...]:
    random = np.random.default_rng(seed)
    return tuple(
        Roi(
            key.lesion_id,
            key.time_point,
            key.phase,
            random.integers(-1024, 1500, (3, rows, columns), dtype=np.int16),
            place(rows, columns),
            ("end_of_volume",) if i == 0 else (),
        )
        for i, key in enumerate(case.roi_keys)
    )


def bundle(case: Optional[Case] = None, **size: int) -> Bundle:
    case = case or full_case()
    return Bundle(case, rois_of(case, **size))


def saliency(case_id: str = full_case().case_id, count: int = 3) -> SaliencyBundle:
    random = np.random.default_rng(1)
    return SaliencyBundle(
        case_id, {saliency_member(i): random.random((9 + i, 10)).astype(np.float16) for i in range(count)}
    )


Members = List[Tuple[str, bytes]]


def members(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(i.filename, archive.read(i)) for i in archive.infolist()]


def zipped(content: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A well-formed zip with any names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, value in content:
            archive.writestr(name, value)
    return buffer.getvalue()


def forged(
    change_document: Optional[Callable[[Dict[str, Any]], Any]] = None,
    change_members: Optional[Callable[[Members], Members]] = None,
    data: Optional[bytes] = None,
) -> bytes:
    """A good bundle with its document or its members altered and zipped again."""
    content = members(data or pack(bundle()))
    document = json.loads(content[0][1])
    if change_document is not None:
        document = change_document(document) or document
    content[0] = (content[0][0], json.dumps(document).encode())
    return zipped(change_members(content) if change_members else content)
