"""A check of the target's values and gradients at the start of a run, before it compiles."""

import warnings
from collections.abc import Set
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.densities.evaluation import evaluate_chunk
from gmmvi_jax.densities.faults import Fault, describe, name_coordinates
from gmmvi_jax.densities.on_host import on_host
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.evaluation.on_host import host_arrays
from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.host_roots import coloured
from gmmvi_jax.typing import LogDensity

NUM_DRAWS = 8  # draws of the initial mixture; few, since each is a target evaluation
_evaluate = jax.jit(evaluate_chunk, static_argnums=4)


class Look(NamedTuple):
    """Values and gradients of a target at a run's initial points."""

    points: np.ndarray  # [N, D], the first mean in front
    values: np.ndarray  # [N]
    gradients: np.ndarray | None  # [N, D]; None if the run needs none


def initial_points(config: Config, initial: GMM | None) -> np.ndarray:
    """Returns [1 + NUM_DRAWS, D] the first mean and draws of the initial mixture.

    They are drawn with numpy, to compile nothing, and are always the same.

    Args:
        config: provides the initial mixture.
        initial: a mixture that replaces it, if given.
    """
    generator = np.random.default_rng(0)
    if initial is None:
        start = config.algorithm.initial_mixture
        first, deviation = np.asarray(start.prior_mean), np.sqrt(start.initial_variance)
        spread = np.asarray(start.prior_scale) * (start.num_components > 1)
        noise = generator.normal(size=(2, NUM_DRAWS, start.dim))
        draws = first + spread * noise[0] + deviation * noise[1]
        return np.concatenate([first[None], draws]).astype(jnp.result_type(float))
    weights, means, roots = host_arrays(initial)
    origins = generator.choice(len(means), NUM_DRAWS, p=weights / np.sum(weights))
    noise = generator.normal(size=(NUM_DRAWS, means.shape[1]))
    draws = means[origins] + coloured(roots, origins, noise)
    return np.concatenate([means[:1], draws]).astype(initial.means.dtype)


def evaluate_points(log_target: LogDensity, points: np.ndarray, with_gradient: bool) -> Look:
    """Evaluates the target, and optionally its gradient, at a few points [N, D]."""
    count = jnp.asarray(len(points), jnp.int32)
    found = _evaluate(jax.random.key(0), log_target, jnp.asarray(points), count, with_gradient)
    values, gradients = on_host(found)
    return Look(points, values, gradients)


def nonfinite_coordinates(look: Look) -> list[int]:
    """Returns the coordinates in which a gradient is not finite although the value is."""
    if look.gradients is None:
        return []
    broken = ~np.isfinite(look.gradients) & np.isfinite(look.values)[:, None]
    return np.flatnonzero(broken.any(axis=0)).tolist()


def _broken_around(look: Look) -> list[int]:
    """Returns the coordinates whose gradient is not finite at the first mean and at draws.

    At the mean alone it is harmless: a norm has no gradient at 0, but no draw hits that point.
    """
    at_mean, at_draws = (
        jax.tree.map(lambda part, rows=rows: part[rows], look)
        for rows in (slice(1), slice(1, None))
    )
    broken = nonfinite_coordinates(at_mean)
    if not np.any(np.isfinite(at_draws.values)):
        return broken
    return sorted(set(broken) & set(nonfinite_coordinates(at_draws)))


def check_start(look: Look, primitives: Set[str], layout: PositionLayout | None) -> None:
    """Raises an error if a run cannot start; warns if no point is in the support.

    Args:
        look: values and gradients at the initial points.
        primitives: of the target, see ``check_target``.
        layout: of the position, if it is a pytree.

    Raises:
        ValueError: the value at the first mean is NaN or +inf; or the gradients at the mean and at
            draws are not finite although the values are; or all gradients are zero although the
            values differ.
    """
    first = look.values[0]
    where = f"at the initial point {np.array2string(look.points[0], threshold=8)}"
    elsewhere = " Or choose another prior_mean."
    if np.isnan(first):
        raise ValueError(describe(Fault.NAN_VALUE, where, primitives) + elsewhere)
    if first == np.inf:
        raise ValueError(describe(Fault.INFINITE_VALUE, where, primitives) + elsewhere)
    finite = np.isfinite(look.values)
    if look.gradients is not None:
        broken = _broken_around(look)
        if broken:
            names = name_coordinates(broken, layout)
            raise ValueError(describe(Fault.NONFINITE_GRADIENT, where, primitives, names))
        if len(np.unique(look.values[finite])) > 1 and not np.any(look.gradients[finite]):
            where = f"at all {finite.sum()} points of the initial mixture, where its values differ"
            raise ValueError(describe(Fault.ZERO_GRADIENT, where, primitives))
    if np.all(look.values == -np.inf):
        where = f"at the first mean and at {len(look.values) - 1} draws of the initial mixture"
        warnings.warn(describe(Fault.OUTSIDE, where, primitives), stacklevel=3)
