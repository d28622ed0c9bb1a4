"""Draws of a Gaussian mixture, in plain numpy and double precision."""

from typing import Any

import numpy as np

from benchmarks.problem import Draw


def mixture_draws(log_weights: Any, means: Any, factors: Any) -> Draw:
    """Returns the draw function of a mixture.

    Args:
        log_weights: [K], normalised or not.
        means: [K, D].
        factors: [K, D, D] lower triangular, or [K, D] standard deviations.
    """

    def log_density(
        points: np.ndarray, logits: np.ndarray, means: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        dim = means.shape[1]
        total = np.full(len(points), -np.inf)
        for logit, mean, factor in zip(logits, means, factors, strict=True):
            offsets = points - mean
            if factor.ndim == 1:
                white, diagonal = offsets / factor, factor
            else:
                white, diagonal = np.linalg.solve(factor, offsets.T).T, np.diagonal(factor)
            log_component = -0.5 * (white**2).sum(1) - np.log(np.abs(diagonal)).sum()
            total = np.logaddexp(total, logit + log_component - 0.5 * dim * np.log(2 * np.pi))
        return total

    def draw(seed: int, num_draws: int) -> tuple[np.ndarray, np.ndarray]:
        # Widened here and not before: a run keeps many snapshots.
        arrays = [np.asarray(array, np.float64) for array in (log_weights, means, factors)]
        logits = arrays[0] - np.logaddexp.reduce(arrays[0])
        generator = np.random.default_rng(seed)
        counts = generator.multinomial(num_draws, np.exp(logits) / np.exp(logits).sum())
        dim = arrays[1].shape[1]
        parts = []
        for count, mean, factor in zip(counts, *arrays[1:], strict=True):
            noise = generator.standard_normal((count, dim))
            parts.append(mean + (noise * factor if factor.ndim == 1 else noise @ factor.T))
        # Shuffled: an estimate from part of the draws must not see the first components alone.
        points = generator.permutation(np.concatenate(parts))
        return points, log_density(points, logits, *arrays[1:])

    return draw
