"""multipart/form-data bodies: written by urllib3 (which requests brings), read by a small bounded reader.

The standard library's mail parser splits pixels into lines and its `cgi` module is gone from Python 3.13.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from typing import Dict, Mapping, NamedTuple, Optional, Tuple

MAX_PARTS = 8
MAX_PART_HEADER_BYTES = 4096


class Part(NamedTuple):
    """One part. `filename` only makes it a file to the reader at the other end: nobody writes to it."""

    data: bytes
    content_type: str
    filename: Optional[str] = None


class MultipartError(ValueError):
    """The body is not well-formed multipart/form-data."""


def write_multipart(parts: Mapping[str, Part]) -> Tuple[str, bytes]:
    """Content-Type header (with a random boundary) and body."""
    from urllib3 import encode_multipart_formdata

    fields = [
        (name, (part.filename, part.data, part.content_type) if part.filename else part.data.decode("utf-8"))
        for name, part in parts.items()
    ]
    body, content_type = encode_multipart_formdata(fields)
    return content_type, body


def read_multipart(content_type: str, body: bytes) -> Dict[str, Part]:
    """Parts by name.

    Raises:
        MultipartError: not multipart, no or a wrong boundary, too many or unnamed parts, a name used twice.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str) or not 1 <= len(boundary) <= 70:
        raise MultipartError("not a multipart body")
    delimiter = b"\r\n--" + boundary.encode("ascii", "replace")
    pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise MultipartError("too many parts")
    if len(pieces) < 2 or pieces[0] or pieces[-1] not in (b"--", b"--\r\n"):
        raise MultipartError("the body is cut off or has a wrong boundary")
    found: Dict[str, Part] = {}
    for piece in pieces[1:-1]:
        name, part = _read_part(piece)
        if name in found:
            raise MultipartError("two parts share a name")
        found[name] = part
    return found


def _read_part(piece: bytes) -> Tuple[str, Part]:
    end = piece.find(b"\r\n\r\n", 0, MAX_PART_HEADER_BYTES)
    if not piece.startswith(b"\r\n") or end < 0:
        raise MultipartError("a part has no header")
    header = BytesHeaderParser().parsebytes(piece[2 : end + 4])
    name = header.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise MultipartError("a part has no name")
    return name, Part(piece[end + 4 :], header.get_content_type(), header.get_filename())
