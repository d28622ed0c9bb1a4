"""Monitoring a run between its chunks: unusable samples and diverging mixtures."""

import warnings
from collections.abc import Set
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.densities.check import check_target
from gmmvi_jax.densities.faults import Fault, calls_host, describe, name_coordinates
from gmmvi_jax.densities.minibatch import MinibatchTarget
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.densities.pytree import PytreeTarget
from gmmvi_jax.evaluation.improper import search_improper
from gmmvi_jax.evaluation.rounding import (
    describe_rounding,
    highest_finite,
    spacing_at,
)
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.files import named_arrays
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.first_look import (
    check_start,
    evaluate_points,
    initial_points,
    nonfinite_coordinates,
)
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.watch_memory import WatchMemory, first_memory, mean_squares
from gmmvi_jax.typing import LogDensity

_SPREAD_FACTOR = 10.0  # growth after which it is examined again
_MOST_BROKEN_POINTS = 64  # points at which gradients are recomputed, to name their coordinates
_MOST_OUTSIDE = 0.99  # share of the last mixture's draws outside of the support without a warning


class Watch:
    """Checks ONE run after every chunk; warns once per fault, and decides whether the run ends.

    Attributes:
        num_evaluations: target evaluations outside of training.
        target_calls_host: whether the target runs Python code when it is evaluated.
    """

    def __init__(
        self,
        log_target: LogDensity,
        primitives: Set[str],
        layout: PositionLayout | None,
        memory: WatchMemory,
        num_evaluations: int = 0,
    ) -> None:
        """Creates a watch.

        Args:
            log_target: a callable pytree.
            primitives: of the target's jaxpr, see ``check_target``.
            layout: of the position, if it is a pytree.
            memory: of the initial mixture, or of an earlier process.
            num_evaluations: target evaluations outside of training so far.
        """
        self.num_evaluations = num_evaluations
        self.target_calls_host = calls_host(primitives)
        self._log_target = log_target
        self._primitives = primitives
        self._layout = layout
        self._centre, self._scale, self._largest_spread, self._largest_spacing, told = memory
        self._told = {Fault(name) for name in told}
        self._highest = float("nan")  # value at the last samples

    @property
    def memory(self) -> WatchMemory:
        """What goes to the disk with the run."""
        told = tuple(sorted(str(fault) for fault in self._told))
        largest = self._largest_spread, self._largest_spacing
        return WatchMemory(self._centre, self._scale, *largest, told)

    def another(
        self, log_target: LogDensity, memory: WatchMemory, num_evaluations: int = 0
    ) -> Self:
        """Returns a watch over another run.

        Args:
            log_target: the same, or the same with other data.
            memory: of its initial mixture, or of an earlier process.
            num_evaluations: target evaluations outside of training so far.
        """
        parts = (log_target, self._primitives, self._layout)
        return type(self)(*parts, memory, num_evaluations)

    def __call__(self, state: TrainState, gmm: GMM, row: dict[str, Any]) -> Ending | None:
        """Returns the ending if the run must end, else None.

        Args:
            state: of one run, after the chunk.
            gmm: its mixture.
            row: the chunk's row of the history.
        """
        ending = self._inspect_samples(state, row)
        if ending is None:
            self._highest = highest_finite(_values(state))
            ending = self._inspect_mixture(gmm, row)
        return ending

    def conclude(self, ending: Ending, row: dict[str, Any], num_draws: int) -> Ending:
        """Returns the final ending, after a check of the last values and of the last ELBO's draws.

        A mixture may lose the target's support, or never find it. This is checked at the end only,
        since the mixture may recover before.

        Args:
            ending: how the run ended so far.
            row: the last row of the history.
            num_draws: number of draws for its ELBO.
        """
        if not ending.status.is_regular:
            return ending
        rounding = describe_rounding(self._highest, jnp.result_type(float))
        if rounding is not None:
            warnings.warn(f"the log density is {rounding}.", stacklevel=4)
        if not num_draws:
            return ending
        draws = f"draws of the mixture after iteration {row['iteration']}"
        share = row["outside_share"]
        if share == 1.0:
            fault = Fault.OUTSIDE
        elif np.isnan(row["elbo"]):
            fault = max((Fault.NAN_VALUE, Fault.INFINITE_VALUE), key=lambda fault: row[fault])
        else:
            if share > _MOST_OUTSIDE:
                warnings.warn(
                    f"the log density is -inf at {share:.2%} of the {draws}, which has almost no "
                    f"mass in its support. Run more iterations, take more samples "
                    f"(desired_samples), or start inside of the support (prior_mean, prior_scale, "
                    f"initial=).",
                    stacklevel=4,
                )
            return ending
        text = describe(fault, f"at all {num_draws:,} {draws}", self._primitives)
        return Ending(Status.FAILED, text)

    def _inspect_samples(self, state: TrainState, row: dict[str, Any]) -> Ending | None:
        total, iteration = row["num_samples"], row["iteration"]
        found = {fault: row[fault] for fault in Fault if row[fault]}
        outside = found.pop(Fault.OUTSIDE, 0)
        flat = found.pop(Fault.ZERO_GRADIENT, 0)
        unusable = sum(found.values())
        if outside + unusable == total > 0:
            fault = max(Fault, key=lambda fault: row[fault])
            where = f"at all {total:,} samples up to iteration {iteration}"
            if outside and unusable:
                where = f"or unusable {where}"
            text = describe(fault, where, self._primitives, self._broken_coordinates(state, fault))
            kind = ValueError if fault is Fault.OUTSIDE else FloatingPointError
            return Ending(Status.FAILED, text, kind(text))
        if flat and flat + unusable == total and _values_differ(state):
            found[Fault.ZERO_GRADIENT] = flat
        for fault, count in found.items():
            if fault not in self._told:
                names = self._broken_coordinates(state, fault)
                where = f"at {count:,} of {total:,} samples (first seen by iteration {iteration})"
                warnings.warn(describe(fault, where, self._primitives, names), stacklevel=2)
                self._told.add(fault)
        return None

    def _broken_coordinates(self, state: TrainState, fault: Fault) -> str:
        """Returns the coordinates of non-finite gradients, from the last iteration's samples."""
        if fault is not Fault.NONFINITE_GRADIENT:
            return ""
        batch = state.database.batch
        live = np.arange(len(batch.usable)) < int(batch.num_samples)
        rows = np.flatnonzero(live & ~np.asarray(batch.usable))
        points = np.asarray(batch.points)[rows[:_MOST_BROKEN_POINTS]]
        if not len(points):
            return ""
        self.num_evaluations += len(points)
        broken = nonfinite_coordinates(evaluate_points(self._log_target, points, True))
        return name_coordinates(broken, self._layout) if broken else ""

    def _inspect_mixture(self, gmm: GMM, row: dict[str, Any]) -> Ending | None:
        # Infinite degrees are those of a Gaussian.
        parts = [part for name, part in named_arrays(gmm).items() if name != "degrees"]
        if not all(np.all(np.isfinite(part)) for part in parts):
            text = f"the mixture is not finite after iteration {row['iteration']}"
            return Ending(Status.DIVERGED, text)
        spread = np.sqrt(np.max(mean_squares(gmm, self._centre) / np.square(self._scale)))
        # A target without a bound may lift a mixture that stays narrow. Far below 0 it is not yet
        # where the target has its mass.
        spacing = spacing_at(max(self._highest, 0.0), jnp.result_type(float))
        is_wide = not spread <= self._largest_spread
        if not (is_wide or spacing > self._largest_spacing):
            return None
        self._largest_spread = max(self._largest_spread, _SPREAD_FACTOR * spread)
        self._largest_spacing = max(self._largest_spacing, _SPREAD_FACTOR * spacing)
        names = None if self._layout is None else self._layout.names
        improper, num_evaluations = search_improper(
            self._log_target, gmm, self._centre, temperature=row["temperature"], names=names
        )
        self.num_evaluations += num_evaluations
        if improper is None:
            return None
        what = f"the mixture is {spread:.2g} times as wide as at the start"
        if not is_wide:
            what = f"the values of the log density have risen to {self._highest:.2g}"
        return Ending(Status.DIVERGED, f"{what}: {improper.text}")


