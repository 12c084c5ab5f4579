from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2_core.multipart import MultipartError, Part, read_multipart, write_multipart

pytestmark = pytest.mark.light

TYPE = "multipart/form-data; boundary=b"


@given(st.binary(max_size=200))
def test_any_bytes_survive_the_journey(data: bytes) -> None:
    parts = {
        "params": Part(b'{"a": "\xc3\xa9"}', "application/json"),
        "file": Part(data, "application/octet-stream", "case.her2"),
    }
    content_type, body = write_multipart(parts)
    read = read_multipart(content_type, body)
    assert read["file"] == parts["file"]
    assert read["params"].data == parts["params"].data


def test_line_ends_and_dashes_belong_to_the_data() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n--\r\n-b\n--b\r\n--b--\r\n'
    assert read_multipart(TYPE, body)["x"].data == b"\r\n--\r\n-b\n--b"


def test_preamble_is_refused_and_quoted_boundary_read() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--'
    assert read_multipart('multipart/form-data; boundary="b"', body)["x"].data == b"1"
    with pytest.raises(MultipartError):
        read_multipart(TYPE, b"preamble\r\n" + body)


PART = b'\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=" + "b" * 71, b""),
        (TYPE, b""),
        (TYPE, b"--b" + PART),
        (TYPE, b"--b" + PART + b"--b--trailing"),
        (TYPE, b"--b" + PART + b"--b" + PART + b"--b--"),
        (TYPE, b"--b\r\nno header end\r\n--b--"),
        (TYPE, b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--"),
        (TYPE, b"--b\r\nX: " + b"y" * 5000 + b"\r\n\r\n1\r\n--b--"),
        (TYPE, b"".join(b'--b\r\nContent-Disposition: f; name="%d"\r\n\r\n1\r\n' % i for i in range(9)) + b"--b--"),
    ],
)
def test_damaged_bodies_are_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(MultipartError):
        read_multipart(content_type, body)


@given(st.binary(max_size=100), st.text(max_size=40))
def test_any_body_is_read_or_refused(body: bytes, content_type: str) -> None:
    for kind in (TYPE, content_type):
        try:
            read_multipart(kind, b"--b" + PART[:-1] + body)
        except MultipartError:
            continue
