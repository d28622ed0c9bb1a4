"""Directions along which the target is improper or unbounded.

Rule: on a line x + t s v, with s the mixture's standard deviation along v, the mass in a decade of
t is about t p~(t), which decreases for a proper density. If log p~ + log t at 1,000 to 10,000
standard deviations is not lower than log p~ within one standard deviation, on the lines through two
points, the target is considered improper or unbounded along v. Tails as heavy as those of a Cauchy
distribution fall by seven nats on the way. The rule may fail for tails p~ ~ t^-a with a below 1.2,
and for a mixture that is a thousand times narrower than the target.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.evaluation.directions import line_directions, null_direction
from gmmvi_jax.evaluation.evaluations import densities_at
from gmmvi_jax.evaluation.on_host import host_draws
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.numerics.keys import host_generator, subkeys, typed_key
from gmmvi_jax.requirements import require_host_array
from gmmvi_jax.typing import LogDensity, PRNGKey

_NEAR = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
_FAR = np.logspace(3.0, 4.0, 20).reshape(10, 2).T  # different on the two sides, against symmetries
# Quantile of the far values. An oscillating density is judged by its higher half; a missed mode
# affects only one or two of these distances.
_QUANTILE = 0.75
_MIN_FALL = 1.0  # nats
_MIN_USABLE = 5  # far values per side; with fewer, the side is ignored
_NAMED_SHARE = 0.3  # coordinates are named if their entry is this large relative to the largest
_MAX_NAMED = 4


class Improper(NamedTuple):
    """A direction along which the target is improper or unbounded."""

    direction: np.ndarray  # [D] of length 1
    text: str
    num_evaluations: int  # target evaluations of the search


def improper_direction(
    log_target: LogDensity,
    gmm: GMM,
    centre: ArrayLike,
    *,
    temperature: float = 1.0,
    names: Sequence[str] | None = None,
    rng_key: PRNGKey | int | None = None,
) -> Improper | None:
    """Returns a direction along which the target is improper or unbounded, if one is found.

    Searches the directions in which the mixture is widest and, if there are gradients, those in
    which the target's gradient vanishes. The rule is in the docstring of this file.

    Args:
        log_target: unnormalised log density of one point [D].
        gmm: the current mixture, which may have diverged.
        centre: [D] mean of the run's prior.
        temperature: beta of the fit; p^(1/beta) must be proper.
        names: [D] of the coordinates; by default ``x[0]`` and so on.
        rng_key: for the draws that the lines go through.
    """
    found, _ = search_improper(
        log_target, gmm, centre, temperature=temperature, names=names, rng_key=rng_key
    )
    return found


def search_improper(
    log_target: LogDensity,
    gmm: GMM,
    centre: ArrayLike,
    *,
    temperature: float = 1.0,
    names: Sequence[str] | None = None,
    rng_key: PRNGKey | int | None = None,
) -> tuple[Improper | None, int]:
    """Returns the result of ``improper_direction`` and the number of target evaluations."""
    require_gmm("gmm", gmm)
    centre = require_host_array("centre", centre).astype(float)
    if centre.shape not in ((), (gmm.dim,)):
        raise ValueError(f"centre must have shape ({gmm.dim},), got {centre.shape}.")
    target = as_log_density(log_target)
    key = typed_key(0 if rng_key is None else rng_key)
    key_starts, key_values, key_null = subkeys(key, 3)
    middle = np.broadcast_to(centre, (gmm.dim,))
    directions, starts = line_directions(gmm, middle), _starts(gmm, middle, key_starts)
    spent = 0

    def rises(steps: np.ndarray, start: np.ndarray) -> np.ndarray | None:
        nonlocal spent
        points = start + steps[:, None, :] * _distances()[:, None]
        points = points.reshape(-1, gmm.dim)
        spent += len(points)
        values = densities_at(gmm, target, points, key_values, temperature).target
        return _rises(values.reshape(len(steps), -1))

    def search(steps: np.ndarray) -> Improper | None:
        """Tests all directions through one start, and those that rise through another."""
        num_agreeing = 0
        for start in starts:
            if not len(steps):
                return None
            rising = rises(steps, start)
            if rising is None:  # the density is zero around this start
                continue
            steps, num_agreeing = steps[rising], num_agreeing + 1
            if num_agreeing == 2 and len(steps):
                unit = steps[0] / np.linalg.norm(steps[0])
                return Improper(unit, _text(unit, names), spent)
        return None

    found = search(directions)
    if found is None:
        null, num_gradients = null_direction(gmm, target, key_null)
        spent += num_gradients
        found = search(null)
    return found, spent


def _distances() -> np.ndarray:
    return np.concatenate([_NEAR, _FAR[0], -_FAR[1]])


def _rises(values: np.ndarray) -> np.ndarray | None:
    """Returns [M] whether the mass on each line is unbounded; None if the start has none."""
    near, *sides = np.split(values, [len(_NEAR), len(_NEAR) + _FAR.shape[1]], axis=1)
    if not np.any(np.isfinite(near)):
        return None
    near = np.max(np.where(np.isnan(near), -np.inf, near), axis=1)
    rising = np.zeros(len(values), bool)
    for distances, side in zip(_FAR, sides, strict=True):
        for row, line in enumerate(side):
            usable = ~np.isnan(line)
            if usable.sum() >= _MIN_USABLE and np.isfinite(near[row]):
                masses = np.sort(line[usable] + np.log(distances[usable]))
                far = masses[int(_QUANTILE * len(masses))]
                rising[row] |= bool(far > near[row] - _MIN_FALL)
    return rising


def _starts(gmm: GMM, centre: np.ndarray, key: PRNGKey) -> list[np.ndarray]:
    """Returns points [D] that lines go through, the most reliable first.

    A proper density need not decrease on an axis of symmetry, on which a mean may lie.
    """
    key_draw, key_centre = subkeys(key, 2)
    heaviest = np.asarray(gmm.means, float)[int(np.argmax(np.asarray(gmm.log_weights)))]
    draw = host_draws(gmm, key_draw, 1)[0]
    noise = host_generator(key_centre).normal(size=centre.shape)
    starts = [heaviest, draw, centre + noise, centre]
    return [start for start in starts if np.all(np.isfinite(start))]


def _text(direction: np.ndarray, names: Sequence[str] | None) -> str:
    sizes = np.abs(direction)
    order = np.argsort(-sizes, kind="stable")
    large = [int(index) for index in order if sizes[index] >= _NAMED_SHARE * sizes[order[0]]]
    labels = [f"x[{index}]" if names is None else names[index] for index in large]
    if len(large) == 1:
        where = labels[0]
    else:
        terms = [f"{direction[i]:.2g} {label}" for i, label in zip(large, labels, strict=True)]
        rest = " + ..." if len(terms) > _MAX_NAMED else ""
        where = " + ".join(terms[:_MAX_NAMED]).replace("+ -", "- ") + rest
    return (
        f"the target is improper or unbounded along {where}: its density does not fall as 1 / "
        f"distance within 10,000 standard deviations of the mixture; give that direction a prior, "
        f"or bounds"
    )
