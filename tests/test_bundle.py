from __future__ import annotations

import io
import json
import random
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2_core.bundle import (
    Bundle,
    SaliencyBundle,
    pack,
    pack_saliency,
    read_bundle,
    roi_member,
    saliency_member,
    unpack,
    unpack_saliency,
    write_bundle,
)
from her2_core.container import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES, npy_bytes
from her2_core.errors import BundleError
from her2_core.roi import Place
from support.bundles import bundle, forged, members, place, rois_of, saliency, zipped
from support.cases import case, changed, full_case, lesion, primary

pytestmark = pytest.mark.light

GOOD = pack(bundle())


def test_what_goes_in_comes_out() -> None:
    before = bundle()
    after = unpack(pack(before))
    assert after.case == before.case
    assert len(after.rois) == 15  # primary and node: 2 phases x 3 times each; liver: venous x 3
    for a, b in zip(before.rois, after.rois):
        assert a.header() == b.header()
        assert b.hu.dtype == np.int16
        np.testing.assert_array_equal(a.hu, b.hu)


def test_same_bundle_gives_same_bytes_whatever_the_order_of_rois() -> None:
    rois = rois_of(full_case())
    assert pack(Bundle(full_case(), rois)) == pack(Bundle(full_case(), rois[::-1])) == GOOD


def test_numpy_and_standard_library_alone_read_it() -> None:
    archive = zipfile.ZipFile(io.BytesIO(GOOD))
    document = json.loads(archive.read("bundle.json"))
    assert (document["format"], document["version"]) == ("her2-case", 1)
    for header, roi in zip(document["rois"], bundle().rois):
        pixels = np.load(io.BytesIO(archive.read(header["member"])), allow_pickle=False)
        np.testing.assert_array_equal(pixels, roi.hu)
        assert list(pixels.shape) == header["shape"]
        assert pixels.dtype == np.dtype("<i2")


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 100, 77), (5,), (2, 3)])
@pytest.mark.parametrize("dtype", ["<i2", "<f2", ">i2"])
def test_array_members_are_what_numpy_reads(shape: Tuple[int, ...], dtype: str) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    read = np.load(io.BytesIO(npy_bytes(array)), allow_pickle=False)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.dtype(dtype).newbyteorder("<")


def test_arrays_written_by_numpy_itself_are_accepted() -> None:
    def save(content: List[Tuple[str, bytes]]) -> List[Tuple[str, bytes]]:
        saved = []
        for name, value in content[1:]:
            buffer = io.BytesIO()
            np.save(buffer, np.load(io.BytesIO(value)))
            saved.append((name, buffer.getvalue()))
        return content[:1] + saved

    after = unpack(forged(change_members=save))
    np.testing.assert_array_equal(after.rois[0].hu, bundle().rois[0].hu)


def test_pixels_that_arrive_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        unpack(GOOD).rois[0].hu[0, 0, 0] = 1


def test_case_without_boxes_travels_without_pixels() -> None:
    empty = replace(full_case(), lesions=())
    assert unpack(pack(Bundle(empty, ()))).case == empty


def test_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.her2"
    path.write_bytes(b"old")
    write_bundle(path, bundle())
    assert read_bundle(path).case == full_case()
    assert [p.name for p in tmp_path.iterdir()] == ["a.her2"]


def test_message_names_the_file_and_the_place(tmp_path: Path) -> None:
    path = tmp_path / "b.her2"
    path.write_bytes(forged(lambda d: changed(d, "case.lesions.1.organ", "Elbow")))
    with pytest.raises(BundleError, match=r"^b\.her2: case\.lesions\[1\]\.organ: must be one of Stomach"):
        read_bundle(path)


def test_saliency_maps_travel_in_the_same_container() -> None:
    before = saliency()
    data = pack_saliency(before)
    after = unpack_saliency(data)
    assert after.case_id == before.case_id
    assert list(after.maps) == ["saliency/0000.npy", "saliency/0001.npy", "saliency/0002.npy"]
    for name in before.maps:
        assert after.maps[name].dtype == np.float16
        np.testing.assert_array_equal(after.maps[name], before.maps[name])
    assert data == pack_saliency(after)


