"""Links in the documentation point to files that exist, and to names that these define."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "gmmvi_jax" / "modules" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
# `training/train.py: train`, a file of the package and a name in it.
SPAN = re.compile(r"`([\w/]+\.py)(?:: ([\w.]+))?`")


def links(page: Path) -> list[tuple[str, str]]:
    """Returns the text and the target of every relative link."""
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return [(text, target) for text, target in found if not target.startswith(("http", "#"))]


def defined_names(path: Path) -> set[str]:
    """Returns the functions, classes, methods and module-level variables of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_point_to_files_that_exist(page):
    for text, target in links(page):
        path = (page.parent / target.partition("#")[0]).resolve()
        in_sdist = not path.is_relative_to(ROOT / "benchmarks")
        if in_sdist or (ROOT / "benchmarks").exists():
            assert path.exists(), f"[{text}]({target})"


def test_the_algorithm_page_names_functions_that_its_links_define():
    page = ROOT / "docs" / "algorithm.md"
    named = [(text.strip("`"), target) for text, target in links(page) if text.startswith("`")]
    assert len(named) > 80
    for name, target in named:
        assert name in defined_names(page.parent / target), f"{target} does not define {name}"


def test_the_architecture_page_names_functions_that_exist():
    page = ROOT / "docs" / "architecture.md"
    named = SPAN.findall(page.read_text(encoding="utf-8"))
    assert len(named) > 25
    for target, name in named:
        path = ROOT / target if target.startswith("tests/") else ROOT / "gmmvi_jax" / target
        assert path.exists(), target
        if name:
            missing = set(name.split(".")) - defined_names(path)
            assert not missing, f"{target} does not define {missing}"
