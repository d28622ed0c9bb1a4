"""Every domain against its definition, in float64; and at the ends of float32."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax import domains
from gmmvi_jax.domains.bounded import Bounded
from gmmvi_jax.domains.protocol import Domain, Shape

from ..double_precision import enable_x64

CASES: dict[str, tuple[Any, Shape]] = {
    "real": (domains.real, (2,)),
    "positive": (domains.positive, (2,)),
    "lower": (domains.lower([5.0, -3.0]), (2,)),
    "upper": (domains.upper(-2.0), (2,)),
    "mixed": (Bounded((-np.inf, 0.0, -np.inf, 0.0), (np.inf, np.inf, 0.0, 1.0)), (4,)),
    "interval": (domains.interval([-1.0, 100.0], [1.0, 101.0]), (2,)),
    "simplex": (domains.simplex, (4,)),
    "two simplices": (domains.simplex, (2, 3)),
    "ordered": (domains.ordered, (4,)),
    "cholesky factor": (domains.cholesky_factor, (3, 3)),
    "correlation": (domains.correlation, (4, 4)),
    "fixed": (domains.fixed([1.0, 2.0]), (2,)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Any, Shape]:
    return CASES[request.param]


def independent(domain: Domain, value: Any, shape: Shape) -> Any:
    """Returns the entries of a value in which densities are taken, as a vector."""
    if domain is domains.simplex:
        return value[..., :-1].ravel()
    if domain is domains.cholesky_factor:
        return value[np.tril_indices(shape[-1])]
    if domain is domains.correlation:
        return value[np.tril_indices(shape[-1], -1)]
    return value.ravel() if not isinstance(domain, type(domains.fixed(0.0))) else jnp.zeros(0)


def test_values_are_inside_and_come_back_with_the_volume_of_the_jacobian(case):
    domain, shape = case

    @jax.jit
    def look(free: Any) -> tuple[Any, ...]:
        value = domain.constrain(free, shape)

        def entries(flat: Any) -> Any:
            return independent(domain, domain.constrain(flat.reshape(free.shape), shape), shape)

        jacobian = jax.jacobian(entries)(free.ravel())
        back = domain.unconstrain(value, shape)
        return value, back, domain.log_volume(free, shape), jacobian

    with enable_x64(True):
        free = np.random.default_rng(0).normal(size=(4, *domain.free_shape(shape)))
        values = []
        for one in free:
            value, back, log_volume, jacobian = look(one)
            values.append(value)
            np.testing.assert_allclose(back, one, atol=1e-7)
            assert jacobian.shape[0] == jacobian.shape[1]
            expected = np.linalg.slogdet(jacobian)[1] if jacobian.size else 0.0
            np.testing.assert_allclose(log_volume, expected, atol=1e-9)
        assert domain.contains(np.stack(values))
        stacked = jax.jit(lambda free: domain.constrain(free, shape))(
            free.reshape(2, 2, *free.shape[1:])
        )
        np.testing.assert_allclose(stacked.reshape(4, *shape), values, rtol=1e-12)


def test_nothing_leaves_the_domain_or_is_nan_in_float32(case):
    domain, shape = case

    @jax.jit
    def look(free: Any) -> tuple[Any, ...]:
        def log_density(free: Any) -> Any:
            value = domain.constrain(free, shape)
            return domain.log_volume(free, shape) - 0.5 * jnp.sum(jnp.tanh(value))

        volume = domain.log_volume(free, shape)
        return domain.constrain(free, shape), volume, jax.vmap(jax.grad(log_density))(free)

    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(20, *domain.free_shape(shape)))
    for size in (0.0, 3.0, 30.0, 1e4, 1e30):
        values, log_volumes, gradients = look(np.float32(size * signs))
        if domain is domains.correlation:  # singular to rounding, but no correlation is above 1
            assert np.all(np.abs(values) <= 1.0)
        elif domain is domains.ordered:  # equal to rounding
            assert np.all(np.diff(values) >= 0.0)
        elif domain is not domains.real:
            assert domain.contains(values)
        assert np.all(np.isfinite(values))
        assert not np.any(np.isnan(log_volumes))
        if size <= 30.0 or (isinstance(domain, type(domains.real)) and size < 1e5):
            assert np.all(np.isfinite(gradients))


@pytest.mark.parametrize(
    ("domain", "shape", "log_volume"),
    [
        (domains.interval([0.0, -4.0], [2.0, 1.0]), (2,), math.log(10.0)),
        (domains.simplex, (5,), -math.lgamma(5)),
    ],
)
def test_uniform_densities_are_standard_normal_ones(domain, shape, log_volume):
    free = np.random.default_rng(0).normal(size=(50, *domain.free_shape(shape)))
    found = jax.jit(lambda free: domain.log_volume(free, shape))(np.float32(free))
    normal = stats.norm.logpdf(free).sum(axis=-1)
    np.testing.assert_allclose(found, normal + log_volume, atol=1e-4)


def test_correlations_have_the_volume_of_all_of_them():
    # By Lewandowski, Kurowicka, Joe 2009, equation 16: pi^2 / 2 for three variables.
    with enable_x64(True):
        free = np.random.default_rng(0).normal(size=(200_000, 3))
        log_volumes = jax.jit(lambda free: domains.correlation.log_volume(free, (3, 3)))(free)
        weights = np.exp(log_volumes - stats.norm.logpdf(free).sum(axis=1))
        assert np.mean(weights) == pytest.approx(math.pi**2 / 2.0, rel=0.01)


def test_the_line_winds_around_the_circle_with_weights_of_sum_1():
    domain = domains.periodic(1.0, 3.0)
    with enable_x64(True):
        line = np.linspace(-9.0, 13.0, 2201)
        look = jax.jit(lambda line: (domain.constrain(line, ()), domain.log_volume(line, ())))
        values, log_weights = map(np.asarray, look(line))
        assert domain.contains(values)
        np.testing.assert_allclose(np.cos(np.pi * values), np.cos(np.pi * line), atol=1e-9)
        sums = np.exp(log_weights[:2200]).reshape(11, 200).sum(axis=0)
        np.testing.assert_allclose(sums, 1.0, atol=1e-9)
        # The integral of a density on the circle is that of its image on the line.
        density = np.exp(2.0 * np.cos(np.pi * (values - 1.2)) + log_weights)
        expected = 2.0 * np.i0(2.0)
        assert np.trapezoid(density, line) == pytest.approx(expected, rel=1e-9)
    # Smooth across the cut, and far away the weight is 0 and not NaN.
    slope = jax.jit(jax.value_and_grad(lambda x: domain.log_volume(x, ())))
    np.testing.assert_allclose(slope(2.9999)[1], slope(3.0001)[1], atol=1e-2)
    log_weight, gradient = slope(1e4)
    assert log_weight < -1e6
    assert np.isfinite(gradient)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: domains.interval(1.0, 1.0), "low below high"),
        (lambda: domains.interval(0.0, np.inf), "finite bounds"),
        (lambda: domains.lower(-np.inf), "finite bound"),
        (lambda: domains.periodic(1.0, 0.0), "low below high"),
        (lambda: domains.interval([0.0, 0.0], 1.0).free_shape((3,)), r"shape \(2,\)"),
        (lambda: domains.simplex.free_shape((1,)), "two numbers"),
        (lambda: domains.ordered.free_shape(()), "a vector"),
        (lambda: domains.cholesky_factor.free_shape((2, 3)), "square"),
        (lambda: domains.correlation.free_shape((1, 1)), "two variables"),
        (lambda: domains.fixed([1.0]).free_shape((2,)), "a number or an array"),
    ],
)
def test_what_cannot_be_right_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_equal_domains_share_compiled_programs():
    assert domains.interval(0, 1) == domains.interval(0.0, np.float32(1.0))
    assert hash(domains.interval([0, 0], 1)) == hash(domains.interval(np.zeros(2), 1))
    assert domains.fixed(np.ones(2)) == domains.fixed([1, 1])
