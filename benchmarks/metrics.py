"""The same metrics for every method, all from draws of its approximation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problem import Draw, Snapshot
from gmmvi_jax.evaluation import median_bandwidth, mmd_squared, psis

Figures = dict[str, float | int | None]

TRACE_DRAWS = 2_000
FINAL_DRAWS = 20_000
MMD_DRAWS = 2_000
MOST_ROWS = 40
BLOCK = 500  # points evaluated at once: a log density may look at thousands of data
QUARTILES = (0.25, 0.5, 0.75)
LEAST_SHARE = 1e-3  # of the draws, for a mode to count as found


def thinned(snapshots: list[Snapshot]) -> list[Snapshot]:
    """Returns at most ``MOST_ROWS`` of the snapshots, the first and the last among them."""
    if len(snapshots) <= MOST_ROWS:
        return snapshots
    chosen = np.linspace(0, len(snapshots) - 1, MOST_ROWS).round().astype(int)
    return [snapshots[i] for i in chosen]


def modes_found(points: np.ndarray, modes: np.ndarray) -> int:
    """Returns how many modes [M, D] have a share of the draws within 6 sqrt(D), nearest to them."""
    distances = np.stack([np.linalg.norm(points - mode, axis=1) for mode in modes], axis=1)
    near = distances.min(axis=1) <= 6.0 * np.sqrt(points.shape[1])
    shares = np.bincount(distances.argmin(axis=1)[near], minlength=len(modes)) / len(points)
    return int((shares > LEAST_SHARE).sum())


def evidence_figures(log_p: np.ndarray, log_q: np.ndarray | None) -> Figures:
    """Returns what the log densities at the draws say, None where one is not finite.

    E[log p~]; with log q the ELBO and its standard error, the importance-sampling estimate of log Z
    and the effective share of the draws as weighted ones.
    """
    figures: Figures = {
        "elbo": None,
        "elbo_stderr": None,
        "log_z": None,
        "effective_share": None,
        "mean_log_density": float(log_p.mean()) if np.isfinite(log_p).all() else None,
        "unusable_draws": int((~np.isfinite(log_p)).sum()),
    }
    ratios = None if log_q is None else log_p - log_q
    if ratios is not None and np.isfinite(ratios).all():
        count, log_sum = len(ratios), np.logaddexp.reduce(ratios)
        figures["elbo"] = float(ratios.mean())
        figures["elbo_stderr"] = float(ratios.std(ddof=1) / np.sqrt(count))
        figures["log_z"] = float(log_sum - np.log(count))
        log_share = 2.0 * log_sum - np.logaddexp.reduce(2.0 * ratios) - np.log(count)
        figures["effective_share"] = float(np.exp(log_share))
    return figures


class Metrics:
    """The metrics of one target; its log density is compiled once."""

    def __init__(self, target: Any, seed: int) -> None:
        """Compiles the log density, and looks up what is known of the target."""
        self.seed = seed
        evaluate = jax.jit(jax.vmap(target.full if hasattr(target, "full") else target))
        self._log_density = lambda block: np.asarray(evaluate(jnp.asarray(block)), np.float64)
        self._modes = getattr(target, "modes", None)
        self._reference: np.ndarray | None = None
        stored = getattr(target, "reference_samples", None)
        if stored is not None:
            self._reference = np.asarray(stored, np.float64)
        elif hasattr(target, "sample"):
            exact = target.sample(jax.random.key(20_000 + seed), FINAL_DRAWS)
            self._reference = np.asarray(exact, np.float64)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Returns the log density [n] of points [n, D]; n is a multiple of ``BLOCK``."""
        blocks = np.split(points, len(points) // BLOCK)
        return np.concatenate([self._log_density(block) for block in blocks])

    def row(self, snapshot: Snapshot) -> Figures:
        """Returns a row of the trace: cost and metrics."""
        points, log_q = snapshot.draw(30_000 + self.seed, TRACE_DRAWS)
        return {
            "iteration": snapshot.iteration,
            "evaluations": snapshot.evaluations,
            "seconds": snapshot.seconds,
            "compile_seconds": snapshot.compile_seconds,
            **snapshot.figures,
            **evidence_figures(self.log_density(points), log_q),
            **self.sample_figures(points),
        }

    def sample_figures(self, points: np.ndarray) -> Figures:
        """Returns what the draws alone say: the same for methods without a density.

        Modes found, where they are known. Against exact or reference samples, where there are any,
        the worst over the dimensions of the median's shift (in interquartile ranges) and of the
        interquartile range's relative error: quartiles, since a Student-t target has no variance.
        """
        figures: Figures = {}
        if self._modes is not None:
            figures["modes"] = modes_found(points, np.asarray(self._modes))
            figures["num_modes"] = len(self._modes)
        if self._reference is not None:
            low, middle, high = np.quantile(self._reference, QUARTILES, axis=0)
            own_low, own_middle, own_high = np.quantile(points, QUARTILES, axis=0)
            scale = high - low
            figures["median_error"] = float((np.abs(own_middle - middle) / scale).max())
            figures["scale_error"] = float(np.abs((own_high - own_low) / scale - 1.0).max())
        return figures

    def final(self, snapshot: Snapshot) -> Figures:
        """Returns the metrics of the last snapshot, from more draws, with k-hat and MMD."""
        points, log_q = snapshot.draw(40_000 + self.seed, FINAL_DRAWS)
        log_p = self.log_density(points)
        figures = evidence_figures(log_p, log_q) | self.sample_figures(points)
        if log_q is not None and figures["elbo"] is not None:
            k_hat = float(psis(jnp.asarray(log_p - log_q))[1])
            figures["k_hat"] = k_hat if np.isfinite(k_hat) else None
        return figures | self._mmd(points)

    def coverage(self, draw: Draw) -> Figures:
        """Returns the modes found and the MMD of draws, as far as the target knows them."""
        points, _ = draw(40_000 + self.seed, FINAL_DRAWS)
        return self.sample_figures(points) | self._mmd(points)

    def _mmd(self, points: np.ndarray) -> Figures:
        if self._reference is None:
            return {}
        reference = self._reference[:MMD_DRAWS]
        squared = mmd_squared(points[:MMD_DRAWS], reference, median_bandwidth(reference))
        return {"mmd": float(np.sqrt(max(0.0, float(squared))))}
