"""The zip container of case bundles and saliency bundles: one JSON document and flat arrays, nothing executable.

Everything is bounded before it is unpacked: the size of the file, the number of members, their declared and real
sizes, and the shape in every array header. Zip features that are not needed (zip64, encryption, comments, extra
fields, gaps or overlaps between members) are refused, so that a file holds what it shows and nothing else.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from typing import Any, Dict, List, Mapping, NamedTuple, NoReturn, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import BundleError

Array = npt.NDArray[Any]

DOCUMENT = "bundle.json"
MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 160 * 2**20
"""60 ROIs (12 objects at 5 time points) that each cover a whole 512 x 512 image are 94 MB."""
MAX_DOCUMENT_BYTES = 2**20
MAX_MEMBERS = 1 + 128

_EPOCH = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4s4H2LH")
_LOCAL_HEADER_BYTES = 30
_CENTRAL_HEADER_BYTES = 46
_ZIP64_LOCATOR_BYTES = 20
_NPY_START = b"\x93NUMPY\x01\x00"
_NPY_HEADER = re.compile(
    rb"\{'descr': '([<|>=]?[a-zA-Z]\d{1,2})', 'fortran_order': (True|False), 'shape': \((\d{1,5}(?:, ?\d{1,5})*),?\), \} *\n"
)
_MAX_NPY_HEADER_BYTES = 1024
_MAX_DIGITS = 25
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError)
"""What zipfile raises on damaged input (NotImplementedError is a RuntimeError)."""


def refuse(what: str, where: str = "", hint: str = "") -> NoReturn:
    """Raise a BundleError; text from the file is made printable and short."""
    raise BundleError(_printable(what), where=_printable(where) or None, hint=hint or None)


def _printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")[:300]


def pack_container(document: Mapping[str, Any], arrays: Sequence[Tuple[str, Array]]) -> bytes:
    """Zip a JSON document and C-ordered little-endian arrays; the same input always gives the same bytes.

    Raises:
        BundleError: the result would be larger than `unpack_container` accepts.
    """
    text = json.dumps(document, allow_nan=False, separators=(",", ":"), sort_keys=True).encode("ascii")
    members = [(DOCUMENT, text)] + [(name, npy_bytes(array)) for name, array in arrays]
    if sum(len(content) for _, content in members) > MAX_UNPACKED_BYTES or len(text) > MAX_DOCUMENT_BYTES:
        refuse(f"more than {MAX_UNPACKED_BYTES >> 20} MiB of data in one case", hint="Draw smaller boxes.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = 0o600 << 16
            # Level 1: CT noise hardly compresses; level 9 saves 1 % more for three times the work.
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, compresslevel=1)
    data = buffer.getvalue()
    if len(data) > MAX_FILE_BYTES:
        refuse(f"the bundle would be larger than {MAX_FILE_BYTES >> 20} MiB", hint="Draw smaller boxes.")
    return data


def npy_bytes(array: Array) -> bytes:
    """An array in numpy's .npy format, version 1.0, independent of the numpy version that writes it."""
    shape = "".join(f"{n}, " for n in array.shape) if len(array.shape) == 1 else ", ".join(map(str, array.shape))
    descr = array.dtype.newbyteorder("<").str
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape.strip()}), }}".encode("ascii")
    padding = -(len(_NPY_START) + 2 + len(header) + 1) % 64
    header += b" " * padding + b"\n"
    content = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    return _NPY_START + struct.pack("<H", len(header)) + header + content


class Container(NamedTuple):
    """An opened container whose document was read; arrays are unpacked one by one by `array`."""

    document: Dict[str, Any]
    names: Tuple[str, ...]
    archive: zipfile.ZipFile

    def array(self, name: str, dtype: str, shape: Tuple[int, ...]) -> Array:
        """Unpack one array.

        Args:
            name: member name, one of `names`.
            dtype: the only type accepted, e.g. "<i2".
            shape: the only shape accepted.

        Returns:
            a read-only array.

        Raises:
            BundleError: the member is damaged, or not exactly such an array.
        """
        content = _read(self.archive, self.archive.getinfo(name))
        start = _npy_data_start(content, name, dtype, shape)
        expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if len(content) - start != expected:
            refuse(f"holds {len(content) - start} bytes of data, its shape needs {expected}", name)
        return np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)


