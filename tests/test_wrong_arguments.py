"""Whatever a user passes, a function works or raises an error that names the argument.

``pytest -m slow tests/test_wrong_arguments.py`` tries every wrong value for every argument. Every
day one is drawn for each, or as many as ``GMMVI_ZOO_EXAMPLES`` says.
"""

import re
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import num_compilations

from .wrong_calls import CALLS, WRONG, Reached
from .zoo.profiles import EXAMPLES, profile

MOST_SECONDS = 60


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)  # a text may be a valid path

    def give_up(*_: Any) -> None:
        raise AssertionError("a call hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(MOST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def defect_of(name: str, argument: str, value: Any) -> str | None:
    """Returns what is wrong with what came of a call, None if nothing is."""
    call = CALLS[name]
    compiled = num_compilations()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call.function(**{**call.valid, argument: value})
    except Reached:
        pass
    except (ValueError, TypeError, OSError) as error:
        if not re.search(call.names(argument), str(error)):
            return f"{type(error).__name__} without {argument!r}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "compiled the steps of a run" if num_compilations() > compiled else None


ARGUMENTS = [(name, argument) for name, call in CALLS.items() for argument in call.valid]


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_every_wrong_value_of_every_argument_works_or_is_named(name: str) -> None:
    defects = {
        (argument, kind): defect
        for argument in CALLS[name].valid
        for kind, value in WRONG.items()
        if (defect := defect_of(name, argument, value)) is not None
    }
    assert defects == {}


# What hardly any call takes. Where a value is valid the call does its work, which takes time: of
# numbers and shapes that is left to the slow test.
QUICK = ["None", "text", "object", "dict", "strings", "complex", "objects", "ragged"]


def test_wrong_values_of_all_arguments_work_or_are_named() -> None:
    @profile(EXAMPLES)
    @given(st.lists(st.sampled_from(QUICK), min_size=len(ARGUMENTS), max_size=len(ARGUMENTS)))
    def property_of(kinds: list[str]) -> None:
        defects = {
            (name, argument, kind): defect
            for (name, argument), kind in zip(ARGUMENTS, kinds, strict=True)
            if (defect := defect_of(name, argument, WRONG[kind])) is not None
        }
        assert defects == {}

    property_of()


def test_the_valid_arguments_are_valid() -> None:
    for name in ("train", "fit", "evaluation.elbo", "evaluation.diagnose", "build"):
        call = CALLS[name]
        with pytest.raises(Reached):
            call.function(**call.valid)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("evaluation.diagnose", "reference_samples", np.ones((7, 5))),
        ("many.diagnose", "reference_samples", np.ones((7, 5))),
        ("state.run", "index", 2),
        ("many.run", "index", 2),
        ("targets.banana", "curvature", "0.1"),
        ("targets.digits", "hidden_units", 1.5),
        ("targets.planar_motion", "start", [np.nan, 0.0]),
        ("targets.talos", "published_mass", "no"),
        ("targets.Network", "sizes", [2, 1]),
        ("stan.from_model", "propto", "no"),
    ],
)
def test_what_would_fail_later_or_unseen_is_refused_at_once(
    name: str, argument: str, value: Any
) -> None:
    call = CALLS[name]
    with pytest.raises((ValueError, TypeError), match=argument):
        call.function(**{**call.valid, argument: value})


MODULES = (
    gmmvi,
    gmmvi.evaluation,
    gmmvi.densities,
    gmmvi.domains,
    gmmvi.callbacks,
    gmmvi.targets,
)


def test_no_public_function_is_left_out() -> None:
    known = {name.split(".")[-1] for name in CALLS}
    public = {
        name
        for module in MODULES
        for name in module.__all__
        if callable(getattr(module, name)) and not isinstance(getattr(module, name), type)
    }
    without_arguments = {"breast_cancer", "breast_cancer_mb", "german_credit", "german_credit_mb"}
    without_arguments |= {"codenames", "ionosphere", "names", "reference_names", "seeds", "sonar"}
    # Digits of another size, from a package that may not be installed; and code that is traced.
    others = {"mnist", "forward_kinematics"}
    classes = {"Domain", "cholesky_factor", "correlation", "ordered", "positive", "real", "simplex"}
    assert public - known - classes - others == without_arguments
