"""Choice Z: zero-order estimates from a quadratic fitted to the rewards (MORE)."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.natural_gradients.ridge_schedule import next_ridge_factors
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.gaussian import (
    Gaussian,
    centre_points,
    is_diagonal,
    log_density_from_whitened,
    whiten,
)
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.quadratic_features import Quadratic, feature_sum, num_features
from gmmvi_jax.numerics.ridge_regression import Chunk, is_dense, ridge_regression
from gmmvi_jax.numerics.weighted_sum import WeightedSum, add_to_sum, empty_sum, normalizer
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.importance_weights import log_importance_weights, own_samples
from gmmvi_jax.typing import Array, PyTree

Carry = TypeVar("Carry")

# Floats in the features of a chunk of samples for one block of components: what a cache keeps.
_BLOCK_FLOATS = 2**17


class RegressionSamples(NamedTuple):
    """The samples that the regressions of all components use."""

    batch: SampleBatch
    log_background: Array  # [N] log b(x)
    rewards: Array  # [N] r(x)
    centre: Array  # [D], see ``centre_points``


class _Moments(NamedTuple):
    """Weighted sums that centre a regression."""

    reward: Array  # []
    features: Quadratic


def compute_rewards(mixture: PaddedMixture, database: SampleDatabase, temperature: Array) -> Array:
    """Returns [N] r(x) = log p~(x) - beta log q(x), 0 in the chunks without samples."""
    batch, densities = database.batch, database.densities

    def fill(row: Array, carry: tuple[Array, PyTree]) -> tuple[Array, PyTree]:
        rewards, scratch = carry
        chunk, scratch = densities.chunk(mixture, batch, row, scratch)
        log_target = take_block(batch.log_target, row, batch.chunk_size)
        return put_block(rewards, log_target - temperature * chunk.log_mixture, row), scratch

    empty = (jnp.zeros_like(batch.log_target), densities.scratch(mixture, batch))
    return fold_blocks(batch.num_samples, batch.chunk_size, fill, empty)[0]


def _read_chunk(
    gaussian: Gaussian,
    index: Array,
    samples: RegressionSamples,
    only_own_samples: bool,
    row: Array,
) -> tuple[Array, Array, Array]:
    """Returns a chunk's points in ONE component's coordinates, log weights [C], rewards [C]."""
    batch, log_background, rewards, centre = samples
    points, chunk_rewards, background, usable = take_block(
        (batch.points, rewards, log_background, batch.usable), row, batch.chunk_size
    )
    whitened = whiten(gaussian, centre_points(points, centre))
    log_densities = log_density_from_whitened(gaussian, whitened)
    is_own = own_samples(batch, row, index, 1)[0] if only_own_samples else None
    log_weights = log_importance_weights(log_densities, background, usable, is_own)
    return whitened, log_weights, chunk_rewards


def fit_one(
    gaussian: Gaussian,
    index: Array,
    ridge_factor: Array,
    samples: RegressionSamples,
    self_normalized: bool,
    only_own_samples: bool,
) -> NaturalGradient:
    """Returns ONE component's whitened natural gradient.

    Args:
        gaussian: the component.
        index: its number, int32, which tells its own samples.
        ridge_factor: relative to weights that sum to one (plain: to w / N).
        samples: of all components.
        self_normalized: importance weights sum to one, else they are plain.
        only_own_samples: use no samples but those the component drew itself, unweighted.
    """
    diagonal = is_diagonal(gaussian)
    batch, dtype = samples.batch, gaussian.mean.dtype
    read = partial(_read_chunk, gaussian, index, samples, only_own_samples)

    def fold(visit: Callable[[Array, Carry], Carry], initial: Carry) -> Carry:
        return fold_blocks(batch.num_samples, batch.chunk_size, visit, initial)

    def add_moments(row: Array, sums: WeightedSum) -> WeightedSum:
        whitened, log_weights, chunk_rewards = read(row)
        return add_to_sum(
            sums,
            log_weights,
            lambda weights: _Moments(
                product(weights, chunk_rewards), feature_sum(whitened, weights, diagonal)
            ),
        )

    nothing = Quadratic(jnp.zeros_like(gaussian.factor), jnp.zeros_like(gaussian.mean))
    sums = fold(add_moments, empty_sum(_Moments(jnp.zeros((), dtype), nothing), dtype))
    means = jax.tree.map(lambda value: value / sums.total_weight, sums.value)
    # Plain weights sum to something else than one; dividing all of them by it, and the ridge
    # with them, leaves the solution as it is.
    ridge = ridge_factor
    if not (self_normalized or only_own_samples):
        ridge = ridge_factor / (sums.total_weight * normalizer(sums, batch.num_usable, False))

    def sweep(visit: Callable[[Chunk, Carry], Carry], initial: Carry) -> Carry:
        def visit_rows(row: Array, carry: Carry) -> Carry:
            whitened, log_weights, chunk_rewards = read(row)
            weights = jnp.exp(log_weights - sums.log_scale) / sums.total_weight
            return visit(Chunk(whitened, weights, chunk_rewards - means.reward), carry)

        return fold(visit_rows, initial)

    dense = is_dense(gaussian.mean.shape[0], diagonal)
    square, linear = ridge_regression(sweep, means.features, ridge, dense)
    # r ~ sum_{i >= j} a_ij z_i z_j + b z + c: the gradient at z = 0 is b, the Hessian a + a^T.
    return NaturalGradient(linear, -2.0 * square if diagonal else -(square + square.T))


def _regression_block(mixture: PaddedMixture, chunk_size: int) -> int:
    """Returns how many components are fitted at once: a divisor of the mixture's block size."""
    size = mixture.block_size
    if not is_dense(mixture.dim, mixture.is_diagonal):
        return size
    floats = num_features(mixture.dim, mixture.is_diagonal) * chunk_size
    divisors = [part for part in range(1, size + 1) if size % part == 0]
    return max([part for part in divisors if part * floats <= _BLOCK_FLOATS], default=1)


