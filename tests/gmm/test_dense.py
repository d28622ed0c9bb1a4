"""Tests of the public mixture against textbook formulas, in float64."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gmmvi_jax.gmm import GMM

from ..double_precision import enable_x64
from .cases import EXACT, D, K, Moments, evaluate, make, moments, points


class DensitiesTest(chex.TestCase):
    """Densities under ``jit``, and as they are mostly called, outside of it."""

    @chex.variants(with_jit=True, without_jit=True)  # pyright: ignore[reportCallIssue]
    def test_densities_match_scipy(self):
        for kind in ("full", "diagonal"):
            with enable_x64(True), jax.numpy_rank_promotion("raise"):
                gmm, oracle, x = make(kind), moments(kind), points(2, 5)
                log_prob = self.variant(GMM.log_prob)(gmm, x)
                component_log_probs = self.variant(GMM.component_log_probs)(gmm, x)
                responsibilities = self.variant(GMM.responsibilities)(gmm, x)
            each = oracle.component_log_probs(x)
            expected = scipy.special.softmax(each + np.log(oracle.weights), axis=-1)
            np.testing.assert_allclose(log_prob, oracle.log_prob(x), rtol=EXACT)
            np.testing.assert_allclose(component_log_probs, each, rtol=EXACT)
            np.testing.assert_allclose(responsibilities, expected, rtol=1e-9, atol=1e-15)


def test_densities_have_the_shape_of_the_points_and_the_dtype_of_the_mixture(kind: str):
    gmm = make(kind)
    for shape in [(), (3,), (2, 3), (0,)]:
        x = jax.ShapeDtypeStruct((*shape, D), jnp.float32)
        log_prob = jax.eval_shape(gmm.log_prob, x)
        assert (log_prob.shape, log_prob.dtype) == (shape, jnp.float32)
        assert jax.eval_shape(gmm.component_log_probs, x).shape == (*shape, K)
        assert jax.eval_shape(gmm.responsibilities, x).shape == (*shape, K)


@pytest.mark.parametrize("shape", [(), (D + 1,), (D, 1)])
def test_points_of_another_dimension_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"x must have shape \[..., 4\]"):
        make("full").log_prob(np.zeros(shape))


@pytest.mark.usefixtures("float64")
def test_gradient_in_x_matches_the_closed_form(kind: str):
    gmm, oracle, x = make(kind), moments(kind), points(6)
    joint = oracle.component_log_probs(x) + np.log(oracle.weights)
    precisions = np.linalg.inv(oracle.covariances)
    pulls = np.einsum("kij,nkj->nki", precisions, oracle.means - x[:, None])
    expected = np.einsum("nk,nki->ni", scipy.special.softmax(joint, axis=-1), pulls)
    gradient = jax.jit(lambda gmm, x: jax.vmap(jax.grad(gmm.log_prob))(x))(gmm, x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_gradient_is_never_nan_however_far_the_point(kind: str):
    full = make(kind)
    gmm = GMM(jnp.log(jnp.array([0.4, 0.6, 0.0])), full.means, full.factors)
    x = jnp.array([0.0, 1e2, 1e10, 1e18, 1e25, 3e37])[:, None] * jnp.ones(D)
    value, gradient, responsibilities = jax.jit(
        jax.vmap(lambda x: (*jax.value_and_grad(gmm.log_prob)(x), gmm.responsibilities(x)))
    )(x)
    assert np.all(np.isfinite(value))
    assert np.all(np.isfinite(gradient))
    assert np.all(np.diff(value) <= 0.0)
    np.testing.assert_allclose(np.sum(responsibilities, axis=-1), 1.0, rtol=1e-6)


def test_float32_is_accurate_far_from_the_origin(kind: str):
    generator = np.random.default_rng(3)
    correlation = 0.6 * np.ones((D, D)) + 0.4 * np.eye(D) if kind == "full" else np.eye(D)
    # Both arithmetics get the same numbers, those that float32 represents.
    means = np.float32(1e3 + generator.normal(size=(2, D)))
    covariances = np.float32(np.stack([correlation, correlation]))
    x = (1e3 + 2.0 * generator.normal(size=(200, D))).astype(np.float32)
    oracle = Moments(np.array([0.5, 0.5]), means.astype(float), covariances.astype(float))
    stored = covariances if kind == "full" else np.diagonal(covariances, axis1=1, axis2=2)
    gmm = GMM.from_moments([1.0, 1.0], means, stored)
    assert gmm.means.dtype == jnp.float32
    # One unit of rounding, times the D^2 operations behind each whitened coordinate.
    tolerance = float(np.finfo(np.float32).eps) * D**2
    found = evaluate(gmm, x)
    np.testing.assert_allclose(found, oracle.log_prob(x), rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("float64")
def test_moments_match_their_formulas(kind: str):
    gmm, oracle = make(kind), moments(kind)
    mean = oracle.weights @ oracle.means
    second = oracle.covariances + oracle.means[:, :, None] * oracle.means[:, None, :]
    covariance = np.einsum("k,kij->ij", oracle.weights, second) - np.outer(mean, mean)
    entropies = [
        scipy.stats.multivariate_normal(*normal).entropy()
        for normal in zip(oracle.means, oracle.covariances, strict=True)
    ]
    variances = np.diagonal(oracle.covariances, axis1=1, axis2=2)
    expected = (oracle.weights, oracle.covariances, variances, mean, covariance, entropies)

    @jax.jit
    def all_moments(gmm: GMM) -> tuple[jax.Array, ...]:
        own = (gmm.weights, gmm.covariances, gmm.variances)
        return (*own, gmm.mean(), gmm.covariance(), gmm.component_entropies())

    with jax.numpy_rank_promotion("raise"):
        for found, exact in zip(all_moments(gmm), expected, strict=True):
            np.testing.assert_allclose(found, exact, rtol=EXACT, atol=1e-14)


@pytest.mark.usefixtures("float64")
def test_expectations_match_their_formulas(kind: str):
    gmm, oracle = make(kind), moments(kind)
    matrix = np.random.default_rng(4).normal(size=(D, D))
    second = oracle.covariances + oracle.means[:, :, None] * oracle.means[:, None, :]
    expected = np.einsum("k,kij,ij->", oracle.weights, second, matrix)
    mean = oracle.weights @ oracle.means

    @jax.jit
    def expectations(gmm: GMM) -> tuple[jax.Array, ...]:
        quadratic = gmm.expect_quadratic(matrix, matrix[0], 5.0)
        return gmm.expect_quadratic(matrix), quadratic, gmm.expect_linear(matrix[:2])

    with jax.numpy_rank_promotion("raise"):
        pure, quadratic, linear = expectations(gmm)
    np.testing.assert_allclose(pure, expected, rtol=EXACT)
    np.testing.assert_allclose(quadratic, expected + matrix[0] @ mean + 5.0, rtol=EXACT)
    np.testing.assert_allclose(linear, matrix[:2] @ mean, rtol=EXACT)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda gmm: gmm.expect_linear(np.ones(D)), r"matrix must have shape \(M, 4\)"),
        (lambda gmm: gmm.expect_linear(np.ones((2, D)), np.ones(3)), r"offset .* \(\) or \(2,\)"),
        (lambda gmm: gmm.expect_quadratic(np.ones((D, 2))), r"matrix .* \(4, 4\), got \(4, 2\)"),
        (lambda gmm: gmm.expect_quadratic(np.eye(D), np.ones(2)), r"linear .* \(4,\), got \(2,\)"),
        (lambda gmm: gmm.expect_quadratic(np.eye(D), None, np.ones(1)), r"constant .* \(\), got"),
    ],
)
def test_expectations_refuse_other_shapes(call: Callable[[GMM], object], message: str):
    with pytest.raises(ValueError, match=message):
        call(make("full"))


def everything(gmm: GMM, x: jax.Array) -> jax.Array:
    """Returns a scalar that depends on the mixture in most ways (for sampling see above)."""
    results = (
        gmm.log_prob(x),
        gmm.covariance(),
        gmm.expect_quadratic(np.ones((D, D)), np.ones(D)),
        *jax.tree.leaves(gmm.marginal((3, 1))),
        *jax.tree.leaves(gmm.conditional((2, 0), x[0, :2])),
    )
    return sum((jnp.sum(jnp.sin(result)) for result in results), jnp.zeros(()))


@pytest.mark.usefixtures("float64")
def test_gradients_match_finite_differences(kind: str):
    generator, step = np.random.default_rng(5), 1e-6
    gmm, x = make(kind), points(2)
    lower = np.tril if kind == "full" else np.asarray
    value_and_slopes = jax.jit(jax.value_and_grad(everything, argnums=(0, 1)))
    slopes = value_and_slopes(gmm, x)[1]
    # The upper triangles of the factors are not read, so that gradient steps leave them at 0.
    np.testing.assert_array_equal(slopes[0].factors, lower(slopes[0].factors))
    # Each argument in turn: the points, and the three arrays of the mixture.
    leaves, structure = jax.tree.flatten(jax.device_get((gmm, x)))
    for position, slope in enumerate(jax.tree.leaves(slopes)):
        direction = generator.normal(size=slope.shape)
        ends = []
        for distance in (step, -step):
            moved = list(leaves)
            moved[position] = leaves[position] + distance * direction
            ends.append(value_and_slopes(*jax.tree.unflatten(structure, moved))[0])
        difference = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(np.sum(slope * direction), difference, rtol=1e-6)


def test_from_moments_normalises_and_follows_the_dtype():
    integers = GMM.from_moments([1, 3], [[0, 1], [2, 3]], [[1, 4], [9, 1]])
    assert integers.means.dtype == integers.factors.dtype == integers.log_weights.dtype
    assert integers.means.dtype == jnp.float32
    np.testing.assert_allclose(integers.weights, [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(integers.factors, [[1, 2], [3, 1]])
    with enable_x64(True):
        assert make("full").factors.dtype == jnp.float64


_GOOD = {"weights": [0.5, 0.5], "means": np.zeros((2, 2)), "covariances": np.stack([np.eye(2)] * 2)}
_ASYMMETRIC = np.stack([np.eye(2), [[1.0, 0.5], [0.1, 1.0]]])
_INDEFINITE = np.stack([np.eye(2), [[1.0, 2.0], [2.0, 1.0]]])
_NAN = np.stack([np.eye(2), [[1.0, np.nan], [np.nan, 1.0]]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": [1.5, -0.5]}, r"not be negative, got weights\[1\] = -0.5"),
        ({"weights": [0.0, 0.0]}, "weights must not all be 0"),
        ({"weights": [1.0, np.inf]}, r"weights must be finite, got weights\[1\] = inf"),
        ({"weights": [1.0]}, r"weights must have shape \(2,\).* got \(1,\)"),
        ({"means": np.zeros(2)}, r"means must have shape \[K, D\].*got \(2,\).*means\[None\]"),
        ({"means": [[0.0, np.nan], [0.0, 0.0]]}, r"got means\[0, 1\] = nan"),
        ({"means": np.zeros((2, 3))}, r"covariances must have shape \(2, 3, 3\), or \(2, 3\)"),
        ({"covariances": np.eye(2)[None]}, r"to fit means of shape \(2, 2\); got \(1, 2, 2\)"),
        ({"covariances": _NAN}, r"got covariances\[1, 0, 1\] = nan"),
        ({"covariances": _ASYMMETRIC}, r"symmetric, got covariances\[1, 0, 1\] = 0.5.* = 0.1"),
        ({"covariances": _INDEFINITE}, r"got covariances\[1\] with smallest eigenvalue -1;"),
        ({"covariances": [[1.0, 1.0], [1.0, -2.0]]}, r"positive, got covariances\[1, 1\] = -2.0"),
        ({"covariances": [[1.0, 0.0], [1.0, 2.0]]}, r"positive, got covariances\[0, 1\] = 0.0"),
    ],
)
def test_from_moments_refuses_what_is_no_mixture(changed: dict, message: str):
    with pytest.raises(ValueError, match=message):
        GMM.from_moments(**(_GOOD | changed))


def test_mixture_passes_through_transformations(kind: str):
    _, means, covariances = moments(kind)
    if kind == "diagonal":
        covariances = np.diagonal(covariances, axis1=1, axis2=2)
    seen = []

    @jax.jit
    @jax.vmap
    def build(weights: jax.Array) -> GMM:
        gmm = GMM.from_moments(weights, means, covariances)
        seen.append(repr(gmm))
        return gmm

    weights = np.array([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8]])
    stacked = build(weights)
    assert seen == [f"GMM(num_components=3, dim=4, {kind}, float32)"]
    assert repr(stacked) == seen[0]
    found = jax.jit(jax.vmap(GMM.log_prob, in_axes=(0, None)))(stacked, points())
    expected = [moments(kind)._replace(weights=own).log_prob(points()) for own in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert repr(jax.tree.map(lambda _: None, stacked)) == "GMM(None, None, None)"


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_gradients_are_finite_where_a_weight_is_zero(kind: str):
    weights = jnp.array([0.75, 0.0, 0.25])
    means = jnp.array([[0.0, 0.0], [3.0, 3.0], [1.0, -1.0]])
    variances = jnp.ones((3, 2))
    covariances = variances if kind == "diagonal" else jax.vmap(jnp.diag)(variances)
    x = jnp.array([0.5, 0.2])

    def log_prob(weights, x):
        return GMM.from_moments(weights, means, covariances).log_prob(x)

    gradient, in_x = jax.jit(jax.grad(log_prob, argnums=(0, 1)))(weights, x)
    without = jnp.array([0, 2])
    smaller = GMM.from_moments(weights[without], means[without], covariances[without])
    densities = jnp.exp(smaller.component_log_probs(x) - smaller.log_prob(x))
    np.testing.assert_allclose(gradient[without], densities - 1.0, rtol=1e-4)
    assert np.all(np.isfinite(gradient))
    expected = jax.jit(jax.grad(GMM.log_prob, argnums=1))(smaller, x)
    np.testing.assert_allclose(in_x, expected, rtol=1e-5)
    gmm = GMM.from_moments(weights, means, covariances)
    assert float(gmm.log_weights[1]) == -np.inf
    chex.assert_tree_all_finite(jax.jit(jax.grad(GMM.log_prob))(gmm, x))
