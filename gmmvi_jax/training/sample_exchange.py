"""Samples of one run for another: after a change of temperature, of the data, of the target.

Everything here runs on the host, between runs.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import evaluate_rows
from gmmvi_jax.numerics.block_sizes import row_chunk
from gmmvi_jax.numerics.blocks import round_up
from gmmvi_jax.numerics.exact_counter import count_up
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import shown
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.samples.batch import OUTSIDE_DEPTH, SampleBatch
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import ReuseWindow
from gmmvi_jax.samples.window_growth import add_all_densities
from gmmvi_jax.state import TrainState, require_state
from gmmvi_jax.typing import Array, HostArray, LogDensity, PRNGKey


@dataclasses.dataclass(frozen=True)
class ReusableSamples:
    """Samples that can be reused, since what generated them is known.

    Attributes:
        points: [N, D], those of one Gaussian behind those of the one before it.
        log_target: [N]; -inf outside of the support, NaN where the sample is not usable.
        target_gradient: [N, D], or None if the run needed no gradients.
        row_counts: [J] how many samples each Gaussian generated.
        means: [J, D] of the Gaussians.
        factors: [J, D, D] their lower Cholesky factors, or [J, D] standard deviations.
    """

    points: np.ndarray
    log_target: np.ndarray
    target_gradient: np.ndarray | None
    row_counts: np.ndarray
    means: np.ndarray
    factors: np.ndarray


@dataclasses.dataclass(frozen=True)
class Samples:
    """What a run knows of its target; see ``export_samples``.

    Attributes:
        points: [S, D], spread over the run's history.
        log_target: [S]; -inf outside of the support, and where the value is not usable.
        reusable: the newest samples with what generated them, if the run reused samples.
        num_evaluations: target evaluations spent on these samples since they were exported.
    """

    points: np.ndarray
    log_target: np.ndarray
    reusable: ReusableSamples | None = None
    num_evaluations: int = 0


def require_samples(samples: Any) -> None:
    """Raises TypeError unless the argument ``samples`` is what it is called."""
    if not isinstance(samples, Samples):
        raise TypeError(
            f"samples must be Samples, from export_samples(result.state) or load_samples(path); "
            f"got {shown(samples)}."
        )


def export_samples(state: TrainState) -> Samples:
    """Returns the samples that a state holds, as numpy arrays.

    Those of Student-t components are candidates for new ones, and not reused.
    """
    require_state("state", state)
    batch, archive, densities = state.database
    count = int(archive.count)
    reusable = None
    if isinstance(densities, KeptDensities) and densities.window.gaussians.degrees is None:
        window = densities.window
        rows, live = int(batch.num_samples), int(window.num_drawn)
        usable = np.asarray(batch.usable[:rows])
        log_target = np.where(batch.outside[:rows], -np.inf, batch.log_target[:rows])
        gradient = batch.target_gradient
        reusable = ReusableSamples(
            points=np.asarray(batch.points[:rows]),
            log_target=np.where(usable, log_target, np.nan),
            target_gradient=None if gradient is None else np.asarray(gradient[:rows]),
            row_counts=np.asarray(window.row_counts[:live]),
            means=np.asarray(window.gaussians.mean[:live]),
            factors=np.asarray(window.gaussians.factor[:live]),
        )
    return Samples(
        points=np.asarray(archive.points[:count]),
        log_target=np.asarray(archive.log_target[:count]),
        reusable=reusable,
    )


def reevaluate_samples(
    samples: Samples, log_target: LogDensity, rng_key: PRNGKey | int | None = None
) -> Samples:
    """Returns the samples with the values that another target has there.

    Costs one target evaluation per sample, which ``import_samples`` adds to the new run's count.

    Args:
        samples: of a run with another target, or other data.
        log_target: the new one.
        rng_key: for a stochastic target.
    """
    require_samples(samples)
    target = as_log_density(log_target)
    keys = jax.random.split(typed_key(0 if rng_key is None else rng_key))
    values, _ = _evaluate(target, samples.points, keys[0], with_gradient=False)
    num_evaluations = samples.num_evaluations + len(values)
    reusable = samples.reusable
    if reusable is not None:
        has_gradient = reusable.target_gradient is not None
        new_values, gradients = _evaluate(target, reusable.points, keys[1], has_gradient)
        num_evaluations += len(new_values)
        reusable = dataclasses.replace(reusable, log_target=new_values, target_gradient=gradients)
    values = np.where(np.isnan(values), -np.inf, values)
    return Samples(samples.points, values, reusable, num_evaluations)


def check_samples(state: TrainState, samples: Samples) -> None:
    """Raises the errors of ``import_samples``; of the state only the shapes are read."""
    dim = state.mixture.dim
    if samples.points.shape[-1] != dim:
        raise ValueError(f"samples have dim {samples.points.shape[-1]}, but the state has {dim}.")
    if not isinstance(state.database.densities, KeptDensities) or samples.reusable is None:
        return
    if samples.reusable.factors.shape[1:] != state.mixture.gaussians.factor.shape[1:]:
        raise ValueError(
            "samples and state differ in diagonal covariances; make the config with "
            f"diagonal={samples.reusable.factors.ndim == 2}."
        )


def import_samples(state: TrainState, samples: Samples) -> TrainState:
    """Returns a state that starts with these samples in its database.

    What does not fit is thinned (the archive) or left out from the oldest on (the window). The
    target evaluations that ``reevaluate_samples`` spent are added to the state's count.

    Args:
        state: from ``init``.
        samples: of an earlier run in the same dimension.

    Raises:
        ValueError: another dimension, or other covariances (full, diagonal).
    """
    require_state("state", state)
    require_samples(samples)
    check_samples(state, samples)
    batch, archive, densities = state.database
    archive = _fill_archive(archive, samples)
    if isinstance(densities, KeptDensities) and samples.reusable is not None:
        window, batch = _fill_window(
            densities.window, batch, samples.reusable, state.mixture.max_components
        )
        densities = dataclasses.replace(densities, window=window)
    return state._replace(
        database=SampleDatabase(batch=batch, archive=archive, densities=densities),
        num_target_evaluations=count_up(
            state.num_target_evaluations, jnp.asarray(samples.num_evaluations, jnp.int32)
        ),
    )


def _evaluate(
    target: LogDensity, points: np.ndarray, key: PRNGKey, with_gradient: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns values (NaN where unusable) and gradients (0 there and outside) at all points."""
    count, dim = points.shape
    size = row_chunk(dim, 1, max(count, 1))
    rows = round_up(count, size)
    known = jnp.asarray(points)  # in float32 where JAX has no float64
    padded = jnp.zeros((rows, dim), known.dtype).at[:count].set(known)
    gradients = jnp.zeros_like(padded) if with_gradient else None
    zero, end = jnp.zeros((), jnp.int32), jnp.asarray(count, jnp.int32)
    evaluate = jax.jit(evaluate_rows, static_argnames="chunk_size")
    values, gradients = evaluate(
        key, target, padded, zero, end, size, jnp.zeros(rows, known.dtype), gradients
    )
    values = np.asarray(values)[:count]
    usable = ~np.isnan(values) & (values < np.inf)
    if gradients is None:
        return np.where(usable, values, np.nan), None
    gradient = np.asarray(gradients)[:count]
    inside = np.isfinite(values) & np.all(np.isfinite(gradient), axis=1)
    usable &= inside | (values == -np.inf)
    return np.where(usable, values, np.nan), np.where(inside[:, None], gradient, 0.0)


