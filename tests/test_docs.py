"""Links in the documentation point to files that exist, and to names that these define."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.interop.gmmvi import TYPES
from gmmvi_jax.variants.published_code import COMMON_NAMES, SETTING_NAMES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
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
        if path.is_relative_to(ROOT / "docs" / "generated"):
            continue  # made when the site is built, which fails where it is missing
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


def test_the_reference_lists_every_public_name():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto(?:function|class):: (\w+)$", page, re.MULTILINE)
    modules = {name for name in gmmvi.__all__ if inspect.ismodule(getattr(gmmvi, name))}
    assert sorted(listed) == sorted(set(gmmvi.__all__) - modules)
    builder = (ROOT / "docs" / "builder" / "api.py").read_text(encoding="utf-8")
    for name in modules:  # all names of these are listed when the site is made
        assert f'"{name}": "' in builder or name == "interop"


def test_the_page_for_users_of_the_published_code_has_all_its_keys():
    page = (ROOT / "docs" / "coming_from.md").read_text(encoding="utf-8")
    for name, ours in (SETTING_NAMES | COMMON_NAMES).items():
        section, _, key = name.rpartition(".")
        assert f"`{key}`" in page, name
        assert f"`{ours}`" in page, ours
        assert f"`{section}`" in page or f"`{section}_config`" in page or not section
    for name, types in TYPES.items():
        assert f"`{name}`: {', '.join(types)} | {', '.join(types.values())} |" in page
