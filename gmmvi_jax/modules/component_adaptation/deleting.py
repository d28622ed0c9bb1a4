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


class _Rewards(NamedTuple):
    """Reads blocks of the rewards of a history."""

    mixture: PaddedMixture
    history: History
    temperature: Array

    def block(self, start: Array) -> Array:
        """Returns [B, H] the rewards of a block, ``missing_reward`` where there is none."""
        size = self.mixture.block_size
        rewards = take_block(self.history.rewards, start, size)
        live = live_rows(start, size, self.mixture.num_components)
        return jnp.where(live[:, None], rewards, missing_reward(rewards.dtype))

    def logits(self, rewards: Array) -> Array:
        """Returns [B, H] the logits of the greedy weights at each iteration."""
        is_known = rewards > missing_reward(rewards.dtype)
        return jnp.where(is_known, rewards / self.temperature, -jnp.inf)


def _smooth(kernels: Array, source: _Rewards, num_visited: Array) -> tuple[Array, Array]:
    """Returns [K, 2] the smoothed rewards now and then, and [H] the greedy weights' normaliser.

    Args:
        kernels: [2, H].
        source: of the rewards.
        num_visited: [] int32 components to visit.
    """
    mixture, dtype, length = source.mixture, kernels.dtype, kernels.shape[1]
    missing = missing_reward(dtype)

    def summarise(start: Array, carry: tuple) -> tuple:
        smoothed, largest, total = carry
        rewards = source.block(start)
        is_known = rewards > missing
        is_complete = jnp.all(is_known[:, None, :] | (kernels == 0.0), axis=2)  # [B, 2]
        block = product(jnp.where(is_known, rewards, 0.0), kernels.T)
        logits = source.logits(rewards)
        new_largest = jnp.maximum(largest, jnp.max(logits, axis=0))
        total = total * jnp.exp(largest - new_largest) + jnp.sum(
            jnp.exp(logits - new_largest), axis=0
        )
        smoothed = put_block(smoothed, jnp.where(is_complete, block, -jnp.inf), start)
        return smoothed, new_largest, total

    lowest = jnp.full((mixture.capacity, 2), -jnp.inf, dtype)
    empty = (lowest, jnp.full(length, missing), jnp.zeros(length, dtype))
    smoothed, largest, total = fold_blocks(num_visited, mixture.block_size, summarise, empty)
    return smoothed, largest + jnp.log(total)


def _largest_weights(log_normalizer: Array, source: _Rewards, num_visited: Array) -> Array:
    """Returns [K] each component's largest weight in the window, its greedy weights included.

    Args:
        log_normalizer: [H] of the greedy weights.
        source: of the rewards.
        num_visited: [] int32 components to visit; 1 for the others.
    """
    mixture, history, _ = source
    size = mixture.block_size

    def weigh(start: Array, heaviest: Array) -> Array:
        greedy = jnp.exp(source.logits(source.block(start)) - log_normalizer)
        weights = take_block(history.weights, start, size)
        return put_block(heaviest, jnp.max(jnp.maximum(greedy, weights), axis=1), start)

    ones = jnp.ones(mixture.capacity, mixture.log_weights.dtype)
    return fold_blocks(num_visited, size, weigh, ones)


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
    num_visited = jnp.where(iteration > del_iters, mixture.num_components, 0)
    kernels = _as_stored(_smoothing_kernels(del_iters), iteration)  # [2, H]
    source = _Rewards(mixture, history, temperature)
    smoothed, log_normalizer = _smooth(
        kernels.astype(mixture.log_weights.dtype), source, num_visited
    )
    heaviest = _largest_weights(log_normalizer, source, num_visited)
    now, then = smoothed[:, 0], smoothed[:, 1]
    best = jnp.max(now)
    now, then = now - best, then - best
    complete = jnp.isfinite(now) & jnp.isfinite(then)
    stagnating = complete & ((now - then) <= LARGEST_STAGNATING_IMPROVEMENT * jnp.abs(then))
    old_enough = components.ages >= del_iters
    due = iteration > del_iters
    return mixture.active & ~(due & old_enough & stagnating & (heaviest < lightest))
