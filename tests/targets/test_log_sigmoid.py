"""The log sigmoid against numpy, far out and at every order of derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.targets.log_sigmoid import log_sigmoid

from ..double_precision import enable_x64

POINTS = np.array([-1e4, -700.0, -90.0, -20.0, -1.0, -1e-3, 0.0, 0.5, 3.0, 20.0, 80.0, 700.0, 1e4])


@pytest.mark.parametrize("x64", [False, True])
def test_value_and_slope_are_exact_far_out(x64: bool) -> None:
    with enable_x64(x64):
        z = jnp.asarray(POINTS)
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(log_sigmoid)))(z)
        # Relative to the value, however small: log1p keeps what 1 + exp(-z) would round away.
        rtol = 8 * float(jnp.finfo(z.dtype).eps)
        tiny = float(jnp.finfo(z.dtype).tiny)
        np.testing.assert_allclose(values, -np.logaddexp(0, -POINTS), rtol, atol=tiny)
        np.testing.assert_allclose(slopes, np.exp(-np.logaddexp(0, POINTS)), 20 * rtol, atol=tiny)


@pytest.mark.usefixtures("float64")
def test_higher_derivatives_in_either_mode() -> None:
    z = POINTS[np.abs(POINTS) < 100]
    s = 1 / (1 + np.exp(-z))

    @jax.jit
    @jax.vmap
    def derivatives(z: jax.Array) -> tuple[jax.Array, ...]:
        forward_over_reverse = jax.jacfwd(jax.grad(log_sigmoid))
        reverse_twice = jax.grad(jax.grad(log_sigmoid))
        forward_twice = jax.jacfwd(jax.jacfwd(log_sigmoid))
        third = jax.jacfwd(forward_over_reverse)
        return forward_over_reverse(z), reverse_twice(z), forward_twice(z), third(z)

    *seconds, third = derivatives(jnp.asarray(z))
    for second in seconds:  # -1/4 at zero, where |z| has a kink
        np.testing.assert_allclose(second, -s * (1 - s), atol=1e-15)
    np.testing.assert_allclose(third, -s * (1 - s) * (1 - 2 * s), atol=1e-15)


def test_infinite_logits() -> None:
    z = jnp.asarray([-jnp.inf, jnp.inf])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(log_sigmoid)))(z)
    np.testing.assert_array_equal(values, [-np.inf, 0.0])
    np.testing.assert_array_equal(slopes, [1.0, 0.0])
