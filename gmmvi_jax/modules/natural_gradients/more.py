"""Choice Z: zero-order estimates from a quadratic fitted to the rewards (MORE)."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.natural_gradients.regression_samples import (
    RegressionSamples,
    component_log_densities,
    compute_rewards,
    gather_rows,
    regression_buffer,
    regression_log_weights,
)
from gmmvi_jax.modules.natural_gradients.ridge_schedule import next_ridge_factors
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.blocks import (
    fold_blocks,
    put_row,
    take_block,
    take_row,
)
from gmmvi_jax.numerics.devices import fold_own_blocks, merged_rows
from gmmvi_jax.numerics.forms.choice import is_diagonal
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.gaussian import log_density_at_mean
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.quadratic_features import num_features
from gmmvi_jax.numerics.ridge_regression import Chunk, is_preconditioned, ridge_regression
from gmmvi_jax.numerics.row_selection import select_rows
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

Carry = TypeVar("Carry")


class _Scratch(NamedTuple):
    """Memory that the regressions use in turn, chunk by chunk."""

    log_densities: Array  # [B, N] log N(x | o) under a block of components
    chunks: Chunk  # [N / C, ...] the samples of one regression


def fit_one(
    gaussian: Gaussian,
    index: Array,
    ridge_factor: Array,
    samples: RegressionSamples,
    log_densities: Array,
    buffer: Chunk,
    self_normalized: bool,
    only_own_samples: bool,
) -> tuple[NaturalGradient, Chunk]:
    """Returns ONE component's whitened natural gradient.

    Args:
        gaussian: the component.
        index: its number, int32, which tells its own samples.
        ridge_factor: relative to weights that sum to one (plain: to w / N).
        samples: of all components.
        log_densities: [N] log N(x | o).
        buffer: room for the samples, overwritten and returned; see ``regression_buffer``.
        self_normalized: importance weights sum to one, else they are plain.
        only_own_samples: use no samples but those the component drew itself, unweighted.
    """
    dim, diagonal, batch = gaussian.mean.shape[0], is_diagonal(gaussian), samples.batch
    log_weights = regression_log_weights(index, samples, log_densities, only_own_samples)
    log_scale = jnp.max(log_weights)
    weights = jnp.exp(log_weights - log_scale)  # NaN without usable samples
    total = jnp.sum(weights)
    # Plain weights sum to something else than one; dividing all of them by it, and the ridge
    # with them, leaves the solution as it is.
    ridge = ridge_factor
    if not (self_normalized or only_own_samples):
        ridge = ridge_factor / (total * jnp.exp(log_scale) / batch.num_usable)
    weights = weights / total
    responses = jnp.where(weights == 0.0, 0.0, samples.rewards)
    responses = responses - product(weights, responses)
    squared_norms = 2.0 * (log_density_at_mean(gaussian) - log_densities)
    rows = select_rows(weights, squared_norms, responses, num_features(dim, diagonal))
    chunks, means = gather_rows(gaussian, rows, weights, responses, samples, buffer)

    def sweep(count: Array, visit: Callable[[Chunk, Carry], Carry], initial: Carry) -> Carry:
        size = batch.chunk_size
        return fold_blocks(
            count, size, lambda row, carry: visit(take_row(chunks, row // size), carry), initial
        )

    sweep_heavy = partial(sweep, rows.num_heavy) if is_preconditioned(dim, diagonal) else None
    square, linear = ridge_regression(partial(sweep, rows.num_kept), means, ridge, sweep_heavy)
    # r ~ sum_{i >= j} a_ij z_i z_j + b z + c: the gradient at z = 0 is b, the Hessian a + a^T.
    hessian = -2.0 * square if diagonal else -(square + square.T)
    return NaturalGradient(linear, hessian), chunks


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
        batch, size = database.batch, mixture.block_size
        log_background = database.densities.log_background(mixture, batch)
        initial = jnp.asarray(self.initial_ridge_factor, memory.dtype)
        ridge_factors = next_ridge_factors(components, memory, initial)
        rewards = compute_rewards(mixture, database, temperature)

        def fit_block(
            start: Array, carry: tuple[NaturalGradient, _Scratch]
        ) -> tuple[NaturalGradient, _Scratch]:
            gradient, (log_densities, chunks) = carry
            block = take_block(mixture.gaussians, start, size)
            samples = RegressionSamples(batch, log_background, rewards, block.mean[0])
            log_densities = component_log_densities(block, samples, log_densities)

            def fit_in_block(
                place: Array, carry: tuple[NaturalGradient, Chunk]
            ) -> tuple[NaturalGradient, Chunk]:
                gradient, chunks = carry
                found, chunks = fit_one(
                    take_row(block, place),
                    start + place,
                    ridge_factors[start + place],
                    samples,
                    take_row(log_densities, place),
                    chunks,
                    self.self_normalized,
                    self.only_own_samples,
                )
                return put_row(gradient, found, start + place), chunks

            live = jnp.minimum(mixture.num_components - start, size)
            gradient, chunks = fold_blocks(live, 1, fit_in_block, (gradient, chunks))
            return gradient, _Scratch(log_densities, chunks)

        scratch = _Scratch(
            jnp.zeros((size, batch.points.shape[0]), batch.points.dtype), regression_buffer(batch)
        )
        count = mixture.num_components
        gradient, _ = fold_own_blocks(count, size, fit_block, (buffers, scratch))
        gradient = merged_rows(buffers, gradient, count, size)
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
