"""Any valid configuration on any density ends with a finite mixture, or with a named end.

``python -m benchmarks.reliability.zoo 10`` tries ten on each density, and counts.
"""

import jax
import pytest

from .any_config import draw_config, draw_density, run_example


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_any_configuration_on_any_density_ends_well_or_says_why_not(seed: int) -> None:
    example = draw_config(seed)
    for number in range(8):
        name, target = draw_density(100 * seed + number)
        _, defect = run_example(example, target)
        assert not defect, (example.codename, example.settings, name, defect)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_configurations_end_well_or_say_why_not(seed: int) -> None:
    test_any_configuration_on_any_density_ends_well_or_says_why_not(seed)
    jax.clear_caches()  # or the programs of hundreds of variants pile up


def test_a_configuration_from_a_seed_is_the_same_again() -> None:
    assert draw_config(3).settings == draw_config(3).settings
    assert len({draw_config(seed).codename for seed in range(20)}) > 10
