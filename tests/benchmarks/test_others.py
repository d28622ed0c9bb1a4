"""The densities of the benchmark ``others``, and its words for what came of a fit."""

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.others.command import judge
from benchmarks.others.densities import schools_noncentred
from benchmarks.others.right import right
from tests.cases.models import eight_schools


def test_the_two_parameterisations_of_eight_schools_are_one_density():
    x = jnp.asarray(np.random.default_rng(0).normal(size=10), jnp.float32)
    effects = x[0] + jnp.exp(x[1]) * x[2:]
    centred = eight_schools(jnp.concatenate([x[:2], effects]))
    assert np.isclose(schools_noncentred(x), centred + 8.0 * x[1], rtol=1e-5)


def test_right_values_need_double_precision():
    with pytest.raises(RuntimeError, match="x64"):
        right("ring")


@pytest.mark.parametrize(
    ("log_z", "error", "verdict", "concerns", "outcome"),
    [
        (1.02, 0.01, "nothing speaks against this fit.", [], "right"),
        (1.02, 0.01, "do not trust this fit as it is.", [], "right, but not trusted"),
        (1.04, 0.01, "to be used with care.", [], "wrong, and does not say why"),
        (1.06, 0.1, "to be used with care.", ["the mixture lacks mass"], "wrong, and says why"),
        (9.0, 0.1, "do not trust", ["improper", "lacks mass"], "wrong, and gives a wrong cause"),
    ],
)
def test_a_fit_is_judged_by_its_log_z_and_what_it_says(log_z, error, verdict, concerns, outcome):
    fit = {"status": "converged", "log_z": log_z, "log_z_error": error, "verdict": verdict}
    fit["concerns"] = concerns
    assert judge(fit, {"log_z": 1.0, "error": 0.0}) == outcome
