"""What the documents say exists, exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Tuple

import pytest

from her2_core.cli.main import COMMANDS, build_parser


def paper_map_rows(repository: Path) -> List[Tuple[str, List[Path], List[str], List[Path]]]:
    """(what, files, functions, tests) of each row; a bare file name lies in the folder of the one before it."""
    rows = []
    for line in (repository / "docs" / "paper_map.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not re.search("`", cells[1]):
            continue
        rows.append(
            (cells[0], _paths(repository, cells[1]), re.findall(r"`([\w.]+)`", cells[2]), _paths(repository, cells[3]))
        )
    return rows


def _paths(repository: Path, cell: str) -> List[Path]:
    found: List[Path] = []
    for name in re.findall(r"`([^`]+)`", cell):
        from_root = repository / name
        found.append(from_root if from_root.exists() or not found else found[-1].parent / name)
    return found


def test_paper_map_names_files_functions_and_tests_that_exist(repository: Path) -> None:
    rows = paper_map_rows(repository)
    assert len(rows) > 25
    missing = []
    for what, files, functions, tests in rows:
        missing += [f"{what}: {p}" for p in files + tests if not p.exists()]
        text = "\n".join(p.read_text(encoding="utf-8") for p in files if p.is_file())
        for function in functions:
            name = function.split(".")[-1]
            if not re.search(rf"(def|class) {name}\b|^(    )?{name}\b.*[:=]", text, re.MULTILINE):
                missing.append(f"{what}: {function}")
    assert not missing


def test_every_row_of_the_paper_map_is_built_or_marked_open(repository: Path) -> None:
    lines = (repository / "docs" / "paper_map.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| **", "| in the paper"))]
    assert all("`" in row or "*open*" in row for row in rows)


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md"])
def test_documents_name_only_commands_that_exist(repository: Path, document: str) -> None:
    text = (repository / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`?her2 ([a-z]+)", text))
    assert named
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args([command, "--help"])
    assert stopped.value.code == 0
    assert len(capsys.readouterr().out) > 100


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    broken = []
    for document in [repository / "README.md", *(repository / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http") and not (document.parent / target).exists():
                broken.append(f"{document.name}: {target}")
    assert not broken
