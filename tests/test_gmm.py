"""Tests of the public mixture against textbook formulas, in float64, and against sampling."""

import functools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import components as gmm_components
from gmmvi_jax.gmm import files as gmm_io

from .double_precision import enable_x64

K, D = 3, 4
NUM_SAMPLES = 40_000
STANDARD_ERRORS = 5.0  # a two-sided chance of 6e-7 per number compared
EXACT = 1e-10  # relative tolerance of float64 against the textbook formula


class Moments(NamedTuple):
    """A mixture as numpy arrays in float64."""

    weights: np.ndarray  # [K]
    means: np.ndarray  # [K, D]
    covariances: np.ndarray  # [K, D, D]

    def component_log_probs(self, points: np.ndarray) -> np.ndarray:
        normals = zip(self.means, self.covariances, strict=True)
        return np.stack(
            [scipy.stats.multivariate_normal(*normal).logpdf(points) for normal in normals], axis=-1
        )

    def log_prob(self, points: np.ndarray) -> np.ndarray:
        joint = self.component_log_probs(points) + np.log(self.weights)
        return np.asarray(scipy.special.logsumexp(joint, axis=-1))


@functools.cache
def moments(kind: str) -> Moments:
    generator = np.random.default_rng(7)
    roots = generator.normal(size=(K, D, D))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(D)
    if kind == "diagonal":
        covariances = covariances * np.eye(D)
    means = 2.0 * generator.normal(size=(K, D))
    return Moments(np.array([0.5, 0.2, 0.3]), means, covariances)


def make(kind: str) -> GMM:
    weights, means, covariances = moments(kind)
    if kind == "diagonal":
        covariances = np.diagonal(covariances, axis1=1, axis2=2)
    return GMM.from_moments(weights, means, covariances)


def points(*shape: int) -> np.ndarray:
    return 3.0 * np.random.default_rng(1).normal(size=(*shape, D))


def assert_zero_mean(values: np.ndarray | jax.Array) -> None:
    """Asserts that independent values [N, ...] average to 0, by their own standard error."""
    values = np.asarray(values, np.float64)
    error = values.std(axis=0) / np.sqrt(len(values))
    np.testing.assert_array_less(np.abs(values.mean(axis=0)), STANDARD_ERRORS * error + 1e-6)


@functools.partial(jax.jit, static_argnames="dims")
def marginal_of(gmm: GMM, dims: int | tuple[int, ...]) -> GMM:
    return gmm.marginal(dims)


@functools.partial(jax.jit, static_argnames="dims")
def conditional_of(gmm: GMM, dims: int | tuple[int, ...], values: Any) -> GMM:
    return gmm.conditional(dims, values)


evaluate = jax.jit(GMM.log_prob)


