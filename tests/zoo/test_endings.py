"""Whatever the density, a run ends with a good mixture, or with a name for what is wrong.

``GMMVI_ZOO_EXAMPLES=100`` tries more numbers for each density.
"""

import pytest
from hypothesis import given

import gmmvi_jax as gmmvi

from . import densities_with_broken_gradients, densities_with_edges
from .menagerie import DIM, Density, choose
from .outcomes import check, run
from .profiles import EXAMPLES, numbers, profile, scales

# One program for each estimator: most of the time goes into compiling.
ZOO = densities_with_edges.DENSITIES | densities_with_broken_gradients.DENSITIES
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


# By default every fifth density, and every tenth with the second estimator; all with -m slow.
STRIDES = {"S": 5, "Z": 10}


def split(stride: int) -> tuple[dict[str, Density], dict[str, Density]]:
    """Returns those of every day, and the rest; a program compiles all of its menagerie."""
    every_day = {
        name: density
        for index, (name, density) in enumerate(ZOO.items())
        if index % stride == 0 and name != "truncated_normal"
    }
    rest = {name: density for name, density in ZOO.items() if name not in every_day}
    return every_day, rest


CASES = [
    pytest.param(name, letter, densities, marks=marks, id=f"{name}-{letter}")
    for letter, stride in STRIDES.items()
    for densities, marks in zip(split(stride), ([], pytest.mark.slow), strict=True)
    for name in densities
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
