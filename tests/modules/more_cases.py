"""Samples for tests of MORE, and textbook ridge regression in numpy."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.natural_gradients.more import MORE
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

from ..oracles import Mixture, make_database, make_record, random_mixture

D, BLOCK, CAPACITY = 3, 2, 6
CHUNK, ROWS = 128, 1024
EXACT = 1e-8
RIDGE = 1e-3  # large enough that its place in the formula matters
SELF, PLAIN, OWN = MORE(RIDGE), MORE(RIDGE, self_normalized=False), MORE(RIDGE, True, True)
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