def unpack_container(data: bytes, kind: str, version: int) -> Container:
    """Open a container and read its document.

    Args:
        data: the file's bytes.
        kind: the expected `format` of the document, e.g. "her2-case".
        version: the version this software understands.

    Raises:
        BundleError: anything is wrong; nothing larger than the limits above was allocated.
    """
    archive = _open(data)
    infos = archive.infolist()
    _check_members(infos, data)
    document = _parse(_read(archive, infos[0]))
    if document.get("format") != kind:
        refuse(f"must be {kind!r}", f"{DOCUMENT}: format", "Is this another kind of file?")
    found = document.get("version")
    if isinstance(found, int) and not isinstance(found, bool) and found > version:
        refuse(f"is {found}, this software reads {version}", f"{DOCUMENT}: version", "Update HER2 Response.")
    if type(found) is not int or found != version:
        refuse(f"must be {version}", f"{DOCUMENT}: version")
    return Container(document, tuple(i.filename for i in infos[1:]), archive)


def _open(data: bytes) -> zipfile.ZipFile:
    if len(data) > MAX_FILE_BYTES:
        refuse(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    if len(data) < _END.size or not data.startswith(b"PK\x03\x04"):
        refuse("not a bundle, or cut off", hint="Was the file transferred completely?")
    signature, disk, first_disk, here, total, size, offset, comment = _END.unpack_from(data, len(data) - _END.size)
    complete = signature == b"PK\x05\x06" and offset + size + _END.size == len(data) and here == total
    if not complete or disk or first_disk or comment:
        refuse("the end of the bundle is missing or damaged", hint="Was the file transferred completely?")
    # Counted here, before zipfile builds one object per entry.
    if not 1 <= total <= MAX_MEMBERS or size > MAX_MEMBERS * 128:
        refuse(f"must hold 1 to {MAX_MEMBERS} members, not {total}")
    if data[-_END.size - _ZIP64_LOCATOR_BYTES :].startswith(b"PK\x06\x07"):
        refuse("zip64 is not used in bundles")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as error:
        refuse(f"damaged bundle ({type(error).__name__})")


def _check_members(infos: Sequence[zipfile.ZipInfo], data: bytes) -> None:
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        refuse("two members of the bundle share a name")
    if not names or names[0] != DOCUMENT:
        refuse(f"the first member must be {DOCUMENT}", hint="Is this another kind of zip file?")
    if infos[0].file_size > MAX_DOCUMENT_BYTES:
        refuse(f"declares {infos[0].file_size} bytes, at most {MAX_DOCUMENT_BYTES} are allowed", DOCUMENT)
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_UNPACKED_BYTES:
        refuse(f"declares {unpacked >> 20} MiB of data, at most {MAX_UNPACKED_BYTES >> 20} are allowed")
    position = 0
    for info in infos:
        if info.flag_bits or info.extra or info.comment or info.compress_type not in (0, zipfile.ZIP_DEFLATED):
            refuse("uses a zip feature that bundles do not have", info.filename)
        if info.header_offset != position:
            refuse("members of the bundle overlap or leave gaps", info.filename)
        position += _LOCAL_HEADER_BYTES + len(info.filename) + info.compress_size
    central = sum(_CENTRAL_HEADER_BYTES + len(info.filename) for info in infos)
    if position + central + _END.size != len(data):
        refuse("the bundle holds bytes that belong to no member")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The member's bytes; never more than it declared, which was checked before."""
    try:
        with archive.open(info) as file:
            content = file.read(info.file_size + 1)
    except _BROKEN as error:
        refuse(f"damaged ({type(error).__name__})", info.filename)
    if len(content) != info.file_size:
        refuse(f"declares {info.file_size} bytes but holds {len(content)}", info.filename)
    return content


def _npy_data_start(content: bytes, name: str, dtype: str, shape: Tuple[int, ...]) -> int:
    if not content.startswith(_NPY_START) or len(content) < len(_NPY_START) + 2:
        refuse("is not a .npy file of version 1.0", name)
    length = int.from_bytes(content[len(_NPY_START) : len(_NPY_START) + 2], "little")
    start = len(_NPY_START) + 2 + length
    match = _NPY_HEADER.fullmatch(content[start - length : start]) if length <= _MAX_NPY_HEADER_BYTES else None
    if match is None:
        refuse("has a damaged or unknown .npy header", name)
    descr, fortran, numbers = match.groups()
    found = tuple(int(n) for n in numbers.split(b","))
    if descr.decode() != dtype or fortran != b"False":
        refuse(f"must be {dtype} in C order, not {descr.decode()}", name)
    if found != shape:
        refuse(f"has shape {found}, {DOCUMENT} declares {shape}", name)
    return start


def _parse(content: bytes) -> Dict[str, Any]:
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_whole_number,
            parse_constant=lambda text: refuse(f"{text} is not a number", DOCUMENT),
        )
    except BundleError:
        raise
    except (ValueError, RecursionError) as error:
        refuse(f"is not JSON ({type(error).__name__})", DOCUMENT)
    if not isinstance(document, dict):
        refuse("must be an object", DOCUMENT)
    return document


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("a key appears twice in one object", DOCUMENT)
    return found


def _whole_number(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        refuse("a number has too many digits", DOCUMENT)
    return int(text)
