"""Which components to delete: old enough, stagnating and light."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, missing_reward
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.products import product
from gmmvi_jax.typing import Array

LARGEST_STAGNATING_IMPROVEMENT = 0.4  # (now - then) / |then|; Arenz et al., JMLR 2020


class History(NamedTuple):
    """Rewards and weights of the last iterations: ring buffers, column iteration % H."""

    rewards: Array  # [K, H]
    weights: Array  # [K, H]


def smoothing_kernel(del_iters: int) -> np.ndarray:
    """Returns [2h] the weights that smooth 2h rewards, the newest last; they sum to one.

    A Gaussian of standard deviation del_iters / 8 at the offsets -h .. h - 1, with
    h = floor(del_iters / 3). Source: docs/algorithm.md, "Deleting".
    """
    half = del_iters // 3
    offsets = np.arange(-half, half)
    kernel = np.exp(-0.5 * (offsets / (del_iters / 8.0)) ** 2)
    return kernel / kernel.sum()


def window_length(del_iters: int) -> int:
    """Returns how many iterations of history the criteria look at."""
    return del_iters + 2 * (del_iters // 3)


def _smoothing_kernels(del_iters: int) -> np.ndarray:
    """Returns [2, H] the coefficients of the smoothed reward now and then, newest last."""
    kernel = smoothing_kernel(del_iters)
    coefficients = np.zeros((2, window_length(del_iters)))
    coefficients[0, -len(kernel) :] = kernel
    coefficients[1, : len(kernel)] = kernel
    return coefficients


def _as_stored(in_time: np.ndarray, iteration: Array) -> Array:
    """Returns what belongs to each time, newest last, in the order of the ring buffer [.., H].

    Turning two rows of coefficients around is cheaper than turning the histories.
    """
    length = in_time.shape[-1]
    times = (jnp.arange(length, dtype=jnp.int32) - (iteration + 1)) % length
    return jnp.asarray(in_time)[..., times]


def components_to_keep(
    mixture: PaddedMixture,
    components: ComponentRecord,
    history: History,
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
        components: its record.
        history: whose newest column is ``iteration % H``.
        temperature: beta.
        iteration: [] int32; nothing is deleted before ``del_iters``.
        del_iters: age and distance in time.
        lightest: weight below which a component is light.
    """
    size = mixture.block_size
    dtype = mixture.log_weights.dtype
    missing = missing_reward(dtype)
    num_visited = jnp.where(iteration > del_iters, mixture.num_components, 0)
    kernels = _as_stored(_smoothing_kernels(del_iters), iteration).astype(dtype)  # [2, H]
    length = kernels.shape[1]

    def rewards_of(start: Array) -> Array:
        rewards = take_block(history.rewards, start, size)
        live = live_rows(start, size, mixture.num_components)
        return jnp.where(live[:, None], rewards, missing)

    def logits_of(rewards: Array) -> Array:
        return jnp.where(rewards > missing, rewards / temperature, -jnp.inf)

    def summarise(start: Array, carry: tuple) -> tuple:
        smoothed, largest, total = carry
        rewards = rewards_of(start)  # [B, H]
        is_known = rewards > missing
        is_complete = jnp.all(is_known[:, None, :] | (kernels == 0.0), axis=2)  # [B, 2]
        block = product(jnp.where(is_known, rewards, 0.0), kernels.T)
        logits = logits_of(rewards)
        new_largest = jnp.maximum(largest, jnp.max(logits, axis=0))
        total = total * jnp.exp(largest - new_largest) + jnp.sum(
            jnp.exp(logits - new_largest), axis=0
        )
        smoothed = put_block(smoothed, jnp.where(is_complete, block, -jnp.inf), start)
        return smoothed, new_largest, total

    lowest = jnp.full((mixture.capacity, 2), -jnp.inf, dtype)
    empty = (lowest, jnp.full(length, missing), jnp.zeros(length, dtype))
    smoothed, largest, total = fold_blocks(num_visited, size, summarise, empty)
    log_normalizer = largest + jnp.log(total)  # [H] of the greedy weights at each iteration

    def weigh(start: Array, heaviest: Array) -> Array:
        greedy = jnp.exp(logits_of(rewards_of(start)) - log_normalizer)
        weights = take_block(history.weights, start, size)
        return put_block(heaviest, jnp.max(jnp.maximum(greedy, weights), axis=1), start)

    heaviest = fold_blocks(num_visited, size, weigh, jnp.ones(mixture.capacity, dtype))
    now, then = smoothed[:, 0], smoothed[:, 1]
    best = jnp.max(now)
    now, then = now - best, then - best
    complete = jnp.isfinite(now) & jnp.isfinite(then)
    stagnating = complete & ((now - then) <= LARGEST_STAGNATING_IMPROVEMENT * jnp.abs(then))
    old_enough = components.ages >= del_iters
    due = iteration > del_iters
    return mixture.active & ~(due & old_enough & stagnating & (heaviest < lightest))
