"""Imports go one way: slicer_extension -> light her2_core <- heavy her2_core <- apps."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Iterator, List, Set, Tuple

import pytest

HEAVY_PACKAGES = ("torch", "torchvision", "monai", "monailabel", "pandas", "pydantic", "lifelines", "sklearn", "scipy")
AT_FIRST_USE = ("pydicom", "requests", "SimpleITK", "tqdm")
ROOMS_BELOW = {
    "response": set(),
    "imaging": set(),
    "models": {"survival", "response"},
    "survival": {"response"},
    "cohort": {"imaging", "response", "survival"},
    "training": {"models", "survival", "response", "cohort"},
    "server": {"models", "response"},
    "report": {"models", "survival", "response", "imaging"},
    "study": {"cohort", "survival", "response"},
}
"""Rooms of her2_core, and the other rooms each may use; files at the top of her2_core are open to all."""


def light_files(root: Path) -> List[Path]:
    with (root / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["her2"]["light"]["modules"]
    found = []
    for name in listed:
        path = root / name
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return found


def imports(path: Path, top_level_only: bool = False) -> Iterator[Tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_level(tree.body) if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def _top_level(body: List[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import; not those under `if TYPE_CHECKING`."""
    for node in body:
        yield node
        if isinstance(node, (ast.Try, ast.With)):
            yield from _top_level(node.body)


def test_light_files_exist(repository: Path) -> None:
    missing = [str(p) for p in light_files(repository) if not p.is_file()]
    assert not missing
    assert len(light_files(repository)) > 10


def test_light_part_never_names_a_heavy_package(repository: Path) -> None:
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {name}"
        for path in light_files(repository)
        for name, line in imports(path)
        if name.split(".")[0] in HEAVY_PACKAGES
    ]
    assert not wrong


def test_light_part_only_uses_light_modules_of_its_own(repository: Path) -> None:
    light = {".".join(p.relative_to(repository).with_suffix("").parts) for p in light_files(repository)}
    light |= {name[: -len(".__init__")] for name in light if name.endswith(".__init__")}
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {name}"
        for path in light_files(repository)
        for name, line in imports(path)
        if name.startswith("her2_core") and name not in light
    ]
    assert not wrong


def test_light_part_loads_pydicom_requests_and_simpleitk_at_first_use_only(repository: Path) -> None:
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {name} at import time"
        for path in light_files(repository)
        for name, line in imports(path, top_level_only=True)
        if name.split(".")[0] in AT_FIRST_USE
    ]
    assert not wrong


def test_light_part_imports_with_every_heavy_package_hidden(repository: Path) -> None:
    modules = [
        ".".join(p.relative_to(repository).with_suffix("").parts).removesuffix(".__init__")
        for p in light_files(repository)
    ]
    hidden = (*HEAVY_PACKAGES, *AT_FIRST_USE, "matplotlib", "jinja2", "fastapi")
    program = (
        "import sys, importlib\n"
        f"for name in {hidden!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print('all imported')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "all imported", done.stderr


def test_light_part_is_python_39(repository: Path) -> None:
    files = [str(p) for p in light_files(repository)]
    vermin = Path(sys.executable).with_name("vermin")
    command = [str(vermin), "-t=3.9-", "--no-tips", "--eval-annotations", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_command_line_help_needs_no_heavy_package() -> None:
    program = (
        "import sys\n"
        f"for name in {HEAVY_PACKAGES!r}: sys.modules[name] = None\n"
        "from her2_core.cli.main import build_parser\n"
        "print(build_parser().format_help())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "Research use only" in done.stdout, done.stderr


@pytest.mark.parametrize("room", sorted(ROOMS_BELOW))
def test_room_uses_only_rooms_below_it(repository: Path, room: str) -> None:
    rooms: Set[str] = {p.name for p in (repository / "her2_core").iterdir() if p.is_dir()}
    allowed = ROOMS_BELOW[room] | {room}
    wrong = []
    for path in sorted((repository / "her2_core" / room).rglob("*.py")):
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] == "her2_core" and len(parts) > 1 and parts[1] in rooms and parts[1] not in allowed:
                wrong.append(f"{path.relative_to(repository)}:{line} imports {name}")
    assert not wrong


def test_nothing_in_her2_core_imports_the_apps_or_the_extension(repository: Path) -> None:
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {name}"
        for path in (repository / "her2_core").rglob("*.py")
        for name, line in imports(path)
        if name.split(".")[0] in ("apps", "lib", "slicer", "qt", "ctk", "vtk")
    ]
    assert not wrong
