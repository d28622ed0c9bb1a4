"""The site is made without a warning, and its search finds every name, setting and column."""

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.registry import CHOICES

ROOT = Path(__file__).resolve().parent.parent
MODULES = ("callbacks", "densities", "domains", "evaluation", "multistart", "plotting", "targets")


def public_names() -> set[str]:
    modules = [importlib.import_module(f"gmmvi_jax.{name}") for name in MODULES]
    return set(gmmvi.__all__).union(*(module.__all__ for module in modules))


def settings() -> set[str]:
    common = inspect.signature(gmmvi.from_codename).parameters
    return set(common).union(*(choice.settings for choice in CHOICES))


def columns() -> set[str]:
    config = gmmvi.samtron(2, num_iterations=1, log_every=1, desired_samples=10, max_components=2)
    return set(gmmvi.train(config, lambda x: -(x @ x)).history)


@pytest.mark.slow
def test_the_search_of_the_site_finds_every_name_setting_and_column(tmp_path):
    pytest.importorskip("myst_nb", reason='needs pip install "gmmvi_jax[docs]"')
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(ROOT / "docs"), str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT)
    text = (tmp_path / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    found = set(index["terms"]) | set(index["titleterms"])
    found |= {entry[4] for entries in index["objects"].values() for entry in entries}
    stem = (
        importlib.import_module("sphinx.search.en").SearchEnglish({}).stem
    )  # as the search does with what a reader types
    wanted = public_names() | settings() | columns()
    assert len(wanted) > 200
    assert not {name for name in wanted if name not in found and stem(name.lower()) not in found}