@pytest.fixture(params=["full", "diagonal"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


# --- density ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
def test_densities_match_scipy(kind: str):
    gmm, oracle, x = make(kind), moments(kind), points(2, 5)
    joint = oracle.component_log_probs(x) + np.log(oracle.weights)
    with jax.numpy_rank_promotion("raise"):
        log_prob, component_log_probs, responsibilities = jax.jit(
            lambda gmm, x: (gmm.log_prob(x), gmm.component_log_probs(x), gmm.responsibilities(x))
        )(gmm, x)
    np.testing.assert_allclose(log_prob, oracle.log_prob(x), rtol=EXACT)
    np.testing.assert_allclose(component_log_probs, oracle.component_log_probs(x), rtol=EXACT)
    np.testing.assert_allclose(
        responsibilities, scipy.special.softmax(joint, axis=-1), rtol=1e-9, atol=1e-15
    )


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


# --- samples ---------------------------------------------------------------------------------


class Draw(NamedTuple):
    """NUM_SAMPLES samples of a mixture in float32."""

    gmm: GMM
    samples: np.ndarray  # [NUM_SAMPLES, D]
    components: np.ndarray  # [NUM_SAMPLES]
    gradient: GMM  # of the sum of samples times SLOPES


SLOPES = np.zeros((NUM_SAMPLES, D), np.float32)
SLOPES[:7] = points(7)


@functools.cache
def drawn(kind: str) -> Draw:
    @jax.jit
    def draw_and_pull_back(gmm: GMM, slopes: jax.Array) -> tuple[jax.Array, jax.Array, GMM]:
        draw = functools.partial(GMM.sample_with_components, num_samples=NUM_SAMPLES)
        samples, pull_back, components = jax.vjp(
            lambda gmm: draw(gmm, jax.random.key(11)), gmm, has_aux=True
        )
        return samples, components, pull_back(slopes)[0]

    gmm = make(kind)
    return Draw(gmm, *jax.device_get(draw_and_pull_back(gmm, SLOPES)))


def test_components_are_drawn_by_their_weights(kind: str):
    gmm, _, components, _ = drawn(kind)
    chosen = components[:, None] == np.arange(K)
    assert components.dtype == np.int32
    assert_zero_mean(chosen - np.asarray(gmm.weights))


def test_samples_have_the_moments_of_their_component(kind: str):
    _, samples, components, _ = drawn(kind)
    oracle = moments(kind)
    for component in range(K):
        centred = samples[components == component] - oracle.means[component]
        products = centred[:, :, None] * centred[:, None, :]
        assert_zero_mean(centred)
        assert_zero_mean(products - oracle.covariances[component])


def test_samples_follow_the_normal_distribution(kind: str):
    _, samples, components, _ = drawn(kind)
    oracle = moments(kind)
    own = samples[components == 1] - oracle.means[1]
    whitened = np.linalg.solve(np.linalg.cholesky(oracle.covariances[1]), own.T)
    assert scipy.stats.kstest(np.sum(whitened**2, axis=0), "chi2", args=(D,)).pvalue > 1e-4


@pytest.mark.parametrize("make_key", [jax.random.key, jax.random.PRNGKey])
def test_sample_shapes(kind: str, make_key: Callable[[int], jax.Array]):
    gmm, key = make(kind), make_key(0)
    for count in (0, 1, 5):
        draw = functools.partial(gmm.sample_with_components, num_samples=count)
        samples, components = jax.eval_shape(draw, key)
        assert (samples.shape, samples.dtype) == ((count, D), jnp.float32)
        assert (components.shape, components.dtype) == ((count,), jnp.int32)
    assert jax.eval_shape(lambda key: gmm.sample(key, 5), key).shape == (5, D)
    for wrong in ((5,), -1, 2.0):
        with pytest.raises(ValueError, match="num_samples must be an integer of at least 0"):
            gmm.sample(key, wrong)  # type: ignore[arg-type]


def test_samples_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch):
    gmm, _, components, _ = drawn("full")
    components, noise = components[:100], points(100).astype(np.float32)
    factors = np.asarray(gmm.factors)[components]
    expected = np.asarray(gmm.means)[components] + (factors @ noise[..., None])[..., 0]
    monkeypatch.setattr(gmm_components, "_GATHERED_ELEMENTS", 7 * D**2)  # leaves a remainder
    transform = jax.jit(gmm_components.transform_noise)
    found = transform(gmm.means, gmm.factors, components, noise)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_samples_are_differentiable_in_means_and_factors(kind: str):
    # Given its component k and noise z a sample is mean_k + factor_k z, linear in both.
    _, samples, components, gradient = drawn(kind)
    samples, components, slope = samples[:7], components[:7], SLOPES[:7]
    means, covariances = moments(kind)[1:]
    factors = np.linalg.cholesky(covariances)
    noise = np.linalg.solve(factors[components], (samples - means[components])[..., None])
    outer = slope[:, :, None] * noise[:, :, 0][:, None, :]
    outer = np.tril(outer) if kind == "full" else np.diagonal(outer, axis1=1, axis2=2)
    chosen = (components[:, None] == np.arange(K)).astype(float)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    close(gradient.means, np.einsum("nk,ni->ki", chosen, slope))
    close(gradient.factors, np.einsum("nk,n...->k...", chosen, outer))
    close(gradient.log_weights, 0.0)


def test_sampling_does_not_hold_a_factor_per_sample():
    count, dim, num_components = 100_000, 30, 20
    arrays = (
        jax.ShapeDtypeStruct((num_components, dim), jnp.float32),
        jax.ShapeDtypeStruct((num_components, dim, dim), jnp.float32),
        jax.ShapeDtypeStruct((count,), jnp.int32),
        jax.ShapeDtypeStruct((count, dim), jnp.float32),
    )
    memory = jax.jit(gmm_components.transform_noise).lower(*arrays).compile().memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 2 * 4 * count * dim


# --- moments ---------------------------------------------------------------------------------


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


def test_moments_match_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    mean, covariance = jax.device_get(jax.jit(lambda gmm: (gmm.mean(), gmm.covariance()))(gmm))
    centred = samples - mean
    assert_zero_mean(centred)
    assert_zero_mean(centred[:, :, None] * centred[:, None, :] - covariance)


def test_expectations_match_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    generator = np.random.default_rng(4)
    matrix, offset = generator.normal(size=(2, D)), np.array([3.0, -1.0])
    square, linear = generator.normal(size=(D, D)), generator.normal(size=D)
    expected_linear, expected_quadratic = jax.device_get(
        jax.jit(
            lambda g: (g.expect_linear(matrix, offset), g.expect_quadratic(square, linear, 2.0))
        )(gmm)
    )
    assert_zero_mean(samples @ matrix.T + offset - expected_linear)
    values = np.einsum("ni,ij,nj->n", samples, square, samples) + samples @ linear + 2.0
    assert_zero_mean(values - expected_quadratic)


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


# --- marginals and conditionals --------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dims", [2, (1, 3, 0)])
def test_marginal_matches_the_submatrices(kind: str, dims: int | tuple[int, ...]):
    oracle, index = moments(kind), np.atleast_1d(dims)
    means, covariances = oracle.means[:, index], oracle.covariances[:, index][:, :, index]
    x = points(5)[:, index]
    marginal = marginal_of(make(kind), dims)
    assert marginal.is_diagonal == (kind == "diagonal")
    np.testing.assert_allclose(marginal.covariances, covariances, rtol=EXACT, atol=1e-14)
    np.testing.assert_allclose(
        evaluate(marginal, x), Moments(oracle.weights, means, covariances).log_prob(x), rtol=EXACT
    )
    if kind == "full":
        np.testing.assert_allclose(marginal.factors, np.linalg.cholesky(covariances), atol=1e-12)


def test_marginal_matches_samples(kind: str):
    gmm, samples, *_ = drawn(kind)

    @jax.jit
    def marginal_moments(gmm: GMM) -> tuple[GMM, jax.Array, jax.Array]:
        marginal = gmm.marginal((3, 1))
        return marginal, marginal.mean(), marginal.covariance()

    marginal, mean, covariance = jax.device_get(marginal_moments(gmm))
    assert marginal.means.dtype == marginal.factors.dtype == jnp.float32
    edges = np.quantile(samples[:, 3], [0.1, 0.4, 0.8])
    # Coordinate 3 comes first in this marginal.
    deviations = marginal.factors[:, 0] if kind == "diagonal" else marginal.factors[:, 0, 0]
    below = scipy.stats.norm.cdf((edges[:, None] - gmm.means[:, 3]) / deviations)
    # The quantiles are of the same samples; at a fixed edge the binomial error applies.
    error = 0.5 / np.sqrt(NUM_SAMPLES)
    np.testing.assert_allclose(
        below @ np.asarray(gmm.weights), [0.1, 0.4, 0.8], atol=STANDARD_ERRORS * error
    )
    centred = samples[:, [3, 1]] - mean
    assert_zero_mean(centred[:, :, None] * centred[:, None, :] - covariance)


def test_marginal_of_a_stretched_gaussian_does_not_square_its_condition_number():
    # Along random axes, standard deviations from 1 to 1e5: float32 has no Cholesky factor of the
    # reordered covariance.
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    factor = _cholesky_of_product(rotation * [1e5, 1e3, 1e1, 1.0]).astype(np.float32)
    gmm = GMM(jnp.zeros(1), jnp.zeros((1, D)), jnp.asarray(factor)[None])
    found = np.asarray(marginal_of(gmm, (3, 2, 1, 0)).factors[0])
    expected = _cholesky_of_product(factor[::-1].astype(float))
    np.testing.assert_allclose(np.diag(found), np.diag(expected), rtol=1e-3)


def _cholesky_of_product(rows: np.ndarray) -> np.ndarray:
    """Returns the lower triangular L with L L^T = rows rows^T."""
    upper = np.linalg.qr(rows.T, mode="r")
    return (np.sign(np.diag(upper))[:, None] * upper).T


@pytest.mark.usefixtures("float64")
def test_conditional_is_joint_over_marginal(kind: str):
    dims = (2, 1, 3)
    gmm, oracle, x = make(kind), moments(kind), points(4)
    given, rest = np.array(dims), np.setdiff1d(np.arange(D), dims)
    marginal = Moments(
        oracle.weights, oracle.means[:, given], oracle.covariances[:, given][:, :, given]
    )
    expected = oracle.log_prob(x) - marginal.log_prob(x[:, given])
    with jax.numpy_rank_promotion("raise"):
        found = jax.jit(jax.vmap(lambda x: gmm.conditional(dims, x[given]).log_prob(x[rest])))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_conditional_matches_the_schur_complement(kind: str):
    oracle, values = moments(kind), np.array([0.3, -1.0])
    given, rest = (3, 1), (0, 2)
    conditional = conditional_of(make(kind), given, values)
    log_weights = np.log(oracle.weights)
    for component in range(K):
        mean, covariance = oracle.means[component], oracle.covariances[component]
        own = covariance[np.ix_(given, given)]
        gain = covariance[np.ix_(rest, given)] @ np.linalg.inv(own)
        np.testing.assert_allclose(
            conditional.means[component],
            mean[[*rest]] + gain @ (values - mean[[*given]]),
            rtol=1e-9,
        )
        np.testing.assert_allclose(
            conditional.covariances[component],
            covariance[np.ix_(rest, rest)] - gain @ covariance[np.ix_(given, rest)],
            rtol=1e-9,
            atol=1e-13,
        )
        log_weights[component] += scipy.stats.multivariate_normal(mean[[*given]], own).logpdf(
            values
        )
    np.testing.assert_allclose(conditional.weights, scipy.special.softmax(log_weights), rtol=1e-9)


def test_conditional_matches_samples(kind: str):
    gmm, samples, *_ = drawn(kind)
    given, rest = [2, 0], [1, 3]

    @jax.jit
    @jax.vmap
    def moments_given(values: jax.Array) -> tuple[jax.Array, jax.Array]:
        conditional = gmm.conditional(given, values)
        return conditional.mean(), conditional.covariance()

    means, covariances = moments_given(samples[:, given])
    # A conditional mean leaves a residual of mean 0 in every function of what it is given.
    residuals = samples[:, rest] - np.asarray(means)
    functions = np.concatenate([np.ones((NUM_SAMPLES, 1)), np.tanh(samples[:, given])], axis=1)
    assert_zero_mean(residuals[:, :, None] * functions[:, None, :])
    products = residuals[:, :, None] * residuals[:, None, :] - np.asarray(covariances)
    assert_zero_mean(products[..., None] * functions[:, None, None, :])


def test_conditional_is_stable_far_away(kind: str):
    gmm = make(kind)
    # Every density underflows here, in float32 and in float64.
    near = conditional_of(gmm, 1, 100.0)
    with enable_x64(True):
        expected = conditional_of(make(kind), 1, 100.0)
    np.testing.assert_allclose(near.weights, expected.weights, atol=1e-3)
    np.testing.assert_allclose(near.means, expected.means, rtol=1e-5, atol=1e-4)
    for value in [1e10, -1e20, 1e30]:
        conditional = conditional_of(gmm, 1, value)
        assert np.all(np.isfinite(conditional.means))
        np.testing.assert_allclose(np.sum(conditional.weights), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([], "at least one"),
        (D, "between 0 and 3 for a mixture of 4 dimensions, got .4."),
        ([0, -1], r"got \[0, -1\]; negative indices"),
        ([2, 1, 2], r"must not repeat a coordinate, got \[2, 1, 2\]"),
        (np.array([True, False, True, False]), "not a mask.*flatnonzero"),
    ],
)
def test_dims_are_checked(dims: list[int], message: str):
    gmm = make("full")
    with pytest.raises(ValueError, match=message):
        gmm.marginal(dims)
    with pytest.raises(ValueError, match=message):
        gmm.conditional(dims, 0.0)