def test_one_kind_of_bundle_is_not_taken_for_the_other() -> None:
    with pytest.raises(BundleError, match="her2-case"):
        unpack(pack_saliency(saliency()))
    with pytest.raises(BundleError, match="her2-saliency"):
        unpack_saliency(GOOD)


@pytest.mark.parametrize(
    "maps",
    [
        {"../x.npy": np.zeros((9, 9), np.float16)},
        {saliency_member(1): np.zeros((9, 9), np.float16)},
        {saliency_member(0): np.zeros((9, 9), np.float32)},
        {saliency_member(0): np.zeros((7, 9), np.float16)},
        {saliency_member(0): np.full((9, 9), np.nan, np.float16)},
    ],
)
def test_saliency_with_wrong_names_types_sizes_or_values_is_refused(maps: Dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        SaliencyBundle(full_case().case_id, maps)


# -- a bundle that does not fit its case ------------------------------------------------------------------------------


def test_missing_pixels_are_named() -> None:
    with pytest.raises(BundleError, match="no pixels for P BL arterial"):
        Bundle(full_case(), rois_of(full_case())[1:])


def test_pixels_without_a_box_are_named() -> None:
    with pytest.raises(BundleError, match="N1 1F arterial has no box"):
        Bundle(case(primary()), rois_of(case(primary(), lesion("N1"))))


def test_two_rois_of_one_box_are_refused() -> None:
    rois = rois_of(full_case())
    with pytest.raises(BundleError, match="two ROIs"):
        Bundle(full_case(), (rois[0], *rois))


GOOD_PLACE = place()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(GOOD_PLACE, rows=11), "place says 11 x 12"),
        (replace(GOOD_PLACE, column_step_mm=(-0.75, 0.0, 0.0)), "left, back and head"),
        (replace(GOOD_PLACE, slice_step_mm=(0.0, 0.0, -5.0)), "left, back and head"),
        (replace(GOOD_PLACE, slice_step_mm=(0.0, 5.0, 1.0)), "left, back and head"),
        (replace(GOOD_PLACE, row_step_mm=(0.1, 0.75, 0.0)), "perpendicular"),
        (replace(GOOD_PLACE, row_step_mm=(0.0, 0.0, 0.0)), "spacing"),
        (replace(GOOD_PLACE, row_step_mm=(0.0, 21.0, 0.0)), "spacing"),
        (replace(GOOD_PLACE, origin_mm=(float("nan"), 0.0, 0.0)), "finite"),
        (replace(GOOD_PLACE, origin_mm=(1e5, 0.0, 0.0)), "finite numbers up to 10000"),
    ],
)
def test_impossible_places_are_refused(wrong: Place, message: str) -> None:
    first, *rest = rois_of(full_case())
    with pytest.raises(BundleError, match=message):
        Bundle(full_case(), (replace(first, place=wrong), *rest))


def test_gantry_tilt_and_rounded_cosines_are_possible_places() -> None:
    first, *rest = rois_of(full_case())
    tilted = replace(GOOD_PLACE, row_step_mm=(0.0002, 0.65, -0.375), slice_step_mm=(0.0, 0.0, 5.0))
    assert unpack(pack(Bundle(full_case(), (replace(first, place=tilted), *rest)))).rois[0].place == tilted


@pytest.mark.parametrize(
    "hu",
    [
        np.zeros((3, 10, 12), np.int32),
        np.zeros((3, 10, 12), object),
        np.zeros((2, 10, 12), np.int16),
        np.zeros((10, 12), np.int16),
        np.zeros((3, 7, 12), np.int16),
        np.zeros((3, 10, 2049), np.int16),
    ],
)
def test_wrong_pixel_arrays_are_refused(hu: Any) -> None:
    first, *rest = rois_of(full_case())
    with pytest.raises(BundleError):
        Bundle(full_case(), (replace(first, hu=hu, place=replace(GOOD_PLACE, columns=hu.shape[-1])), *rest))


