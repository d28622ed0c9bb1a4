"""Points at which the target has mass that the mixture's draws miss."""

from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.evaluation.evaluations import densities_at
from gmmvi_jax.evaluation.rounding import least_excess
from gmmvi_jax.evaluation.trimming import trimmed
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.numerics.host_roots import host_roots
from gmmvi_jax.numerics.keys import host_generator, subkeys, typed_key
from gmmvi_jax.requirements import (
    require_host_array,
    require_int,
    require_rows,
    require_temperature,
)
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import LogDensity, PRNGKey

# Shares of the target's mass around a point that are a concern, and a serious one. Measured on good
# fits: 0 for most (breast_cancer at 200 to 450 iterations, gmm20, a Gaussian in 30-D), 0.0001 for a
# Student's t in 2-D, 0.003 for planar_robot_4, where the ratio at the means is up to 39 nats above
# the draws, so that a limit on the ratio would not work. A spike in 10-D with nine tenths of the
# mass, which no draw hits, has 0.9; a tiny ring with half of the mass 0.2 to 0.8.
OVERLOOKED_LIMITS = (0.01, 0.05)
NUM_CANDIDATES = 20  # of the archive
_MAX_POINTS = 5  # whose surroundings are sampled
_MIN_DISTANCE = 0.5  # between candidates, in standard deviations of a component per root dimension
_NUM_READ = 1000  # highest points of the archive, from which candidates are taken
# Samples around a point are drawn at all of these widths, relative to the nearest component.
_WIDTHS = np.logspace(0.0, -3.0, 20)
_DRAWS_PER_WIDTH = 25


class OverlookedPoints(NamedTuple):
    """Points with log p~ - log q clearly above all draws, by the target's mass around them."""

    points: np.ndarray  # [M, D]
    excesses: np.ndarray  # [M] nats above the draws' highest ratio
    shares: np.ndarray  # [M] of the target's mass, around the point and above all draws
    components: np.ndarray  # [M] int the component that has this mean, -1 for other candidates
    num_evaluations: int


