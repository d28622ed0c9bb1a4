"""No matrix product of a step is left to the backend's default precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.numerics.products import PRECISION

# Between them: both selectors, with and without reuse, both estimators, all three updaters.
VARIANTS = {
    "SAMTRON": {"desired_samples": 8},
    "ZAMTRUX": {"desired_samples": 8, "reuse_ratio": 2.0},
    "SEPYFUX": {"desired_samples": 8},
    "ZEPIDUX": {"desired_samples": 8},
}


def equations(jaxpr: Any) -> Iterator[Any]:
    """Yields the equations of a jaxpr and of those inside it."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(list(equation.params.values())):
            if hasattr(inner, "eqns"):  # a jaxpr, closed or not
                yield from equations(inner)


def target(point: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum(point**2)


@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
@pytest.mark.parametrize("codename", VARIANTS)
def test_every_matrix_product_of_a_step_is_in_full_precision(codename: str, diagonal: bool) -> None:
    config = gmmvi.from_codename(
        codename,
        2,
        num_initial_components=2,
        max_components=4,
        diagonal=diagonal,
        **VARIANTS[codename],
    )
    state = jax.eval_shape(gmmvi.init, config.algorithm, jax.random.key(0))
    traced = jax.make_jaxpr(lambda state: gmmvi.step(config.algorithm, target, state))(state)
    products = [e for e in equations(traced.jaxpr) if e.primitive.name == "dot_general"]
    assert products
    for equation in products:
        assert equation.params["precision"] == (PRECISION, PRECISION), equation