@pytest.mark.parametrize("notes", [("Mr Smith",), ("x" * 49,), ("a",) * 17])
def test_notes_cannot_carry_free_text(notes: Tuple[str, ...]) -> None:
    first, *rest = rois_of(full_case())
    with pytest.raises(BundleError, match="notes"):
        Bundle(full_case(), (replace(first, notes=notes), *rest))


# -- hostile files -----------------------------------------------------------------------------------------------------


def huge_shape(document: Dict[str, Any]) -> Dict[str, Any]:
    return changed(document, "rois.0.shape", [3, 10**9, 10**9])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: changed(d, "version", 2), r"version: is 2, this software reads 1\. Update"),
        (lambda d: changed(d, "version", True), "version: must be 1"),
        (lambda d: changed(d, "version", ...), "version: must be 1"),
        (lambda d: changed(d, "format", "other"), "format"),
        (lambda d: changed(d, "extra", 1), "exactly the keys"),
        (lambda d: changed(d, "rois", {}), "rois: must be a list"),
        (lambda d: changed(d, "rois.0", ...), "members of the zip file"),
        (lambda d: changed(d, "rois.0.member", "../../etc/passwd"), "members of the zip file"),
        (lambda d: changed(d, "rois.0.member", "roi/0001.npy"), "members of the zip file"),
        (lambda d: changed(d, "rois.0.patient", "Smith"), r"rois\[0\]: unknown key 'patient'"),
        (lambda d: changed(d, "rois.0.place.rows", "10"), r"rois\[0\]\.place\.rows: must be a whole number"),
        (lambda d: changed(d, "rois.0.place.origin_mm.0", float("nan")), "NaN is not a number"),
        (lambda d: changed(d, "rois.0.place.origin_mm.0", float("inf")), "Infinity is not a number"),
        (lambda d: changed(d, "rois.0.shape", [3, 12, 10]), "has shape"),
        (huge_shape, "between 8 and 2048"),
        (lambda d: changed(d, "rois.0.shape", [4, 10, 12]), "3 slices"),
        (lambda d: changed(d, "case.case_id", "x"), "case.case_id"),
        (lambda d: changed(d, "case.lesions.0.lesion_id", "caf\u00e9\n\ud800"), r"lesion_id: must be 1-32"),
        (lambda d: changed(d, "case.lesions.0.\ud800", 1), r"unknown key"),
        (lambda d: changed(d, "case", []), "case: must be an object, not a list"),
        (lambda d: changed(d, "case.lesions", []), "15 ROIs, the case's boxes need 0"),
        (lambda d: [1], "must be an object"),
    ],
)
def test_wrong_documents_are_refused_with_their_place(change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        unpack(forged(change))
    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)


def with_document(text: bytes) -> bytes:
    return forged(change_members=lambda content: [(content[0][0], text), *content[1:]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 200_000, r"is not JSON \(RecursionError\)|is not JSON"),
        (b'{"version": 1, "version": 1}', "twice"),
        (b'{"version": ' + b"9" * 100_000 + b"}", "too many digits"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "at most 1048576"),
    ],
)
def test_wrong_json_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        unpack(with_document(text))


def with_roi(value: bytes) -> bytes:
    return forged(change_members=lambda content: [content[0], (content[1][0], value), *content[2:]])