def overlooked_points(
    gmm: GMM,
    log_target: LogDensity,
    own_ratios: ArrayLike,
    rng_key: PRNGKey | int,
    *,
    candidates: ArrayLike | None = None,
    temperature: float = 1.0,
) -> OverlookedPoints:
    """Returns points around which the target has more mass than the mixture's draws show.

    Checks the components' means, near which draws in many dimensions never lie, and ``candidates``.
    A higher ratio alone is not a fault, since every peak is a little sharper than its fit. The
    criterion is the target's mass where the ratio is higher than at all draws. It is estimated by
    draws around the point, with widths from that of the nearest component down to a thousandth of
    it. The points are good means for new components.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D].
        own_ratios: [N] at draws of the mixture, from ``log_ratios`` at the same temperature.
        rng_key: a PRNG key, or an integer, its seed.
        candidates: [M, D] more points, see ``archive_candidates``.
        temperature: beta of the fit.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    key_points, key_noise, key_around = subkeys(typed_key(rng_key), 3)
    generator = host_generator(key_noise)
    means = np.asarray(gmm.means, float)
    rest = np.zeros((0, gmm.dim))
    if candidates is not None:
        rest = require_rows("candidates", candidates, gmm.dim)
    points = np.concatenate([means, rest])
    components = np.concatenate([np.arange(len(means)), np.full(len(rest), -1)])
    ratios = require_host_array("own_ratios", own_ratios).astype(float)
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):  # nothing to compare with
        return OverlookedPoints(points[:0], np.zeros(0), np.zeros(0), components[:0], 0)
    at_points = densities_at(gmm, log_target, points, key_points, temperature)
    excesses = at_points.target - at_points.mixture - ratios.max()
    excesses = np.where(np.isfinite(excesses), excesses, -np.inf)
    log_mean = np.logaddexp.reduce(ratios) - np.log(np.size(own_ratios))
    # If many points are above the draws, take the densest.
    is_above = excesses > least_excess(ratios.max(), gmm.means.dtype)
    order = np.argsort(-np.where(is_above, at_points.target, -np.inf), kind="stable")
    order = order[is_above[order]][:_MAX_POINTS]
    shares, spent = [], len(points)
    for number, index in enumerate(order):
        key = jax.random.fold_in(key_around, number)
        log_mass, count = _mass_around(
            gmm, log_target, points[index], ratios.max(), generator, key, temperature
        )
        spent += count
        shares.append(np.exp(log_mass - np.logaddexp(log_mass, log_mean)))
    by_share = np.argsort(-np.array(shares), kind="stable")
    order = order[by_share]
    return OverlookedPoints(
        points[order], excesses[order], np.array(shares)[by_share], components[order], spent
    )


def _mass_around(
    gmm: GMM,
    log_target: LogDensity,
    point: np.ndarray,
    highest: float,
    generator: np.random.Generator,
    key: PRNGKey,
    temperature: float,
) -> tuple[float, int]:
    """Returns the log of the target's integral where log p~ - log q > ``highest``, near a point.

    By importance sampling from a mixture of Gaussians of several widths around the point. The
    estimate misses the mass that these do not reach.
    """
    roots, nearest = host_roots(gmm.factors), _nearest(gmm, point)
    shape = (len(_WIDTHS), _DRAWS_PER_WIDTH, gmm.dim)
    noise = generator.normal(size=shape) * _WIDTHS[:, None, None]
    noise = noise.reshape(-1, gmm.dim)
    squares = np.sum(np.square(noise), axis=1)
    terms = -0.5 * squares[:, None] / np.square(_WIDTHS) - gmm.dim * np.log(_WIDTHS)
    log_det, offsets = roots.log_determinants()[nearest], roots.colour(nearest, noise)
    log_proposal = np.logaddexp.reduce(terms, axis=1) - np.log(len(_WIDTHS)) - log_det
    log_proposal -= 0.5 * gmm.dim * np.log(2.0 * np.pi)
    found = densities_at(gmm, log_target, point + offsets, key, temperature)
    is_above = found.target - found.mixture > highest  # not where the target is NaN
    log_weights = np.where(is_above, found.target - log_proposal, -np.inf)
    return float(np.logaddexp.reduce(trimmed(log_weights)) - np.log(len(noise))), len(noise)


_responsibilities = jax.jit(GMM.responsibilities)


def _nearest(gmm: GMM, point: np.ndarray) -> int:
    """Returns the most responsible component for a point."""
    return int(np.argmax(np.asarray(_responsibilities(gmm, np.asarray(point, gmm.means.dtype)))))


def archive_candidates(archive: Archive, gmm: GMM, count: int = NUM_CANDIDATES) -> np.ndarray:
    """Returns [M, D] up to ``count`` points of the archive with the highest log p~.

    Among points within half a standard deviation (of the nearest component, per root dimension)
    only the highest is taken. There is no target evaluation.

    Args:
        archive: of a run, ``state.database.archive``.
        gmm: the mixture, which defines the distances.
        count: maximum number of points.
    """
    if not isinstance(archive, Archive):
        raise TypeError(f"archive must be state.database.archive, got {type(archive).__name__}.")
    require_gmm("gmm", gmm)
    require_int("count", count, least=0)
    num_live = int(archive.count)
    values = np.asarray(archive.log_target)[:num_live]
    order = np.argsort(-values, kind="stable")[:_NUM_READ]
    order = order[np.isfinite(values[order])]
    points = np.asarray(np.asarray(archive.points)[order], float)
    radius = _MIN_DISTANCE * np.sqrt(gmm.dim)
    roots = host_roots(gmm.factors)
    chosen: list[np.ndarray] = []
    while len(points) and len(chosen) < count:
        chosen.append(points[0])
        whitened = roots.whiten(_nearest(gmm, points[0]), points - points[0])
        points = points[np.linalg.norm(whitened, axis=1) > radius]
    return np.array(chosen).reshape(-1, gmm.dim)