@register_pytree
@dataclasses.dataclass(frozen=True)
class MORE:
    """Natural gradients from the values of the target alone.

    For every component a quadratic is fitted to r(x) = log p~(x) - beta log q(x) by weighted
    ridge regression in whitened coordinates; its coefficients are the natural gradient. Source:
    Abdolmaleki et al., "Model-based relative entropy stochastic search", NeurIPS 2015; with
    importance weights and mixtures Arenz et al., JMLR 2020 and TMLR 2023, Section 3.

    The fit has D (D + 3) / 2 unknowns (2 D for diagonal covariances) per component. With fewer
    effective samples it interpolates them, and the solution of smallest norm is returned.

    Attributes:
        initial_ridge_factor: of a new component; smallest it ever has.
        self_normalized: importance weights sum to one per component, else they are plain.
        only_own_samples: each component uses no samples but those it drew itself, unweighted.
    """

    initial_ridge_factor: float | Array = 1e-12
    self_normalized: bool = dataclasses.field(default=True, metadata={"static": True})
    only_own_samples: bool = dataclasses.field(default=False, metadata={"static": True})

    @property
    def uses_target_gradient(self) -> bool:
        """Whether the batch must hold the target's gradients: no."""
        return False

    def init(self, mixture: PaddedMixture) -> Array:
        """Returns [K] what the choice remembers: the ridge factors of the last regressions."""
        return jnp.zeros_like(mixture.log_weights)

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: Array,
        database: SampleDatabase,
        temperature: Array,
        buffers: NaturalGradient,
    ) -> tuple[NaturalGradient, Array, Array]:
        """Estimates the natural gradients; see ``NaturalGradientEstimator``."""
        batch = database.batch
        log_background = database.densities.log_background(mixture, batch)
        size = _regression_block(mixture, batch.chunk_size)
        initial = jnp.asarray(self.initial_ridge_factor, memory.dtype)
        ridge_factors = next_ridge_factors(components, memory, initial)
        rewards = compute_rewards(mixture, database, temperature)

        def fit_block(start: Array, gradient: NaturalGradient) -> NaturalGradient:
            block, block_ridges = take_block((mixture.gaussians, ridge_factors), start, size)
            fit = partial(
                fit_one,
                samples=RegressionSamples(batch, log_background, rewards, block.mean[0]),
                self_normalized=self.self_normalized,
                only_own_samples=self.only_own_samples,
            )
            indices = start + jnp.arange(size, dtype=jnp.int32)
            return put_block(gradient, jax.vmap(fit)(block, indices, block_ridges), start)

        gradient = fold_blocks(mixture.num_components, size, fit_block, buffers)
        return gradient, ridge_factors, log_background


def build(
    problem: Problem,
    *,
    self_normalized_gradients: bool = True,
    only_own_samples: bool = False,
    initial_ridge_factor: float = 1e-12,
) -> MORE:
    """Builds choice Z."""
    del problem
    return MORE(
        initial_ridge_factor=initial_ridge_factor,
        self_normalized=self_normalized_gradients,
        only_own_samples=only_own_samples,
    )


CHOICE = Choice(
    "Z",
    MORE,
    "MORE: zero order, a quadratic fitted to the rewards",
    build,
    attributes={"self_normalized_gradients": "self_normalized"},
)
