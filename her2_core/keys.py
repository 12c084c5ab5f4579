"""The department key and the pseudonyms made with it (contract 3).

All workstations of a department hold the same key, so they give the same patient the same case id; the server sees
neither the key nor the patient id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import Optional, Union

from her2_core.errors import BadInput

KEY_BYTES = 32
_CASE_ID_BYTES = 16
_FORMAT = re.compile(r"her2-key-1:([0-9a-f]{64})\s*\Z")
_MAX_FILE_BYTES = 4096


def write_new_key(path: Union[str, Path]) -> None:
    """Write a new random 256-bit key to a file that only its owner can read (where the file system knows owners).

    Raises:
        BadInput: the file exists; a key is never overwritten.
        OSError: the folder is missing or read-only.
    """
    target = Path(path)
    text = f"her2-key-1:{secrets.token_bytes(KEY_BYTES).hex()}\n"
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput(
            "exists; a key is never overwritten, because cases made with it could not be matched any more.",
            where=str(target),
            hint="Choose another name.",
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink()
        raise


def read_key(path: Union[str, Path]) -> bytes:
    """Read a key file.

    Raises:
        BadInput: it is not a key file (its content is never shown).
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        match = _FORMAT.match(file.read(_MAX_FILE_BYTES).decode("ascii", "replace"))
    if match is None:
        raise BadInput("is not a department key.", where=str(path), hint="Make one with 'her2 key new -o FILE'.")
    return bytes.fromhex(match.group(1))


def case_id(key: bytes, issuer: Optional[str], patient_id: str) -> str:
    """The pseudonym of a patient: first 128 bits of HMAC-SHA-256, base32, 26 characters.

    The message is the issuer's length in bytes (4 bytes, big endian), the issuer, the patient id, both UTF-8 in
    Unicode form NFC without surrounding spaces: no two pairs share an encoding.

    Args:
        key: 32 bytes, from `read_key`.
        issuer: Issuer of Patient ID (0010,0021); None or empty where the department has one id domain.
        patient_id: Patient ID (0010,0020).

    Raises:
        BadInput: the key has the wrong length, or the patient id is empty.
    """
    if len(key) != KEY_BYTES:
        raise BadInput(f"a department key has {KEY_BYTES} bytes, not {len(key)}.")
    domain, person = _normal(issuer or ""), _normal(patient_id)
    if not person:
        raise BadInput("the patient id is empty.", hint="Use a random case id; the case cannot be matched later.")
    message = len(domain).to_bytes(4, "big") + domain + person
    return _base32(hmac.new(key, message, hashlib.sha256).digest()[:_CASE_ID_BYTES])


def random_case_id() -> str:
    """A case id that belongs to nobody: without a key the case cannot be matched later, and the user is told so."""
    return _base32(secrets.token_bytes(_CASE_ID_BYTES))


def _normal(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).strip().encode("utf-8", "surrogatepass")


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=")
