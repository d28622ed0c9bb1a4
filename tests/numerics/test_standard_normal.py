"""The noise is JAX's own, whatever shape it is drawn in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.standard_normal import standard_normal_rows


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 31)])
def test_the_rows_are_those_of_jax_number_by_number(shape: tuple[int, int]) -> None:
    key = jax.random.key(5)
    rows = standard_normal_rows(key, *shape, jnp.dtype("float32"))
    np.testing.assert_array_equal(rows, jax.random.normal(key, shape, jnp.float32))