def _values_differ(state: TrainState) -> bool:
    """Returns whether the target has several values at the samples of the last iteration."""
    return len(np.unique(_values(state))) > 1


def _values(state: TrainState) -> np.ndarray:
    """Returns the target's values at the usable samples of the last iteration."""
    batch = state.database.batch
    live = np.arange(len(batch.usable)) < int(batch.num_samples)
    return np.asarray(batch.log_target)[live & np.asarray(batch.usable)]


def start_watch(
    config: Config, log_target: LogDensity, initial: GMM | None, layout: PositionLayout | None
) -> Watch:
    """Checks a target before anything long is compiled; returns a watch over its run.

    Args:
        config: of the run.
        log_target: a callable pytree.
        initial: an initial mixture that replaces the config's, if given.
        layout: of the position, if it is a pytree.

    Raises:
        TypeError, ValueError: see ``check_target`` and ``check_start``.
    """
    points = initial_points(config, initial)
    estimator = config.algorithm.natural_gradient
    primitives = check_target(log_target, config.dim, points.dtype, estimator)
    look = evaluate_points(log_target, points, estimator.uses_target_gradient)
    check_start(look, primitives, layout)
    num_evaluations = len(points) + _check_minibatches(log_target, points[0])
    return Watch(log_target, primitives, layout, first_memory(config, initial), num_evaluations)


def resume_watch(
    config: Config,
    log_target: LogDensity,
    layout: PositionLayout | None,
    memory: WatchMemory,
    num_evaluations: int,
) -> Watch:
    """Returns a watch that goes on; the target is traced, not evaluated.

    Args:
        config: of the run.
        log_target: a callable pytree.
        layout: of the position, if it is a pytree.
        memory: of the watch before.
        num_evaluations: of the watch before.

    Raises:
        TypeError, ValueError: see ``check_target``.
    """
    estimator = config.algorithm.natural_gradient
    primitives = check_target(log_target, config.dim, jnp.result_type(float), estimator)
    return Watch(log_target, primitives, layout, memory, num_evaluations)


def _check_minibatches(log_target: LogDensity, point: np.ndarray) -> int:
    """Checks a target that uses minibatches; returns the number of evaluations."""
    if isinstance(log_target, PytreeTarget):
        density, position = log_target.log_density, log_target.layout.unravel(point)
    else:
        density, position = log_target, point
    return density.check_sum(position) if isinstance(density, MinibatchTarget) else 0
