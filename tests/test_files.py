from __future__ import annotations

from pathlib import Path

import pytest

from her2_core.files import new_folder, replacing

pytestmark = pytest.mark.light


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(target) as part:
        part.write_text("half" * 9999 + "\u00e9", encoding="ascii")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_finished_write_replaces_the_file(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_text("old")
    with replacing(target) as part:
        part.write_text("new")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_folder_appears_only_when_complete_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "a").write_text("old")
    with pytest.raises(UnicodeEncodeError), new_folder(target) as part:
        (part / "b").write_text("half" * 9999 + "\u00e9", encoding="ascii")
    assert [p.name for p in target.iterdir()] == ["a"]
    with new_folder(target) as part:
        (part / "b").write_text("new")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