def saved(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


FIRST = bundle().rois[0].hu


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (saved(np.array([{"a": 1}], dtype=object)), "npy header"),
        (saved(FIRST.astype(">i2")), "must be <i2"),
        (saved(FIRST.astype(np.int32)), "must be <i2"),
        (saved(np.asfortranarray(FIRST)), "C order"),
        (saved(FIRST[:, :9]), "has shape"),
        (saved(FIRST)[:-1], "needs 720"),
        (saved(FIRST) + b"x", "needs 720"),
        (saved(FIRST).replace(b"(3, 10, 12)", b"__import__x"), "npy header"),
        (b"\x93NUMPY\x02\x00" + saved(FIRST)[8:], "version 1.0"),
        (b"\x80\x04]\x94.", "not a .npy file"),
        (b"", "not a .npy file"),
        (b"\x93NUMPY\x01\x00\xff\xff", "npy header"),
    ],
)
def test_pickles_and_other_arrays_are_refused(value: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        unpack(with_roi(value))


def renamed(index: int, name: str) -> bytes:
    def rename(content: List[Tuple[str, bytes]]) -> List[Tuple[str, bytes]]:
        return [(name if i == index else old, value) for i, (old, value) in enumerate(content)]

    return forged(change_members=rename)


@pytest.mark.parametrize(
    "name", ["../0000.npy", "/etc/passwd", "roi\\0000.npy", "C:\\x.npy", "roi/0000.npz", "caf\u00e9"]
)
def test_member_names_that_are_paths_are_refused(name: str) -> None:
    with pytest.raises(BundleError):
        unpack(renamed(1, name))


def test_members_beside_the_declared_ones_are_refused() -> None:
    for extra in ("evil.py", "roi/0015.npy"):
        with pytest.raises(BundleError, match="do not match"):
            unpack(forged(change_members=lambda c, extra=extra: [*c, (extra, b"")]))  # type: ignore[misc]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(BundleError, match="share a name"):
        unpack(forged(change_members=lambda c: [*c, c[1]]))


def test_other_zip_files_are_refused() -> None:
    with pytest.raises(BundleError, match="first member must be"):
        unpack(zipped([("word/document.xml", b"<xml/>")]))


def test_zip_features_that_hide_things_are_refused() -> None:
    commented = io.BytesIO(GOOD)
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"Smith^John"
    with_extra = io.BytesIO()
    with zipfile.ZipFile(with_extra, "w") as archive:
        for name, value in members(GOOD):
            info = zipfile.ZipInfo(name)
            info.extra = b"\x99\x99\x04\x00abcd"
            archive.writestr(info, value)
    for data in (commented.getvalue(), with_extra.getvalue(), b"hidden" + GOOD, GOOD + b"hidden"):
        with pytest.raises(BundleError):
            unpack(data)


def test_bytes_between_the_members_and_the_directory_are_refused() -> None:
    size, offset = struct.unpack_from("<LL", GOOD, len(GOOD) - 10)
    hidden = b"Smith^John"
    end = struct.pack("<L", offset + len(hidden))
    data = GOOD[:offset] + hidden + GOOD[offset : offset + size] + GOOD[-22:-6] + end + GOOD[-2:]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None  # other readers do not notice
    with pytest.raises(BundleError, match="belong to no member"):
        unpack(data)


def test_members_out_of_order_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members(GOOD)[::-1]:
            archive.writestr(name, value)
        archive.filelist.reverse()
    with pytest.raises(BundleError, match="overlap or leave gaps"):
        unpack(buffer.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    with pytest.raises(BundleError, match="zip feature"):
        unpack(zipped(members(GOOD), method))


def test_every_truncation_is_refused() -> None:
    for length in [*range(0, len(GOOD), 97), len(GOOD) - 1]:
        with pytest.raises(BundleError):
            unpack(GOOD[:length])


def peak_bytes_of_refusing(data: bytes) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(BundleError):
            unpack(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = forged(change_members=lambda c: [c[0], (c[1][0], bytes(200 * 2**20)), *c[2:]])
    assert len(bomb) < 2**20
    assert peak_bytes_of_refusing(bomb) < 4 * 2**20


def test_lying_zip_bomb_is_stopped_at_its_declared_size() -> None:
    bomb = bytearray(forged(change_members=lambda c: [c[0], (c[1][0], bytes(200 * 2**20)), *c[2:]]))
    claimed = struct.pack("<L", 900)
    position = bomb.rindex(b"roi/0000.npy") - 46 + 24  # uncompressed size in the central directory
    assert struct.unpack_from("<L", bomb, position) == (200 * 2**20,)
    bomb[position : position + 4] = claimed
    assert peak_bytes_of_refusing(bytes(bomb)) < 4 * 2**20


def test_very_many_members_are_refused_before_they_are_listed() -> None:
    many = zipped([(f"{i}", b"") for i in range(30_000)], zipfile.ZIP_STORED)
    assert peak_bytes_of_refusing(many) < 2**20


def test_hidden_directory_behind_a_zip64_locator_is_refused() -> None:
    end = GOOD[-22:]
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    offset, size = struct.unpack_from("<L", end, 16)[0], struct.unpack_from("<L", end, 12)[0]
    forged_end = end[:12] + struct.pack("<LL", size + len(locator), offset) + end[20:]
    with pytest.raises(BundleError, match="zip64"):
        unpack(GOOD[:-22] + locator + forged_end)


def test_oversized_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.her2"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(BundleError, match="larger than 64 MiB"):
        read_bundle(path)


def test_a_case_too_large_for_a_bundle_cannot_be_written(tmp_path: Path) -> None:
    large = bundle(rows=2048, columns=1024)
    with pytest.raises(BundleError, match="160 MiB"):
        write_bundle(tmp_path / "x.her2", large)
    assert not list(tmp_path.iterdir())


def test_thousands_of_mutated_bundles_are_read_or_refused_and_nothing_else() -> None:
    generator = random.Random(20)  # noqa: S311
    small = pack(bundle(case(primary(), times=3), rows=8, columns=8))
    salient = pack_saliency(saliency())
    refused = 0
    for _ in range(6000):
        data = bytearray(generator.choice((small, salient)))
        reader: Callable[[bytes], Any] = unpack_saliency if b"saliency/" in data else unpack
        for _ in range(generator.choice((1, 1, 2, 8))):
            _mutate(data, generator)
        try:
            reader(bytes(data))
        except BundleError:
            refused += 1
    assert refused > 5000  # what remains touched only bytes that zip readers ignore, such as time stamps


def _mutate(data: bytearray, generator: random.Random) -> None:
    kind = generator.randrange(5)
    position = generator.randrange(len(data))
    if kind == 0:
        data[position] = generator.randrange(256)
    elif kind == 1:
        data[position] ^= 1 << generator.randrange(8)
    elif kind == 2:
        del data[position : position + generator.randrange(1, 9)]
    elif kind == 3:
        data[position:position] = generator.randbytes(generator.randrange(1, 9))
    else:  # the headers at the end, where sizes and offsets are
        data[-generator.randrange(1, min(len(data), 400))] = generator.choice((0, 1, 0x7F, 0xFF))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_PATHS = st.sampled_from(
    [
        "rois",
        "rois.0",
        "rois.0.place",
        "rois.0.place.origin_mm.1",
        "rois.0.shape",
        "rois.0.shape.1",
        "rois.0.notes",
        "rois.0.time_point",
        "rois.0.phase",
        "case",
        "case.lesions",
        "case.lesions.0.observations.0.box_centers_mm",
        "case.time_points.1.day",
        "case.markers.0.values",
        "case.clinical",
        "case.outcome.os_days",
        "version",
        "format",
    ]
)


@settings(max_examples=400, deadline=None)
@given(_PATHS, _JSON)
def test_any_json_in_any_place_is_read_or_refused_and_nothing_else(path: str, value: Any) -> None:
    try:
        read = unpack(forged(lambda d: changed(d, path, value)))
    except BundleError:
        return
    assert pack(read) == pack(unpack(pack(read)))


def test_member_names_are_numbered() -> None:
    assert (roi_member(3), saliency_member(12)) == ("roi/0003.npy", "saliency/0012.npy")