def _fill_archive(archive: Archive, samples: Samples) -> Archive:
    room = archive.log_target.shape[0] - archive.chunk_size
    count = len(samples.points)
    if room <= 0 or count == 0:
        return archive
    kept = np.arange(count)
    if count > room // 2:  # leave room for the run's own
        kept = np.unique(np.linspace(0, count - 1, room // 2).astype(int))
    return dataclasses.replace(
        archive,
        points=_put_first(archive.points, samples.points[kept]),
        log_target=_put_first(archive.log_target, samples.log_target[kept]),
        count=jnp.asarray(len(kept), jnp.int32),
    )


def _put_first(buffer: Array, rows: HostArray) -> Array:
    """Returns the buffer with its first rows overwritten, in its own dtype.

    The samples may be of a run in another precision, and numpy counts in int64.
    """
    return buffer.at[: len(rows)].set(rows.astype(buffer.dtype))


def _fill_window(
    window: ReuseWindow, batch: SampleBatch, samples: ReusableSamples, max_components: int
) -> tuple[ReuseWindow, SampleBatch]:
    room = batch.log_target.shape[0] - batch.chunk_size
    ends = np.cumsum(samples.row_counts)
    surplus = max(len(ends) - (window.max_gaussians - 2 * max_components), 0)
    lost_rows = int(ends[surplus - 1]) if surplus else 0
    lost_rows = max(lost_rows, int(ends[-1]) - room) if len(ends) else 0
    # Whole Gaussians: those of which a sample would be lost go with all of theirs.
    first = int(np.searchsorted(ends - samples.row_counts, lost_rows)) if lost_rows else 0
    row = int(ends[first - 1]) if first else 0
    points = samples.points[row:]
    count, live = len(points), len(ends) - first
    if count == 0:
        return window, batch
    values = samples.log_target[row:]
    usable, outside = ~np.isnan(values), values == -np.inf
    lowest = np.min(values, initial=np.inf, where=np.isfinite(values))
    floor = (lowest if np.isfinite(lowest) else 0.0) - OUTSIDE_DEPTH
    stacked = _gaussians(samples.means[first:], samples.factors[first:], window.gaussians)
    gradient = batch.target_gradient
    if gradient is not None:
        if samples.target_gradient is None:
            raise ValueError(
                "samples have no gradients, which this algorithm needs; pass them through "
                "reevaluate_samples of a run with gradients, or import samples without "
                "reusable ones."
            )
        gradient = _put_first(gradient, samples.target_gradient[row:])
    batch = dataclasses.replace(
        batch,
        points=_put_first(batch.points, points),
        log_target=_put_first(
            batch.log_target, np.where(outside, floor, np.where(usable, values, 0.0))
        ),
        outside=_put_first(batch.outside, outside),
        target_gradient=gradient,
        usable=_put_first(batch.usable, usable),
        num_samples=jnp.asarray(count, jnp.int32),
        num_usable=jnp.asarray(usable.sum(), jnp.int32),
    )
    num_usable_before = np.append(0, np.cumsum(usable))
    usable_counts = np.diff(num_usable_before[np.append(row, ends[first:]) - row])
    window = dataclasses.replace(
        window,
        gaussians=jax.tree.map(_put_first, window.gaussians, stacked),
        row_counts=_put_first(window.row_counts, samples.row_counts[first:]),
        usable_counts=_put_first(window.usable_counts, usable_counts),
        num_gaussians=jnp.asarray(live, jnp.int32),
        num_pending=jnp.zeros((), jnp.int32),
    )
    return add_all_densities(window, batch), batch


def _gaussians(means: np.ndarray, factors: np.ndarray, like: Gaussian) -> Gaussian:
    """Returns Gaussians in the form of ``like``: as Student-t they have infinite degrees."""
    roots = jnp.asarray(factors, like.factor.dtype)
    if roots.ndim == 2:
        inverse = 1.0 / roots
    else:
        identity = jnp.broadcast_to(jnp.eye(roots.shape[-1], dtype=roots.dtype), roots.shape)
        inverse = jax.scipy.linalg.solve_triangular(roots, identity, lower=True)
    degrees = None if like.degrees is None else jnp.full(len(roots), jnp.inf, roots.dtype)
    return Gaussian(jnp.asarray(means), roots, inverse, degrees)
