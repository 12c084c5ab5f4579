from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2_core.case import CASE_ID
from her2_core.cli.main import main
from her2_core.errors import BadInput
from her2_core.keys import case_id, random_case_id, read_key, write_new_key

pytestmark = pytest.mark.light

KEY = bytes(range(32))
MESSAGE = b"\x00\x00\x00\x09HOSPITAL-4711"  # length of "HOSPITAL-", then issuer and id


def test_case_id_is_the_known_answer() -> None:
    # printf '\000\000\000\011HOSPITAL-4711' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102..1f -binary
    #   | head -c 16 | base32
    assert case_id(KEY, "HOSPITAL-", "4711") == "EE2XGLLGQ7J73F3RASTDUP5P3A"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_case_id_is_what_openssl_computes() -> None:
    import base64

    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{KEY.hex()}", "-binary"]
    digest = subprocess.run(command, input=MESSAGE, capture_output=True, check=True).stdout
    assert base64.b32encode(digest[:16]).decode()[:26] == case_id(KEY, "HOSPITAL-", "4711")


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_different_patients_have_different_ids(i1: str, p1: str, i2: str, p2: str) -> None:
    import unicodedata

    def same(a: str, b: str) -> bool:
        return unicodedata.normalize("NFC", a).strip() == unicodedata.normalize("NFC", b).strip()

    if p1.strip() and p2.strip():
        assert (case_id(KEY, i1, p1) == case_id(KEY, i2, p2)) == (same(i1, i2) and same(p1, p2))


def test_issuer_and_id_cannot_be_shifted_into_each_other() -> None:
    assert case_id(KEY, "AB", "C") != case_id(KEY, "A", "BC")


def test_padding_and_unicode_form_do_not_matter() -> None:
    assert case_id(KEY, " H ", "Jos\u00e9 ") == case_id(KEY, "H", "Jose\u0301")
    assert case_id(KEY, None, "1") == case_id(KEY, "", "1")


def test_another_key_gives_another_id() -> None:
    assert case_id(KEY, "H", "1") != case_id(bytes(32), "H", "1")


@pytest.mark.parametrize(("key", "patient"), [(KEY, ""), (KEY, "  "), (b"short", "1")])
def test_empty_patient_id_and_wrong_key_are_refused(key: bytes, patient: str) -> None:
    with pytest.raises(BadInput):
        case_id(key, "H", patient)


def test_random_ids_are_case_ids_and_differ() -> None:
    ids = {random_case_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(CASE_ID.match(i) for i in ids)


def test_new_key_is_256_bits_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "department.key"
    write_new_key(path)
    assert len(read_key(path)) == 32
    assert re.fullmatch(r"her2-key-1:[0-9a-f]{64}\n", path.read_text())
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keys_differ(tmp_path: Path) -> None:
    write_new_key(tmp_path / "a")
    write_new_key(tmp_path / "b")
    assert read_key(tmp_path / "a") != read_key(tmp_path / "b")


def test_key_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k"
    assert main(["key", "new", "-o", str(path)]) == 0
    before = path.read_bytes()
    assert main(["key", "new", "-o", str(path)]) == 2
    assert path.read_bytes() == before
    out, err = capsys.readouterr()
    assert "never overwritten" in err
    assert before.decode().split(":")[1].strip() not in out + err


def test_key_in_a_missing_folder_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "new", "-o", str(tmp_path / "missing" / "k")]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"her2-key-1:00", b"\xff\xfe", b"her2-key-1:" + b"0" * 65])
def test_other_files_are_not_keys_and_are_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is not a department key"):
        read_key(path)
