"""Tests of MORE's estimates against textbook ridge regression in numpy, and closed forms."""

import dataclasses
import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.natural_gradients.more import MORE, RegressionSamples, fit_one
from gmmvi_jax.modules.natural_gradients.ridge_schedule import next_ridge_factors
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.gaussian import Gaussian
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

from ..oracles import (
    GivenBackground,
    Mixture,
    make_database,
    make_record,
    pad,
    random_mixture,
    unpad,
)

D, BLOCK, CAPACITY = 3, 2, 6
CHUNK, ROWS = 128, 1024
EXACT = 1e-8
RIDGE = 1e-3  # large enough that its place in the formula matters

SELF, PLAIN, OWN = MORE(RIDGE), MORE(RIDGE, self_normalized=False), MORE(RIDGE, True, True)
KINDS = pytest.mark.parametrize("more", [SELF, PLAIN, OWN], ids=["self-normalised", "plain", "own"])

PRECISION = np.array([[2.0, 0.7, 0.0], [0.7, 1.0, -0.3], [0.0, -0.3, 0.5]])
OPTIMUM = np.array([1.0, -2.0, 0.5])


@jax.jit
def run(
    estimator: MORE | Stein, mixture: PaddedMixture, database: SampleDatabase, temperature: Array
) -> tuple[NaturalGradient, Any, Array]:
    # Buffers of an earlier step are overwritten: one that failed must not matter.
    buffers = NaturalGradient(
        gradient=jnp.full_like(mixture.gaussians.mean, jnp.nan),
        hessian=jnp.full_like(mixture.gaussians.factor, jnp.nan),
    )
    record = make_record(mixture.capacity)
    memory: Any = estimator.init(mixture)
    return estimator(mixture, record, memory, database, temperature, buffers)


def estimate(
    estimator: MORE | Stein, mixture: Any, database: SampleDatabase, temperature: float = 1.0
) -> NaturalGradient:
    gradient, _, _ = run(estimator, mixture, database, jnp.asarray(temperature))
    return jax.tree.map(lambda leaf: np.asarray(leaf)[: int(mixture.num_components)], gradient)


@pytest.fixture(params=["full", "diagonal"])
def diagonal(request: pytest.FixtureRequest) -> bool:
    return request.param == "diagonal"


def without_gradient(database: SampleDatabase) -> SampleDatabase:
    return database._replace(batch=dataclasses.replace(database.batch, target_gradient=None))


