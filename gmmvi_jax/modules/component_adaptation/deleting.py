"""Which components to delete: old enough, stagnating and light."""

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.products import product
from gmmvi_jax.records import ComponentRecord, missing_reward
from gmmvi_jax.typing import Array

LARGEST_STAGNATING_IMPROVEMENT = 0.4  # (now - then) / |then|; Arenz et al., JMLR 2020


def smoothing_kernel(del_iters: int) -> np.ndarray:
    """Returns [2h] the weights that smooth 2h rewards, the newest last; they sum to one.

    A Gaussian of standard deviation del_iters / 8 at the offsets -h .. h - 1, with
    h = floor(del_iters / 3). Source: ALGORITHM.md, "Deleting"; TMLR 2023, Section 3.2.
    """
    half = del_iters // 3
    offsets = np.arange(-half, half)
    kernel = np.exp(-0.5 * (offsets / (del_iters / 8.0)) ** 2)
    return kernel / kernel.sum()


def window_length(del_iters: int) -> int:
    """Returns how many iterations of history the criteria look at."""
    return del_iters + 2 * (del_iters // 3)


def _newest_last(history: Array, iteration: Array) -> Array:
    """Returns [B, H] the ring buffer's columns in order of time."""
    length = history.shape[1]
    columns = (iteration + 1 + jnp.arange(length, dtype=jnp.int32)) % length
    return history[:, columns]


def components_to_keep(
    mixture: PaddedMixture,
    components: ComponentRecord,
    temperature: Array,
    iteration: Array,
    del_iters: int,
    lightest: Array | float,
) -> Array:
    """Returns [K] which active components to keep; visits no block before its time has come.

    A component goes if it is all of: old enough (``del_iters`` rewards), stagnating (its
    smoothed reward, relative to the best component's, improved by 40 % at most over
    ``del_iters`` iterations), and light (over the whole window neither its weight nor the
    weight a greedy update would give it reached ``lightest``).

    Args:
        mixture: the mixture.
        components: its record; the histories' newest column is ``iteration % H``.
        temperature: beta.
        iteration: [] int32; nothing is deleted before ``del_iters``.
        del_iters: age and distance in time.
        lightest: weight below which a component is light.
    """
    size = mixture.block_size
    dtype = mixture.log_weights.dtype
    missing = missing_reward(dtype)
    kernel = jnp.asarray(smoothing_kernel(del_iters), dtype)
    width = kernel.shape[0]
    num_visited = jnp.where(iteration > del_iters, mixture.num_components, 0)
    length = window_length(del_iters)

    def rewards_of(start: Array) -> Array:
        history = take_block(components.reward_history, start, size)
        live = live_rows(start, size, mixture.num_components)
        return jnp.where(live[:, None], _newest_last(history, iteration), missing)

    def summarise(start: Array, carry: tuple) -> tuple:
        now, then, largest, total = carry
        rewards = rewards_of(start)  # [B, H]
        complete_now = jnp.all(rewards[:, -width:] > missing, axis=1)
        complete_then = jnp.all(rewards[:, :width] > missing, axis=1)
        block_now = jnp.where(complete_now, product(rewards[:, -width:], kernel), -jnp.inf)
        block_then = jnp.where(complete_then, product(rewards[:, :width], kernel), -jnp.inf)
        logits = jnp.where(rewards > missing, rewards / temperature, -jnp.inf)
        new_largest = jnp.maximum(largest, jnp.max(logits, axis=0))
        total = total * jnp.exp(largest - new_largest) + jnp.sum(
            jnp.exp(logits - new_largest), axis=0
        )
        return (
            put_block(now, block_now, start),
            put_block(then, block_then, start),
            new_largest,
            total,
        )

    lowest = jnp.full(mixture.capacity, -jnp.inf, dtype)
    empty = (jnp.full(length, missing), jnp.zeros(length, dtype))
    now, then, largest, total = fold_blocks(num_visited, size, summarise, (lowest, lowest, *empty))
    log_normalizer = largest + jnp.log(total)  # [H] of the greedy weights at each iteration

    def weigh(start: Array, heaviest: Array) -> Array:
        rewards = rewards_of(start)
        greedy = jnp.exp(
            jnp.where(rewards > missing, rewards / temperature, -jnp.inf) - log_normalizer
        )
        weights = take_block(components.weight_history, start, size)
        block = jnp.maximum(jnp.max(greedy, axis=1), jnp.max(weights, axis=1))
        return put_block(heaviest, block, start)

    heaviest = fold_blocks(num_visited, size, weigh, jnp.ones_like(lowest))
    best = jnp.max(now)
    now, then = now - best, then - best
    complete = jnp.isfinite(now) & jnp.isfinite(then)
    stagnating = complete & ((now - then) <= LARGEST_STAGNATING_IMPROVEMENT * jnp.abs(then))
    old_enough = components.ages >= del_iters
    due = iteration > del_iters
    return mixture.active & ~(due & old_enough & stagnating & (heaviest < lightest))