def test_conditional_checks_values_and_what_remains():
    gmm = make("full")
    with pytest.raises(ValueError, match=r"values must have shape \(2,\), got \(3,\)"):
        gmm.conditional([0, 1], np.zeros(3))
    with pytest.raises(ValueError, match="leave a coordinate"):
        gmm.conditional(range(D), np.zeros(D))


# --- differentiation -------------------------------------------------------------------------


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


# --- construction ----------------------------------------------------------------------------


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


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixture.npz", "mixture", "mixture.v1"])
@pytest.mark.parametrize("x64", [False, True])
def test_files_hold_every_bit(tmp_path, kind: str, name: str, x64: bool):
    with enable_x64(x64):
        gmm = make(kind)
        gmm.save(tmp_path / name)
        gmm.save(str(tmp_path / name))  # overwrites
        loaded = GMM.load(tmp_path / name)
        for before, after in zip(jax.tree.leaves(gmm), jax.tree.leaves(loaded), strict=True):
            assert before.dtype == after.dtype == (jnp.float64 if x64 else jnp.float32)
            np.testing.assert_array_equal(before, after)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_loading_float64_without_x64_warns(tmp_path):
    with enable_x64(True):
        make("full").save(tmp_path / "mixture.npz")
    with pytest.warns(UserWarning, match=r"mixture.npz holds float64.*jax_enable_x64"):
        loaded = GMM.load(tmp_path / "mixture.npz")
    assert loaded.means.dtype == jnp.float32


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "mixture.npz"
    make("full").save(path)
    before = path.read_bytes()

    def write_half(file, **_arrays):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", write_half)
    with pytest.raises(OSError, match="no space left"):
        make("diagonal").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_save_names_what_it_cannot_write(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.* create the directory"):
        make("full").save(tmp_path / "absent" / "mixture.npz")
    half = jax.tree.map(lambda array: array.astype(jnp.bfloat16), make("full"))
    with pytest.raises(ValueError, match=r"dtype bfloat16.*convert it to float32"):
        half.save(tmp_path / "mixture.npz")


def _archive(version: object = 1, format_name: str = gmm_io.FORMAT.name, **changed: object):
    header = json.dumps({"format": format_name, "version": version})
    arrays = {"log_weights": np.zeros(1), "means": np.zeros((1, 2)), "factors": np.ones((1, 2))}
    entries = {"header": header, **arrays, **changed}
    return {name: entry for name, entry in entries.items() if entry is not None}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (_archive(header=None), "header says None, not 'gmmvi_jax.GMM'"),
        (_archive(header="{"), "header says None"),
        (_archive(header=3), "header says None"),
        (_archive(format_name="other"), "header says 'other'"),
        (_archive(version=2), "of version 2, this gmmvi_jax reads version 1"),
        (_archive(means=None), r"lacks the arrays \['means'\]"),
        (_archive(means=np.zeros((2, 2))), "do not fit together.*GMM.save"),
        (_archive(means=np.zeros((1, 2), int)), "do not fit together"),
        (_archive(means=np.array([None])), "can be read .*pickle"),
    ],
)
def test_load_refuses_other_archives(tmp_path, entries: dict, message: str):
    path = tmp_path / "mixture.npz"
    np.savez(path, **entries)
    with pytest.raises(ValueError, match=message) as error:
        GMM.load(path)
    assert str(path) in str(error.value)