@dataclasses.dataclass(frozen=True)
class Samples:
    """What a batch is made of, in double precision."""

    points: np.ndarray  # [N, D]
    log_target: np.ndarray  # [N]
    log_background: np.ndarray  # [N]
    origins: np.ndarray  # [N]

    def database(self, num_rows: int = ROWS, chunk_size: int = CHUNK) -> SampleDatabase:
        """Returns the database of an algorithm that asks for no gradients."""
        database = make_database(
            self.points,
            self.log_background,
            num_rows,
            chunk_size,
            log_target=self.log_target,
            origins=self.origins,
        )
        return without_gradient(database)

    def take(self, rows: np.ndarray) -> "Samples":
        return Samples(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


def draw(mixture: Mixture, count: int, log_target: Any, dtype: Any = np.float64) -> Samples:
    """Draws ``count`` points from every component; all of it is exact in ``dtype``."""
    num_components, dim = mixture.means.shape
    noise = np.random.default_rng(0).normal(size=(num_components, count, dim))
    points = mixture.means[:, None] + np.einsum("kij,knj->kni", mixture.factors, noise)
    points = points.reshape(-1, dim).astype(dtype).astype(float)
    terms = mixture.component_log_densities(points)
    return Samples(
        points=points,
        log_target=log_target(points).astype(dtype).astype(float),
        log_background=scipy.special.logsumexp(terms, axis=1) - np.log(num_components),
        origins=np.repeat(np.arange(num_components), count),
    )


def quadratic(points: np.ndarray) -> np.ndarray:
    centred = points - OPTIMUM
    return -0.5 * np.einsum("ni,ij,nj->n", centred, PRECISION, centred)


def wavy(points: np.ndarray) -> np.ndarray:
    return quadratic(points) + np.sin(3.0 * points).sum(axis=1) + 100.0


def make_case(num_components: int, diagonal: bool, count: int = 60) -> tuple[Mixture, Samples]:
    mixture = random_mixture(np.random.default_rng(5), num_components, D, diagonal)
    return mixture, draw(mixture, count, wavy)


def regress(
    whitened: np.ndarray, weights: np.ndarray, rewards: np.ndarray, ridge: float, diagonal: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns gradient and Hessian of the textbook's ridge regression on points [N, D]."""
    dim = whitened.shape[1]
    pairs = [(i, j) for i in range(dim) for j in range(i, dim) if i == j or not diagonal]
    products = np.stack([whitened[:, i] * whitened[:, j] for i, j in pairs], axis=1)
    features = np.concatenate([products, whitened, np.ones((len(whitened), 1))], axis=1)
    # As a least-squares problem: the normal equations would square the condition number.
    root = np.sqrt(weights)[:, None]
    penalty = np.sqrt(ridge) * np.eye(features.shape[1])[:-1]  # not on the constant
    solution = np.linalg.lstsq(
        np.concatenate([root * features, penalty]),
        np.concatenate([root[:, 0] * rewards, np.zeros(len(penalty))]),
    )[0]
    hessian = np.zeros((dim, dim))
    for (i, j), coefficient in zip(pairs, solution, strict=False):
        hessian[i, j] -= coefficient
        hessian[j, i] -= coefficient
    gradient = solution[len(pairs) : -1]
    return gradient, np.diagonal(hessian) if diagonal else hessian


def textbook(
    more: MORE, mixture: Mixture, samples: Samples, temperature: float, diagonal: bool
) -> NaturalGradient:
    """Returns what MORE estimates, for all components, with a ridge of ``RIDGE``."""
    rewards = samples.log_target - temperature * mixture.log_density(samples.points)
    log_densities = mixture.component_log_densities(samples.points)
    results = []
    for component, (mean, factor) in enumerate(zip(mixture.means, mixture.factors, strict=True)):
        whitened = np.linalg.solve(factor, (samples.points - mean).T).T
        if more.only_own_samples:
            weights = (samples.origins == component) * 1.0
        else:
            weights = np.exp(log_densities[:, component] - samples.log_background)
        if more.self_normalized or more.only_own_samples:
            weights = weights / weights.sum()
        else:
            weights = weights / len(weights)
        results.append(regress(whitened, weights, rewards, RIDGE, diagonal))
    return NaturalGradient(*(np.stack(parts) for parts in zip(*results, strict=True)))  # pyright: ignore[reportArgumentType]


def assert_equal(found: NaturalGradient, expected: NaturalGradient, tolerance: float) -> None:
    for found_part, expected_part in zip(found, expected, strict=True):
        scale = np.abs(expected_part).max()
        np.testing.assert_allclose(found_part, expected_part, atol=tolerance * scale)


@pytest.mark.usefixtures("float64")
@KINDS
@pytest.mark.parametrize(("num_components", "temperature"), [(1, 1.0), (4, 0.3), (5, 2.5)])
def test_estimates_are_the_textbooks_regressions_of_the_same_samples(
    num_components: int, temperature: float, more: MORE, diagonal: bool
) -> None:
    mixture, samples = make_case(num_components, diagonal)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(more, padded, samples.database(), temperature)
    assert_equal(found, textbook(more, mixture, samples, temperature, diagonal), EXACT)
    if not diagonal:
        np.testing.assert_array_equal(found.hessian, np.swapaxes(found.hessian, 1, 2))


@pytest.mark.usefixtures("float64")
@KINDS
def test_samples_without_weight_leave_the_regression_and_the_number_of_samples(
    more: MORE, diagonal: bool
) -> None:
    mixture, samples = make_case(3, diagonal)
    usable = np.random.default_rng(2).random(len(samples.points)) < 0.7
    marked = dataclasses.replace(
        samples,
        log_background=np.where(usable, samples.log_background, np.inf),
        log_target=np.where(usable, samples.log_target, 0.0),
    )
    found = estimate(more, pad(mixture, CAPACITY, BLOCK, diagonal), marked.database())
    expected = textbook(more, mixture, samples.take(usable), 1.0, diagonal)
    assert_equal(found, expected, EXACT)


def matched_samples(mixture: Mixture, count: int) -> Samples:
    """Returns samples of ONE component with exactly its mean, its covariance and no skewness.

    On them Stein's estimate of a quadratic has no sampling error.
    """
    half = np.random.default_rng(1).normal(size=(count // 2, D))
    noise = np.concatenate([half, -half])
    noise = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / count)).T
    points = mixture.means[0] + noise @ mixture.factors[0].T
    log_background = mixture.component_log_densities(points)[:, 0]
    return Samples(points, quadratic(points), log_background, np.zeros(count, int))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [0.0, 1.0, 0.4])
def test_on_a_quadratic_the_estimate_is_steins_and_the_closed_form(temperature: float) -> None:
    mixture = random_mixture(np.random.default_rng(5), 1, D)
    samples = matched_samples(mixture, 200)
    database, padded = samples.database(), pad(mixture, CAPACITY, BLOCK)
    found = estimate(MORE(), padded, database, temperature)
    factor = mixture.factors[0]
    # E[grad log p~] = -A (mu - m); the entropy adds beta I to the Hessian, nothing to the slope.
    exact = NaturalGradient(
        gradient=-factor.T @ PRECISION @ (mixture.means - OPTIMUM).T,
        hessian=factor.T @ PRECISION @ factor - temperature * np.eye(D),
    )
    np.testing.assert_allclose(found.gradient[0], exact.gradient[:, 0], atol=EXACT)
    np.testing.assert_allclose(found.hessian[0], exact.hessian, atol=EXACT)
    slopes = np.zeros((ROWS, D))
    slopes[: len(samples.points)] = -(samples.points - OPTIMUM) @ PRECISION
    batch = dataclasses.replace(database.batch, target_gradient=jnp.asarray(slopes))
    stein = estimate(Stein(), padded, database._replace(batch=batch), temperature)
    assert_equal(found, stein, EXACT)


def test_no_gradient_of_the_target_is_asked_for() -> None:
    assert not MORE().uses_target_gradient


def record_of(ages: list[int], was_rejected: list[bool]) -> ComponentRecord:
    return make_record(len(ages), ages=ages, was_rejected=was_rejected)


@pytest.mark.usefixtures("float64")
def test_ridge_factors_rise_after_a_rejection_and_fall_back_to_where_they_began() -> None:
    initial = jnp.asarray(1e-12)
    factor, history = 7.0, []  # what a dead component left in its slot
    updates = [(0, True), (1, True), (2, True), (3, False), (4, False), (5, False), (6, False)]
    updates += [(age, True) for age in range(7, 15)]
    for age, was_rejected in updates:
        record = record_of([age], [was_rejected])
        factor = float(next_ridge_factors(record, jnp.asarray([factor]), initial)[0])
        history.append(factor)
    expected = [1e-12, 1e-11, 1e-10, 5e-11, 2.5e-11, 1.25e-11, 6.25e-12]
    expected += [6.25e-11, 6.25e-10, 6.25e-9, 6.25e-8, 6.25e-7, 1e-6, 1e-6, 1e-6]
    np.testing.assert_allclose(history, expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_a_ridge_factor_above_the_limit_is_kept_after_a_rejection() -> None:
    record = record_of([3, 3, 0], [True, False, False])
    last = jnp.asarray([1e-3, 1.5e-3, 0.0])
    found = next_ridge_factors(record, last, jnp.asarray(1e-3))
    np.testing.assert_allclose(found, [1e-3, 1e-3, 1e-3], rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_the_factors_are_remembered() -> None:
    mixture, samples = make_case(3, diagonal=False)
    padded, database = pad(mixture, CAPACITY, BLOCK), samples.database()
    _, ridge_factors, _ = run(SELF, padded, database, jnp.asarray(1.0))
    np.testing.assert_allclose(ridge_factors[:3], RIDGE)


@functools.partial(jax.jit, static_argnames=("self_normalized", "only_own_samples"))
def estimate_alone(
    gaussian: Any, index: Any, database: SampleDatabase, rewards: Any, **flags: bool
) -> NaturalGradient:
    ridge, given = jnp.asarray(RIDGE), database.densities
    assert isinstance(given, GivenBackground)
    return fit_one(
        gaussian,
        index,
        ridge,
        RegressionSamples(database.batch, given.background, rewards, gaussian.mean),
        **flags,
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("more", [PLAIN, OWN], ids=["plain", "own"])
def test_one_component_alone_gives_what_the_blocked_pass_gives(more: MORE) -> None:
    mixture, samples = make_case(4, diagonal=False)
    padded, database = pad(mixture, CAPACITY, BLOCK), samples.database()
    blocked = estimate(more, padded, database)
    rewards = np.full(ROWS, np.nan)
    rewards[: 2 * CHUNK] = 0.0  # as the batch: zero up to the end of the last chunk
    rewards[: len(samples.points)] = samples.log_target - mixture.log_density(samples.points)
    flags = {"self_normalized": more.self_normalized, "only_own_samples": more.only_own_samples}
    for component in range(4):
        gaussian = jax.tree.map(lambda leaf, row=component: leaf[row], padded.gaussians)
        alone = estimate_alone(gaussian, jnp.asarray(component), database, rewards, **flags)
        for found, expected in zip(alone, blocked, strict=True):
            np.testing.assert_allclose(found, expected[component], atol=EXACT)


@pytest.mark.usefixtures("float64")
def test_runs_side_by_side_are_the_runs_one_by_one() -> None:
    cases = [
        make_case(num_components, False, count) for num_components, count in ((2, 60), (5, 30))
    ]
    padded = [pad(mixture, CAPACITY, BLOCK, max_components=CAPACITY) for mixture, _ in cases]
    databases = [samples.database() for _, samples in cases]
    temperatures = jnp.array([0.5, 1.5])
    together, _, _ = jax.vmap(run, in_axes=(None, 0, 0, 0))(
        SELF,
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *padded),
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *databases),
        temperatures,
    )
    for index, mixture in enumerate(padded):
        alone = estimate(SELF, mixture, databases[index], float(temperatures[index]))
        for found, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(found[index, : len(expected)], expected, atol=EXACT)


def test_the_components_with_too_few_samples_do_not_harm_the_others() -> None:
    # Own samples: the first has 60, the second 2, the third none.
    mixture, samples = make_case(3, diagonal=False)
    kept = (samples.origins == 0) | (np.arange(len(samples.points)) // 2 == 30)
    few = samples.take(kept)
    found = estimate(OWN, pad(mixture, CAPACITY, BLOCK), few.database())
    expected = textbook(OWN, mixture, samples, 1.0, False)
    np.testing.assert_allclose(found.gradient[0], expected.gradient[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.hessian[0], expected.hessian[0], rtol=1e-3, atol=1e-3)
    assert np.all(np.isfinite(found.hessian[1]))
    assert np.all(np.isnan(found.hessian[2]))
    assert np.all(np.isnan(found.gradient[2]))


def test_a_component_far_from_all_samples_is_finite_or_honest(diagonal: bool) -> None:
    # Its importance weights are those of one or two samples, a thousand nats below the others'.
    mixture, samples = make_case(3, diagonal)
    far = Mixture(
        weights=np.full(4, 0.25),
        means=np.concatenate([mixture.means, [[30.0, -30.0, 30.0]]]),
        covariances=np.concatenate([mixture.covariances, [np.eye(D)]]),
    )
    found = estimate(SELF, pad(far, CAPACITY, BLOCK, diagonal), samples.database())
    # The others, of which the rewards know the fourth.
    rewards_aside = far._replace(means=far.means[:3], covariances=far.covariances[:3])
    rewards_aside = rewards_aside._replace(weights=far.weights[:3])
    expected = textbook(SELF, rewards_aside, samples, 1.0, diagonal)
    assert_equal(NaturalGradient(*(part[:3] for part in found)), expected, 1e-4)
    last = np.concatenate([found.gradient[3], np.ravel(found.hessian[3])])
    assert np.all(np.isnan(last)) or np.all(np.abs(last) < 1e6)


def test_without_usable_samples_there_is_no_estimate() -> None:
    mixture, samples = make_case(3, diagonal=False)
    nothing = dataclasses.replace(samples, log_background=np.full(len(samples.points), np.inf))
    found = estimate(SELF, pad(mixture, CAPACITY, BLOCK), nothing.database())
    assert np.all(np.isnan(found.gradient))
    assert np.all(np.isnan(found.hessian))


def test_a_large_constant_costs_single_precision_nothing_but_its_own_rounding(
    diagonal: bool,
) -> None:
    # r = 10,000 + variations of size 10, known to 1e-3.
    mixture, _ = make_case(4, diagonal)
    mixture = unpad(pad(mixture, CAPACITY, BLOCK, diagonal))
    samples = draw(mixture, 60, lambda points: wavy(points) + 1e4, np.float32)
    found = estimate(SELF, pad(mixture, CAPACITY, BLOCK, diagonal), samples.database())
    assert found.gradient.dtype == found.hessian.dtype == np.float32
    assert_equal(found, textbook(SELF, mixture, samples, 1.0, diagonal), 1e-4)


@pytest.mark.parametrize("stretch", [1.0, 3.0])
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_single_precision_recovers_every_eigenvalue_of_an_ill_conditioned_quadratic(
    temperature: float, stretch: float
) -> None:
    # 30 dimensions, eigenvalues from 1 to 10,000, 5,000 samples of a component that knows nothing
    # of the target.
    dim, count = 30, 5000
    generator = np.random.default_rng(3)
    basis, own_basis = np.linalg.qr(generator.normal(size=(2, dim, dim)))[0]
    precision = (basis * np.geomspace(1.0, 1e4, dim)) @ basis.T
    optimum = 0.3 * generator.normal(size=dim)
    covariance = (own_basis * np.geomspace(1 / stretch, stretch, dim)) @ own_basis.T
    padded = pad(Mixture(np.ones(1), np.zeros((1, dim)), covariance[None]), 1, 1)
    mixture = unpad(padded)

    def log_target(points: np.ndarray) -> np.ndarray:
        centred = points - optimum
        return -0.5 * np.einsum("ni,ij,nj->n", centred, precision, centred)

    samples = draw(mixture, count, log_target, np.float32)
    database = samples.database(5120, 512)
    found = estimate(MORE(), padded, database, temperature)
    factor = mixture.factors[0]
    hessian = factor.T @ precision @ factor - temperature * np.eye(dim)
    gradient = -factor.T @ precision @ (mixture.means[0] - optimum)
    eigenvalues = np.linalg.eigvalsh(found.hessian[0].astype(float))
    np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(hessian), rtol=1e-2)
    error = np.linalg.norm(found.hessian[0] - hessian, 2) / np.linalg.norm(hessian, 2)
    assert error < 1e-6
    error = np.linalg.norm(found.gradient[0] - gradient) / np.linalg.norm(gradient)
    assert error < 1e-6


def test_in_2000_dimensions_the_diagonal_fit_interpolates_without_a_d_by_d_array() -> None:
    dim, count = 2000, 48
    generator = np.random.default_rng(0)
    mean = np.float32(generator.normal(size=dim)).astype(float)
    deviations = np.float32(generator.uniform(0.5, 2.0, dim)).astype(float)
    points = np.float32(mean + deviations * generator.normal(size=(count, dim))).astype(float)
    log_target = np.float32(-0.5 * np.square(points - 1.0).sum(axis=1)).astype(float)
    database = make_database(points, np.zeros(count), 64, 32, log_target=log_target)
    database = without_gradient(database)
    parts = (mean, deviations, 1.0 / deviations)
    padded = PaddedMixture(
        log_weights=jnp.zeros(1),
        gaussians=Gaussian(*(jnp.asarray(part)[None] for part in parts)),
        num_components=jnp.asarray(1, jnp.int32),
        max_components=1,
        block_size=1,
    )
    more = MORE(only_own_samples=True)
    found = estimate(more, padded, database, temperature=0.0)

    whitened = (points - mean) / deviations
    features = np.concatenate([whitened**2, whitened], axis=1)
    smallest = np.linalg.pinv(features - features.mean(axis=0)) @ (log_target - log_target.mean())
    expected = NaturalGradient(smallest[None, dim:], -2.0 * smallest[None, :dim])
    assert_equal(found, expected, 1e-4)

    program = str(jax.make_jaxpr(run)(more, padded, database, jnp.asarray(0.0)))
    shapes = {tuple(map(int, text.split(","))) for text in re.findall(r"\[([\d,]+)\]", program)}
    assert (1, dim) in shapes
    assert not [shape for shape in shapes if sum(size >= dim for size in shape) > 1]
