"""Imports point one way: every room imports only from the floors below it; and files are short."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gmmvi_jax"

# The rooms, folders and single files, from the ground up. Those of one line may not import each
# other either.
FLOORS = (
    ("typing", "near_names", "plural", "requirements", "packages"),
    ("files",),
    ("numerics",),
    ("domains",),
    ("gmm", "densities"),
    ("tmixture",),
    ("lowrank",),
    ("mixture", "targets", "multistart"),
    ("samples",),
    ("modules",),
    ("config",),
    ("state",),
    ("init", "step"),
    ("variants", "evaluation"),
    ("plotting",),
    ("training",),
    ("callbacks", "interop"),
    ("cli",),
    ("__init__",),
)
ROOMS = [room for floor in FLOORS for room in floor]
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "gmmvi_jax":
            names |= {f"gmmvi_jax.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("gmmvi_jax.")}


def test_every_file_is_in_a_room():
    assert {room_of(path) for path in FILES} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_floors_below_it(room):
    level = next(index for index, floor in enumerate(FLOORS) if room in floor)
    allowed = {lower for floor in FLOORS[:level] for lower in floor} | {room}
    for path in FILES:
        if room_of(path) == room:
            surplus = {name.split(".")[1] for name in imported_names(path)} - allowed
            assert not surplus, f"{path.relative_to(PACKAGE)} imports {surplus}"


def test_modules_never_import_one_another():
    folders = [path for path in (PACKAGE / "modules").iterdir() if path.is_dir()]
    names = {folder.name for folder in folders if not folder.name.startswith("__")}
    for path in FILES:
        parts = path.relative_to(PACKAGE).parts
        if parts[0] != "modules" or parts[1] == "registry.py":
            continue
        others = names - {parts[1]}
        for name in imported_names(path):
            assert not others & set(name.split(".")[2:3]), f"{path} imports {name}"


def test_only_the_step_calls_all_modules():
    callers = [
        path.name
        for path in FILES
        if "algorithm.component_updater(" in path.read_text(encoding="utf-8")
    ]
    assert callers == ["step.py"]


@pytest.mark.parametrize("folder", ["gmmvi_jax", "benchmarks", "tests"])
def test_files_and_functions_are_short(folder):
    # The code of a function fits a screen; its docstring, a table of arguments, is not counted.
    for path in sorted((PACKAGE.parent / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= (400 if folder == "tests" else 300), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node, clean=False)
                num_told = 0 if docstring is None else docstring.count("\n") + 1
                assert node.end_lineno is not None
                assert node.end_lineno + 1 - node.lineno - num_told <= 60, f"{path}: {node.name}"