def test_load_refuses_other_files(tmp_path):
    path = tmp_path / "mixture.npz"
    with pytest.raises(FileNotFoundError, match=r"no mixture at .*mixture\.npz"):
        GMM.load(path)
    with pytest.raises(FileNotFoundError, match="no mixture at"):
        GMM.load(tmp_path)
    make("full").save(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(b"NUMPY") + 200] ^= 0xFF  # within the first array
    for content in [b"", b"text", whole[: len(whole) // 2], bytes(damaged)]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"mixture\.npz .*GMM\.save"):
            GMM.load(path)


@pytest.mark.parametrize("kind", ["full", "diagonal"])
def test_gradients_are_finite_where_a_weight_is_zero(kind: str):
    weights = jnp.array([0.75, 0.0, 0.25])
    means = jnp.array([[0.0, 0.0], [3.0, 3.0], [1.0, -1.0]])
    variances = jnp.ones((3, 2))
    covariances = variances if kind == "diagonal" else jax.vmap(jnp.diag)(variances)
    x = jnp.array([0.5, 0.2])

    def log_prob(weights, x):
        return GMM.from_moments(weights, means, covariances).log_prob(x)

    gradient = jax.grad(log_prob)(weights, x)
    without = jnp.array([0, 2])
    smaller = GMM.from_moments(weights[without], means[without], covariances[without])
    densities = jnp.exp(smaller.component_log_probs(x) - smaller.log_prob(x))
    np.testing.assert_allclose(gradient[without], densities - 1.0, rtol=1e-4)
    assert np.all(np.isfinite(gradient))
    in_x = jax.grad(log_prob, argnums=1)(weights, x)
    np.testing.assert_allclose(in_x, jax.grad(smaller.log_prob)(x), rtol=1e-5)
    gmm = GMM.from_moments(weights, means, covariances)
    assert float(gmm.log_weights[1]) == -np.inf
    for leaf in jax.tree.leaves(jax.grad(lambda gmm: gmm.log_prob(x))(gmm)):
        assert np.all(np.isfinite(leaf))
