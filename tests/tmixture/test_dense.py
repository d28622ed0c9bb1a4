"""Tests of the mixture of Student-t distributions against scipy, in float64."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.gmm import GMM
from gmmvi_jax.tmixture import TMixture

from ..double_precision import enable_x64
from .cases import DEGREES, EXACT, D, K, make, parameters, points, student_t

densities = jax.jit(lambda m, x: (m.log_prob(x), m.component_log_probs(x), m.responsibilities(x)))


@pytest.mark.usefixtures("float64")
def test_densities_match_scipy(kind: str):
    oracle, x = parameters(kind), points(2, 5)
    with jax.numpy_rank_promotion("raise"):
        log_prob, component_log_probs, responsibilities = densities(make(kind), x)
    each = oracle.component_log_probs(x)
    expected = scipy.special.softmax(each + np.log(oracle.weights), axis=-1)
    np.testing.assert_allclose(log_prob, oracle.log_prob(x), rtol=EXACT)
    np.testing.assert_allclose(component_log_probs, each, rtol=EXACT)
    np.testing.assert_allclose(responsibilities, expected, rtol=1e-9, atol=1e-15)


def test_densities_have_the_shape_of_the_points_and_the_dtype_of_the_mixture(kind: str):
    mixture = make(kind)
    for shape in [(), (3,), (2, 3), (0,)]:
        x = jax.ShapeDtypeStruct((*shape, D), jnp.float32)
        log_prob, *others = jax.eval_shape(densities, mixture, x)
        assert (log_prob.shape, log_prob.dtype) == (shape, jnp.float32)
        assert all(other.shape == (*shape, K) for other in others)


@pytest.mark.parametrize("degrees", [np.inf, 1e8])
def test_many_degrees_are_a_gaussian_to_rounding(kind: str, degrees: float):
    mixture, x = make(kind, degrees), points(20)
    gmm = GMM(mixture.log_weights, mixture.means, mixture.factors)
    both = [
        jax.jit(jax.vmap(jax.value_and_grad(type(one).log_prob, 1), (None, 0)))
        for one in (mixture, gmm)
    ]
    (value, slope), (expected, expected_slope) = both[0](mixture, x), both[1](gmm, x)
    np.testing.assert_allclose(value, expected, rtol=2e-6)
    np.testing.assert_allclose(slope, expected_slope, rtol=2e-5, atol=1e-5)
    if degrees == np.inf:
        entropies = jax.jit(TMixture.component_entropies)(mixture)
        np.testing.assert_allclose(entropies, gmm.component_entropies(), rtol=1e-6)
        for ours, theirs in zip(
            jax.tree.leaves(mixture.conditional((2, 0), x[0, :2])),
            jax.tree.leaves(gmm.conditional((2, 0), x[0, :2])),
            strict=False,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_gradient_is_never_nan_however_far_the_point(kind: str):
    full = make(kind)
    for degrees in (DEGREES, np.full(K, 0.1)):
        log_weights = jnp.log(jnp.array([0.4, 0.6, 0.0]))
        mixture = TMixture(log_weights, full.means, full.factors, jnp.float32(degrees))
        x = jnp.array([0.0, 1e2, 1e10, 1e18, 1e25, 3e37])[:, None] * jnp.ones(D)
        value, gradient = jax.jit(
            jax.vmap(jax.value_and_grad(TMixture.log_prob, argnums=(0, 1)), in_axes=(None, 0))
        )(mixture, x)
        assert np.all(np.isfinite(value))
        assert np.all(np.diff(value) <= 0.0)
        for leaf in jax.tree.leaves(gradient):
            assert np.all(np.isfinite(leaf))
    at_location = jax.grad(make(kind).log_prob)(full.means[0])
    assert np.all(np.isfinite(at_location))


def test_float32_keeps_the_tails(kind: str):
    x = np.array([1e5, 1e10, 1e15], np.float32)[:, None] * np.ones(D, np.float32)
    found = densities(make(kind), x)[0]
    np.testing.assert_allclose(found, parameters(kind).log_prob(x.astype(float)), rtol=1e-5)


def everything(mixture: TMixture, x: jax.Array) -> jax.Array:
    """Returns a scalar that depends on the mixture in most ways."""
    results = (
        mixture.log_prob(x),
        mixture.covariance(),
        mixture.component_entropies(),
        mixture.expect_quadratic(np.ones((D, D)), np.ones(D)),
        *jax.tree.leaves(mixture.marginal((3, 1))),
        *jax.tree.leaves(mixture.conditional((2, 0), x[0, :2])),
    )
    return sum((jnp.sum(jnp.sin(result)) for result in results), jnp.zeros(()))


@pytest.mark.usefixtures("float64")
def test_gradients_match_finite_differences(kind: str):
    generator, step = np.random.default_rng(5), 1e-6
    mixture, x = make(kind, [2.5, 7.0, 40.0]), points(2)
    lower = np.tril if kind == "full" else np.asarray
    value_and_slopes = jax.jit(jax.value_and_grad(everything, argnums=(0, 1)))
    slopes = value_and_slopes(mixture, x)[1]
    np.testing.assert_array_equal(slopes[0].factors, lower(slopes[0].factors))
    leaves, structure = jax.tree.flatten(jax.device_get((mixture, x)))
    for position, slope in enumerate(jax.tree.leaves(slopes)):
        direction = generator.normal(size=slope.shape)
        ends = []
        for distance in (step, -step):
            moved = list(leaves)
            moved[position] = leaves[position] + distance * direction
            ends.append(value_and_slopes(*jax.tree.unflatten(structure, moved))[0])
        difference = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(np.sum(slope * direction), difference, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_moments_match_their_formulas(kind: str):
    mixture, oracle = make(kind), parameters(kind)
    inflation = np.array([5.0, 7.0 / 5.0, 1.0])[:, None, None]
    covariances = inflation * oracle.scales
    mean = oracle.weights @ oracle.locations
    second = covariances + oracle.locations[:, :, None] * oracle.locations[:, None, :]
    covariance = np.einsum("k,kij->ij", oracle.weights, second) - np.outer(mean, mean)
    np.testing.assert_allclose(mixture.scale_matrices, oracle.scales, rtol=EXACT, atol=1e-14)
    np.testing.assert_allclose(mixture.covariances, covariances, rtol=EXACT, atol=1e-14)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    np.testing.assert_allclose(mixture.variances, variances, rtol=EXACT)
    np.testing.assert_allclose(mixture.mean(), mean, rtol=EXACT)
    np.testing.assert_allclose(mixture.covariance(), covariance, rtol=EXACT, atol=1e-13)
    np.testing.assert_allclose(mixture.to_gmm().covariance(), covariance, rtol=EXACT, atol=1e-13)
    matrix = np.random.default_rng(4).normal(size=(D, D))
    quadratic = np.einsum("k,kij,ij->", oracle.weights, second, matrix)
    found = mixture.expect_quadratic(matrix, matrix[0], 5.0)
    np.testing.assert_allclose(found, quadratic + matrix[0] @ mean + 5.0, rtol=EXACT)
    np.testing.assert_allclose(mixture.expect_linear(matrix[:2]), matrix[:2] @ mean, rtol=EXACT)
    components = zip(oracle.locations, oracle.scales, oracle.degrees, strict=True)
    entropies = [student_t(*component).entropy() for component in components]
    np.testing.assert_allclose(mixture.component_entropies(), entropies, rtol=1e-9)


SECOND_MOMENTS: dict[str, Callable[[TMixture], Any]] = {
    "covariances": lambda mixture: mixture.covariances,
    "variances": lambda mixture: mixture.variances,
    "covariance": TMixture.covariance,
    "to_gmm": lambda mixture: mixture.to_gmm().factors,
    "expect_quadratic": lambda mixture: mixture.expect_quadratic(np.eye(D)),
}


@pytest.mark.parametrize("name", SECOND_MOMENTS)
def test_second_moments_that_do_not_exist_are_refused(name: str):
    mixture = make("full", [3.0, 2.0, 9.0])
    with pytest.raises(ValueError, match=rf"{name}.* component 1 has 2 .* takes more than 2;"):
        SECOND_MOMENTS[name](mixture)
    assert np.any(np.isnan(jax.jit(SECOND_MOMENTS[name])(mixture)))


@pytest.mark.parametrize("name", ["mean", "expect_linear"])
def test_first_moments_that_do_not_exist_are_refused(name: str):
    def moment(mixture: TMixture) -> jax.Array:
        return mixture.mean() if name == "mean" else mixture.expect_linear(np.eye(D))

    with pytest.raises(ValueError, match=rf"{name}.* component 2 has 0.5 .* it takes more than 1"):
        moment(make("full", [3.0, 2.0, 0.5]))
    assert np.all(np.isnan(jax.jit(moment)(make("full", [3.0, 2.0, 0.5]))))
    assert np.all(np.isfinite(moment(make("full", [3.0, 2.0, 1.5]))))


def test_components_without_weight_need_no_moments(kind: str):
    full = make(kind, [4.0, 5.0, 0.5])
    log_weights = jnp.array([np.log(0.4), np.log(0.6), -np.inf], jnp.float32)
    mixture = TMixture(log_weights, full.means, full.factors, full.degrees)
    assert np.all(np.isfinite(mixture.mean()))
    slopes = jax.grad(lambda mixture: jnp.sum(mixture.covariance()))(mixture)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slopes))


def test_of_a_gmm_keeps_its_arrays(kind: str):
    gmm = make(kind).to_gmm()
    mixture = TMixture.of(gmm, 4)
    np.testing.assert_array_equal(mixture.degrees, np.full(K, 4.0))
    assert mixture.degrees.dtype == jnp.float32
    np.testing.assert_allclose(mixture.covariances, 2.0 * gmm.covariances, rtol=1e-6)
    with pytest.raises(TypeError, match="gmm must be a GMM"):
        TMixture.of(mixture, 4)  # pyright: ignore[reportArgumentType]


_GOOD: dict[str, Any] = {
    "weights": [0.5, 0.5],
    "locations": np.zeros((2, 2)),
    "scales": np.stack([np.eye(2)] * 2),
    "degrees": [1.0, np.inf],
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": [1.5, -0.5]}, r"not be negative, got weights\[1\] = -0.5"),
        ({"locations": np.zeros(2)}, r"locations must have .*single Student-t .*locations\[None\]"),
        ({"scales": np.eye(2)[None]}, r"scales must have .*fit locations of .*got \(1, 2, 2\)"),
        ({"scales": -np.ones((2, 2))}, r"are squared scales and must .* got scales\[0, 0\] = -1"),
        ({"scales": -_GOOD["scales"]}, r"scales must be positive definite"),
        ({"degrees": [1.0, 0.0]}, r"degrees must be positive, got 0.0 for component 1; .*inf are"),
        ({"degrees": np.nan}, r"degrees must be positive, got nan for component 0"),
        ({"degrees": [1.0]}, r"degrees must have shape \(\) or \(2,\), got \(1,\)"),
    ],
)
def test_from_parameters_refuses_what_is_no_mixture(changed: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        TMixture.from_parameters(**(_GOOD | changed))


def test_mixture_passes_through_transformations(kind: str):
    _, locations, scales, _ = parameters(kind)
    if kind == "diagonal":
        scales = np.diagonal(scales, axis1=1, axis2=2)
    seen = []

    @jax.jit
    @jax.vmap
    def build(degrees: jax.Array) -> TMixture:
        mixture = TMixture.from_parameters(np.ones(K), locations, scales, degrees)
        seen.append(repr(mixture))
        return mixture

    stacked = build(np.array([[3.0, 1.0, 2.0], [9.0, 9.0, 1.0]]))
    assert seen == [f"TMixture(num_components=3, dim=4, {kind}, float32)"]
    assert repr(stacked) == seen[0]
    assert repr(jax.tree.map(lambda _: None, stacked)) == "TMixture(None, None, None, None)"


def test_the_dtype_is_that_of_the_arrays():
    integers = TMixture.from_parameters([1, 3], [[0, 1], [2, 3]], [[1, 4], [9, 1]], [1, 2])
    assert {leaf.dtype for leaf in jax.tree.leaves(integers)} == {jnp.dtype(jnp.float32)}
    with enable_x64(True):
        assert {leaf.dtype for leaf in jax.tree.leaves(make("full"))} == {jnp.dtype(jnp.float64)}
