"""The same metrics for every method, all from draws of its approximation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problem import Snapshot

TRACE_DRAWS = 2_000
FINAL_DRAWS = 20_000
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
    distances = np.linalg.norm(points[:, None] - modes[None], axis=-1)
    near = distances.min(axis=1) <= 6.0 * np.sqrt(points.shape[1])
    shares = np.bincount(distances.argmin(axis=1)[near], minlength=len(modes)) / len(points)
    return int((shares > LEAST_SHARE).sum())


class Metrics:
    """The metrics of one target; its log density is compiled once."""

    def __init__(self, target: Any, seed: int) -> None:
        """Compiles the log density, and looks up what is known of the target."""
        self.seed = seed
        density = target.full if hasattr(target, "full") else target
        evaluate = jax.jit(jax.vmap(density))
        self._log_density = lambda block: np.asarray(evaluate(jnp.asarray(block)), np.float64)
        self.modes = getattr(target, "modes", None)
        self.reference = self._reference(target)

    def _reference(self, target: Any) -> np.ndarray | None:
        reference = getattr(target, "reference_samples", None)
        if reference is not None:
            return np.asarray(reference)
        if hasattr(target, "sample"):
            return np.asarray(target.sample(jax.random.key(20_000 + self.seed), FINAL_DRAWS))
        return None

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Returns the log density [n] of points [n, D]; n is a multiple of ``BLOCK``."""
        blocks = np.split(points, len(points) // BLOCK)
        return np.concatenate([self._log_density(block) for block in blocks])

    def row(self, snapshot: Snapshot) -> dict[str, float | int | None]:
        """Returns a row of the trace: cost and ELBO."""
        points, log_q = snapshot.draw(30_000 + self.seed, TRACE_DRAWS)
        return {
            "iteration": snapshot.iteration,
            "evaluations": snapshot.evaluations,
            "seconds": snapshot.seconds,
            "compile_seconds": snapshot.compile_seconds,
            **snapshot.figures,
            **self.elbo(points, log_q),
        }

    def elbo(self, points: np.ndarray, log_q: np.ndarray | None) -> dict[str, float | int | None]:
        """Returns the mean of log p~ - log q, its standard error, and E[log p~].

        The ELBO is None without log q, or where a draw has no finite log density.
        """
        log_p = self.log_density(points)
        figures: dict[str, float | int | None] = {
            "elbo": None,
            "elbo_stderr": None,
            "mean_log_density": float(log_p.mean()) if np.isfinite(log_p).all() else None,
            "unusable_draws": int((~np.isfinite(log_p)).sum()),
        }
        if log_q is not None:
            values = log_p - log_q
            if np.isfinite(values).all():
                figures["elbo"] = float(values.mean())
                figures["elbo_stderr"] = float(values.std(ddof=1) / np.sqrt(len(values)))
        return figures

    def final(self, snapshot: Snapshot) -> dict[str, float | int | None]:
        """Returns the metrics of the last snapshot.

        Beside the ELBO from more draws: modes found, and against exact or reference samples, where
        there are any, the worst over the dimensions of the median's shift (in interquartile
        ranges) and of the interquartile range's relative error. Quartiles, since a Student-t
        target has no variance.
        """
        points, log_q = snapshot.draw(40_000 + self.seed, FINAL_DRAWS)
        figures = self.elbo(points, log_q)
        if self.modes is not None:
            figures["modes"] = modes_found(points, np.asarray(self.modes))
            figures["num_modes"] = len(self.modes)
        if self.reference is not None:
            low, middle, high = np.quantile(self.reference, QUARTILES, axis=0)
            own_low, own_middle, own_high = np.quantile(points, QUARTILES, axis=0)
            scale = high - low
            figures["median_error"] = float((np.abs(own_middle - middle) / scale).max())
            figures["scale_error"] = float(np.abs((own_high - own_low) / scale - 1.0).max())
        return figures
