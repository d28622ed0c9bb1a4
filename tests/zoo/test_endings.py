"""Whatever the density, a run ends with a good mixture, or with a name for what is wrong.

``GMMVI_ZOO_EXAMPLES=100`` tries more numbers for each density.
"""

import re
import warnings

import jax
import numpy as np
import pytest
from hypothesis import given

import gmmvi_jax as gmmvi
from gmmvi_jax.training.status import Status

from . import (
    densities_with_broken_gradients,
    densities_with_edges,
    densities_with_extreme_numbers,
)
from .extreme_rows import LOG_TAU, ROWS, STARTS, Row
from .menagerie import DIM, NUM_NUMBERS, Density, choose
from .outcomes import assert_finite, check, run
from .profiles import EXAMPLES, numbers, profile, scales

# One program for each estimator: most of the time goes into compiling.
ZOO = densities_with_edges.DENSITIES | densities_with_broken_gradients.DENSITIES
EXTREME = densities_with_extreme_numbers.DENSITIES
# Few samples: luck does not carry a run over a bad place.
SHORT = dict(
    num_iterations=24,
    log_every=12,
    max_components=4,
    desired_samples=24,
    diagnostic_samples=200,
    max_database_size=1000,
    num_database_samples=200,
    add_iters=5,
)
VARIANTS = {"S": gmmvi.samtron, "Z": gmmvi.vips}


# By default every fifth density with the first estimator; all with -m slow. The second one has
# failures and counts of every day in ../test_endings.py and ../targets.
STRIDES = {"S": 5, "Z": 10}


def split(stride: int) -> tuple[dict[str, Density], dict[str, Density]]:
    """Returns those of every day, and the rest; a program compiles all of its menagerie."""
    every_day = EXTREME | {
        name: density
        for index, (name, density) in enumerate(ZOO.items())
        if index % stride == 0 and name != "truncated_normal"
    }
    rest = {name: density for name, density in ZOO.items() if name not in every_day}
    return every_day, rest


CASES = [
    pytest.param(
        name,
        letter,
        densities,
        marks=marks if letter == "S" else pytest.mark.slow,
        id=f"{name}-{letter}",
    )
    for letter, stride in STRIDES.items()
    for densities, marks in zip(split(stride), ([], pytest.mark.slow), strict=True)
    for name in densities
    if name in ZOO
]


@pytest.mark.parametrize(("name", "letter", "densities"), CASES)
def test_a_run_ends_well_or_says_why_not(
    name: str, letter: str, densities: dict[str, Density]
) -> None:
    @profile(EXAMPLES)
    @given(numbers, scales)
    def property_of(values: list[float], scale: float) -> None:
        config = VARIANTS[letter](DIM, prior_scale=scale, **SHORT)
        check(run(config, choose(densities, name, values)))

    property_of()


@pytest.mark.parametrize("letter", ["S", pytest.param("Z", marks=pytest.mark.slow)])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_near_the_limits_of_numbers_a_run_is_right_or_says_why_not(row: Row, letter: str) -> None:
    numbers = [*row.numbers, *[0.0] * (NUM_NUMBERS - len(row.numbers))]
    target = choose(split(STRIDES[letter])[0], row.name, numbers)
    outcome = run(VARIANTS[letter](DIM, prior_scale=row.prior_scale, **SHORT), target)
    check(outcome, max(row.prior_scale))
    result = outcome.result
    assert result is not None
    said = " ".join(str(message.message) for message in outcome.messages)
    assert bool(said) == bool(row.said), said
    assert re.search(row.said, said), said
    if not (row.concern or row.log_z):
        return
    diagnosis = result.diagnose(jax.random.key(0), 1000)
    fraction = float(diagnosis.log_z.effective_fraction)
    assert 0.0 < fraction <= 1.0 + 1e-5
    serious = [concern.text for concern in diagnosis.concerns if concern.is_serious]
    assert bool(serious) == bool(row.concern), serious
    assert any(re.search(row.concern, text) for text in serious) or not row.concern
    if row.log_z is not None:
        assert float(diagnosis.log_z.value) == pytest.approx(row.log_z, abs=0.02 * fraction**-0.5)


@pytest.mark.parametrize("letter", ["S", pytest.param("Z", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", STARTS)
def test_a_mixture_that_starts_with_a_broken_component_finds_a_normal_distribution(
    name: str, letter: str
) -> None:
    target = choose(split(STRIDES[letter])[0], "large_constant", [0.0] * NUM_NUMBERS)
    start = gmmvi.GMM.from_moments(*map(np.array, STARTS[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = gmmvi.train(VARIANTS[letter](DIM, **SHORT), target, initial=start)
    assert_finite(result)
    assert np.all(np.isfinite(result.gmm.log_weights))
    assert result.status is Status.COMPLETED
    # log Z is log(2 pi) - 1; nothing may be above it.
    error = 4.0 * result.history["elbo_stderr"][-1]
    assert result.history["elbo"][-1] == pytest.approx(LOG_TAU - 1.0, abs=0.05 + error)
