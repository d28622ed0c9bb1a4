"""The natural gradient of the weights, and what becomes of it: rewards and new weights."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.devices import fold_own_blocks, merged_sums, total_of
from gmmvi_jax.numerics.log_sum import normalised
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.weighted_sum import WeightedSum, add_to_sum, empty_sum, normalizer
from gmmvi_jax.samples.database import SampleDatabase, cache_densities
from gmmvi_jax.samples.importance_weights import log_importance_weights
from gmmvi_jax.typing import Array, PyTree

LOG_WEIGHT_FLOOR = math.log(1e-30)


class ExpectedRewards(NamedTuple):
    """The natural gradient of the weights, and how much is behind it."""

    values: Array  # [K] r_o, NaN where it cannot be estimated
    effective_samples: Array  # [K] (sum w)^2 / sum w^2, 0 where no sample has weight


_Sums = tuple[WeightedSum, Array]  # of w r, and of w^2


def add_chunk(
    accumulated: WeightedSum, squares: Array, log_weights: Array, rewards: Array
) -> _Sums:
    """Adds one chunk of samples to ONE component's sums of w r and of w^2.

    Args:
        accumulated: the sum of w r so far.
        squares: the sum of w^2 so far, divided by the square of exp(log_scale).
        log_weights: [C] log w.
        rewards: [C].
    """
    added = add_to_sum(accumulated, log_weights, lambda weights: product(weights, rewards))
    decay = jnp.exp(accumulated.log_scale - added.log_scale)
    weights = jnp.exp(log_weights - added.log_scale)
    return added, squares * decay**2 + product(weights, weights)


def expected_rewards(
    mixture: PaddedMixture,
    database: SampleDatabase,
    log_background: Array,
    temperature: Array,
    self_normalized: bool,
) -> ExpectedRewards:
    """Returns r_o = E_{q_o}[log p~(x) - beta log q(x)] of all components.

    The samples were drawn before the components were updated; importance weights take them to
    the components as they are now.

    Args:
        mixture: updated components, old weights.
        database: its batch are samples shared by all components.
        log_background: [N] log b(x) of these samples.
        temperature: beta, scalar.
        self_normalized: importance weights sum to one per component, else they are plain.
    """
    batch, densities = database.batch, database.densities
    size = mixture.block_size
    dtype = mixture.log_weights.dtype
    shape = mixture.log_weights.shape

    def add_samples(row: Array, carry: tuple[_Sums, PyTree]) -> tuple[_Sums, PyTree]:
        sums, scratch = carry
        chunk, scratch = densities.chunk(mixture, batch, row, scratch)
        log_target, usable, background = take_block(
            (batch.log_target, batch.usable, log_background), row, batch.visit_size
        )
        rewards = log_target - temperature * chunk.log_mixture

        def add_to_block(start: Array, sums: _Sums) -> _Sums:
            of_rewards, of_squares = take_block(sums, start, size)
            log_densities = chunk.component_log_densities(start)
            log_weights = log_importance_weights(log_densities, background, usable)
            added = jax.vmap(add_chunk, in_axes=(0, 0, 0, None))(
                of_rewards, of_squares, log_weights, rewards
            )
            return put_block(sums, added, start)

        return fold_blocks(mixture.num_components, size, add_to_block, sums), scratch

    nothing = jnp.zeros(shape, dtype)
    empty = ((empty_sum(nothing, dtype, shape), nothing), densities.scratch(mixture, batch))
    (sums, squares), _ = fold_own_blocks(batch.num_samples, batch.visit_size, add_samples, empty)
    sums, decay = merged_sums(sums)
    squares = total_of(squares * decay**2)
    estimates = sums.value * normalizer(sums, batch.num_usable, self_normalized)
    known = mixture.active & jnp.isfinite(estimates)
    effective_samples = sums.total_weight**2 / jnp.maximum(squares, jnp.finfo(dtype).tiny)
    return ExpectedRewards(
        values=jnp.where(known, estimates, jnp.nan),
        effective_samples=jnp.where(known, effective_samples, 0.0),
    )


def advantages_of(mixture: PaddedMixture, expected: Array) -> Array:
    """Returns [K] the expected rewards [K] minus their weighted mean, 0 where there is none.

    The mean does not move the weights, and float32 is spared it; a component whose reward is not
    known keeps its weight relative to the average.
    """
    known = jnp.isfinite(expected)
    shares = jnp.where(known, jnp.exp(mixture.log_weights), 0.0)
    total = jnp.maximum(jnp.sum(shares), jnp.finfo(shares.dtype).tiny)
    mean = jnp.sum(shares * jnp.where(known, expected, 0.0)) / total
    return jnp.where(known, expected - mean, 0.0)


def record_rewards(
    mixture: PaddedMixture,
    components: ComponentRecord,
    expected: ExpectedRewards,
    temperature: Array,
) -> ComponentRecord:
    """Returns the record with R_o = r_o + beta log pi_o, pi before the weight update.

    A reward that is not known stays what it was.
    """
    known = mixture.active & jnp.isfinite(expected.values)
    rewards = expected.values + temperature * mixture.log_weights
    return components._replace(
        rewards=jnp.where(known, rewards, components.rewards),
        previous_rewards=jnp.where(mixture.active, components.rewards, components.previous_rewards),
        effective_samples=jnp.where(
            mixture.active, expected.effective_samples, components.effective_samples
        ),
    )


def with_log_weights(mixture: PaddedMixture, log_weights: Array) -> PaddedMixture:
    """Returns the mixture with these weights, floored at 1e-30 and normalised.

    Args:
        mixture: whose weights are replaced.
        log_weights: [K], need not be normalised.
    """
    log_weights = normalised(jnp.where(mixture.active, log_weights, -jnp.inf))
    # The floor adds less than rounding does: the floored weights are still normalised.
    floored = jnp.maximum(log_weights, LOG_WEIGHT_FLOOR)
    return dataclasses.replace(mixture, log_weights=jnp.where(mixture.active, floored, -jnp.inf))


def reward_components(
    mixture: PaddedMixture,
    components: ComponentRecord,
    database: SampleDatabase,
    log_background: Array,
    temperature: Array,
    self_normalized: bool,
) -> tuple[ComponentRecord, SampleDatabase, Array]:
    """Estimates and records the rewards of the updated components.

    Args:
        mixture: updated components, old weights.
        components: its record.
        database: its batch are samples shared by all components.
        log_background: [N] log b(x) of these samples.
        temperature: beta, scalar.
        self_normalized: importance weights sum to one per component, else they are plain.

    Returns:
        The record; the database, see ``cache_densities``; and [K] the advantages.
    """
    database = cache_densities(database, mixture)
    expected = expected_rewards(mixture, database, log_background, temperature, self_normalized)
    components = record_rewards(mixture, components, expected, temperature)
    return components, database, advantages_of(mixture, expected.values)


def tilt_weights(mixture: PaddedMixture, advantages: Array, scale: Array) -> PaddedMixture:
    """Returns the mixture with weights pi' ~ pi exp(scale * advantages), floored at 1e-30.

    A scale of 0 leaves every bit of the weights.

    Args:
        mixture: with the weights pi.
        advantages: [K] finite, of the active slots.
        scale: scalar, not negative.
    """
    tilted = with_log_weights(mixture, mixture.log_weights + scale * advantages)
    log_weights = jnp.where(scale > 0.0, tilted.log_weights, mixture.log_weights)
    return dataclasses.replace(mixture, log_weights=log_weights)
