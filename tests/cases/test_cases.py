"""Cases that users run into, shortened: a fit is right, or it is said what is wrong.

All are padded to 3-D and are one callable pytree, so that each variant compiles once.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from . import gradients, shapes, supports
from .cases import CASES
from .judge import judge
from .measure import measure_case

DIM = 3
DENSITIES = {
    "half_exponential": (supports.half_exponential, 1),
    "late_support": (supports.late_support, 1),
    "ordered": (supports.ordered, 3),
    "overflow_trap": (gradients.overflow_trap, 2),
    "periodic": (shapes.periodic, 1),
    "two_goals": (shapes.two_goals, 2),
}
EVERY_DAY = ("two_goals",)  # the others with -m slow
SHORT = {
    "num_iterations": 150,
    "desired_samples": 100,
    "max_components": 10,
    "diagnostic_samples": 200,
    "max_database_size": 5000,
    "num_database_samples": 200,
}


def padded(density, dim):
    """Returns the density with a standard normal in the coordinates that it has not."""

    def value(x):
        rest = x[dim:]
        return density(x[:dim]) - 0.5 * jnp.sum(rest**2)

    return value


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class OneOfThem:
    """One of some densities: which one is data."""

    index: Any
    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})

    def __call__(self, x):
        branches = [padded(*DENSITIES[name]) for name in self.names]
        return jax.lax.switch(self.index, branches, x)


def short_case(name, variant):
    """Returns the row of the table, padded and with fewer iterations."""
    (case,) = (row for row in CASES if row.name == name and variant in row.variants)
    temperature = dict(case.settings).get("temperature", 1.0)
    _, dim = DENSITIES[name]
    together = EVERY_DAY if name in EVERY_DAY else tuple(DENSITIES)
    extra = 0.5 * (DIM - dim) * math.log(2.0 * math.pi * temperature)
    return dataclasses.replace(
        case,
        density=OneOfThem(jnp.int32(together.index(name)), together),
        dim=DIM,
        log_z=None if case.log_z is None else case.log_z + extra,
        # The standard error of log Z after so few iterations is 0.02 to 0.05.
        log_z_within=max(case.log_z_within, 0.1),
        asked=tuple(asked for asked in case.asked if not asked.name.startswith("sd")),
        settings=(*case.settings, *SHORT.items()),
    )


@pytest.mark.parametrize(
    ("name", "variant"),
    [(name, "S") for name in EVERY_DAY]
    + [
        pytest.param(name, variant, marks=pytest.mark.slow)
        for name, variant in (
            *((name, "S") for name in DENSITIES if name not in EVERY_DAY),
            ("half_exponential", "Z"),
            ("two_goals", "Z"),
        )
    ],
)
def test_a_case_is_right_or_says_what_is_wrong(name, variant):
    case = short_case(name, variant)
    figures = measure_case(case, variant, 0)
    judgement = judge(case, figures)
    assert judgement.passed, (judgement.reason, figures)


CASE = short_case("two_goals", "S")
LOG_Z = CASE.log_z or math.nan
FIGURES = {
    "status": "completed",
    "reason": "",
    "log_z": LOG_Z,
    "log_z_error": 0.001,
    "outside_share": 0.0,
    "verdict": "nothing speaks against this fit.",
    "concerns": [],
    "asked": {asked.name: asked.right for asked in CASE.asked},
}
WRONG = {"log_z": LOG_Z + 0.004}
REFUSED = {"verdict": "do not trust this fit as it is.", "concerns": [["it misses a mode", True]]}


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        (REFUSED, False),
        (WRONG, False),
        (WRONG | REFUSED, True),
        (WRONG | REFUSED | {"concerns": [["it misses a mode", False]]}, False),
        (WRONG | {"status": "failed", "reason": "the mixture misses a mode"}, True),
        (WRONG | {"status": "failed", "reason": "an error"}, False),
        ({"log_z": math.nan}, False),
        ({"asked": dict.fromkeys(FIGURES["asked"], math.nan)}, False),
        ({"outside_share": 0.1, "is_outside_shown": False}, False),
        (
            {"error": ["ValueError", "none of them lies in its support"], "num_compilations": 0},
            True,
        ),
        ({"error": ["ValueError", "shapes differ"], "num_compilations": 0}, False),
    ],
)
def test_a_row_passes_where_it_is_right_and_trusted_or_neither(changes, passed):
    assert judge(CASE, FIGURES | changes).passed == passed
