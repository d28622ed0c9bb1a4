"""Imports point one way; modules never import one another."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gmmvi_jax"

# Every part of the package, and the parts it may import besides itself.
ALLOWED = {
    "typing": set(),
    "pytree": set(),
    "schedule": {"typing"},
    "numerics": {"typing"},
    "records": {"typing"},
    "gmm": {"typing", "numerics"},
    "mixture": {"typing", "numerics", "gmm"},
    "reuse_window": {"typing", "numerics", "records", "mixture"},
    "sample_db": {"typing", "numerics", "records", "mixture", "reuse_window"},
    "modules": {"typing", "numerics", "records", "mixture", "sample_db", "reuse_window"},
    "initial_mixture": {"typing", "gmm"},
    "choices": {"typing", "modules"},
    "state": {"typing", "numerics", "records", "mixture", "sample_db"},
    "config": {"typing", "schedule", "modules", "initial_mixture"},
    "init": {
        "typing",
        "numerics",
        "records",
        "gmm",
        "mixture",
        "sample_db",
        "reuse_window",
        "state",
        "config",
    },
    "step": {"typing", "numerics", "sample_db", "state", "config"},
    "position": {"typing"},
    "targets": {"typing", "numerics", "position", "near_names"},
}


def part_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "gmm" if name.startswith("gmm_") else name


def imported_names(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "gmmvi_jax":
            names |= {f"gmmvi_jax.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("gmmvi_jax.")}


def imported_parts(path: Path) -> set[str]:
    parts = {name.split(".")[1] for name in imported_names(path)}
    return {"gmm" if part.startswith("gmm_") else part for part in parts}


@pytest.mark.parametrize("part", ALLOWED)
def test_part_imports_only_what_lies_below_it(part):
    files = [path for path in PACKAGE.rglob("*.py") if part_of(path) == part]
    assert files, f"there is no {part} in the package"
    for path in files:
        surplus = imported_parts(path) - ALLOWED[part] - {part, "pytree"}
        assert not surplus, f"{path.name} imports {surplus}"


def test_modules_never_import_one_another():
    folders = [path for path in (PACKAGE / "modules").iterdir() if path.is_dir()]
    names = {folder.name for folder in folders if not folder.name.startswith("__")}
    for path in (PACKAGE / "modules").rglob("*.py"):
        own = path.relative_to(PACKAGE / "modules").parts[0].removesuffix(".py")
        for name in imported_names(path):
            parts = name.split(".")
            if parts[1] == "modules" and len(parts) > 2:
                assert parts[2] not in names - {own}, f"{path} imports {name}"


def test_only_the_step_calls_all_modules():
    callers = [
        path.name
        for path in PACKAGE.rglob("*.py")
        if "algorithm.component_updater(" in path.read_text()
    ]
    assert callers == ["step.py"]
