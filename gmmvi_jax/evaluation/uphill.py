"""Mass uphill of the draws, where log p - log q rises away from the mixture.

A narrow part of the target next to the mixture, such as the neck of a funnel, contains no draw and
no candidate, but the ratio rises towards it. We climb the ratio from the draws where it is highest.
Points of the climb at which it is above all draws become centres of Gaussians with the target's
curvature, and draws from these estimate the mass above all draws.

Measured, as a share of the target's mass: at most 0.002 for good fits (breast_cancer, gmm20, stm20,
four small posteriors, a Student's t in 10-D) and 0.03 for densities with an edge; 0.06 to 0.1 for
the posterior of eight schools, whose fit lacks 0.09.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import (
    full_density,
    has_gradient,
    is_stochastic,
    value_and_gradient,
)
from gmmvi_jax.evaluation.evaluations import densities_at
from gmmvi_jax.evaluation.on_host import host_covariance, host_draws
from gmmvi_jax.evaluation.rounding import least_excess
from gmmvi_jax.evaluation.trimming import trimmed
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.numerics.keys import host_generator, subkeys, typed_key
from gmmvi_jax.requirements import require_host_array, require_rows, require_temperature
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

UPHILL_LIMITS = (0.005, 0.05)  # shares that are a concern, and a serious one
MAX_DIM = 100  # the curvature takes a gradient per dimension and centre
_NUM_DRAWS = 500  # of the mixture, where no starts are given
_NUM_CLIMBS = 8
_NUM_STEPS = 40
_FIRST_STEP = 0.3  # in the mixture's whitened coordinates; grows while the ratio increases
_NUM_CENTRES = 40
_FIRST_DRAWS = 10  # around each centre, to select the centres with the most mass
_NUM_BEST, _DRAWS_PER_BEST = 20, 40
_LEAST_CURVATURE = 4.0  # whitened: a Gaussian is at most half as wide as the mixture
_MOST_CURVATURE = 1e8
_DIFFERENCE = 1e-3  # of gradients, in whitened coordinates


class Uphill(NamedTuple):
    """Mass of the target with a ratio clearly above all draws, found by climbing the ratio."""

    point: np.ndarray | None  # [D] in the middle of it; None if nothing is above all draws
    excess: float  # nats above the draws' highest ratio, at ``point``
    share: float  # of the target's mass, above all draws and near the climbs
    num_evaluations: int
    draws: np.ndarray  # [N, D] around it
    log_weights: np.ndarray  # [N] what they weigh; -inf where the ratio is not above all draws


def can_look_uphill(log_target: LogDensity, dim: int) -> bool:
    """Returns whether ``mass_uphill`` has the gradients it needs, without noise, in few dimensions.

    Args:
        log_target: a callable pytree.
        dim: D.
    """
    is_noisy = is_stochastic(full_density(log_target))
    return dim <= MAX_DIM and has_gradient(log_target) and not is_noisy


def most_evaluations(dim: int) -> int:
    """Returns how many evaluations ``mass_uphill`` takes from given starts, if it finds a rise."""
    climbs = _NUM_CLIMBS * (1 + _NUM_STEPS)
    return climbs + _NUM_CENTRES * (1 + dim + _FIRST_DRAWS) + _NUM_BEST * _DRAWS_PER_BEST


def mass_uphill(
    gmm: GMM,
    log_target: LogDensity,
    own_ratios: ArrayLike,
    rng_key: PRNGKey | int,
    *,
    starts: ArrayLike | None = None,
    temperature: float = 1.0,
) -> Uphill:
    """Returns the mass uphill of the draws; the estimate is rather too low than too high.

    It is empty for targets without gradients or with noise, and in more than 100 dimensions.

    Args:
        gmm: the mixture q.
        log_target: unnormalised log density of one point [D].
        own_ratios: [N] at draws of the mixture, from ``log_ratios`` at the same temperature.
        rng_key: a PRNG key, or an integer, its seed.
        starts: [M, D] where to climb from, at best the draws with the highest ratios; by default
            the highest of some more draws.
        temperature: beta of the fit.
    """
    require_gmm("gmm", gmm)
    temperature = require_temperature(temperature)
    target = as_log_density(log_target)
    nothing = Uphill(None, 0.0, 0.0, 0, np.zeros((0, gmm.dim)), np.zeros(0))
    if not can_look_uphill(target, gmm.dim):
        return nothing
    ratios, root = require_host_array("own_ratios", own_ratios).astype(float), _root(gmm)
    highest = np.max(ratios, initial=-np.inf, where=np.isfinite(ratios))
    if root is None or not np.isfinite(highest):
        return nothing
    keys = subkeys(typed_key(rng_key), 5)
    generator = host_generator(keys[4])
    scale = jnp.asarray(root, gmm.means.dtype)
    spent = 0
    if starts is None:
        starts, spent = _highest_draws(gmm, target, keys[:2], temperature), _NUM_DRAWS
    starts = jnp.asarray(require_rows("starts", starts, gmm.dim), gmm.means.dtype)
    found = _climb(gmm, target, starts, scale, temperature)
    points, heights = (np.asarray(array, float) for array in found)
    points, heights = points.reshape(-1, gmm.dim), heights.reshape(-1)
    spent += len(starts) * (1 + _NUM_STEPS)
    least = least_excess(float(highest), gmm.means.dtype)
    above = np.flatnonzero(heights > highest + least)
    if not len(above):
        return nothing._replace(num_evaluations=spent)
    centres = points[np.resize(np.random.default_rng(0).permutation(above), _NUM_CENTRES)]
    curvatures = _curvatures(target, jnp.asarray(centres, scale.dtype), scale, temperature)
    factors = np.array([root @ _width(curvature) for curvature in np.asarray(curvatures, float)])

    def draw_around(rows: np.ndarray, count: int, key: PRNGKey) -> tuple[np.ndarray, ...]:
        """Returns draws from the Gaussians of these rows, excesses, and log weights."""
        offsets = generator.normal(size=(len(rows), count, gmm.dim)) @ factors[rows].swapaxes(1, 2)
        around = (centres[rows][:, None] + offsets).reshape(-1, gmm.dim)
        values = densities_at(gmm, target, around, key, temperature)
        excesses = values.target - values.mixture - highest
        log_weights = values.target - _log_density(around, centres[rows], factors[rows])
        # Excludes points where the target is NaN.
        return around, excesses, np.where(excesses > least, log_weights, -np.inf)

    *_, log_weights = draw_around(np.arange(_NUM_CENTRES), _FIRST_DRAWS, keys[2])
    by_centre = np.logaddexp.reduce(log_weights.reshape(_NUM_CENTRES, -1), axis=1)
    best = np.argsort(-by_centre, kind="stable")[:_NUM_BEST]
    around, excesses, log_weights = draw_around(best, _DRAWS_PER_BEST, keys[3])
    heaviest = int(np.argmax(log_weights))
    log_weights = trimmed(log_weights)
    share = _share(log_weights, ratios)
    spent += _NUM_CENTRES * (1 + gmm.dim + _FIRST_DRAWS) + len(around)
    if share == 0.0:
        return nothing._replace(num_evaluations=spent)
    excess = float(excesses[heaviest])
    return Uphill(around[heaviest], excess, share, spent, around, log_weights)


def _root(gmm: GMM) -> np.ndarray | None:
    """Returns [D, D] a root of the mixture's covariance; None if the mixture has diverged."""
    try:
        root = np.linalg.cholesky(host_covariance(gmm))
    except np.linalg.LinAlgError:
        return None
    return root if np.all(np.isfinite(root)) else None


def _highest_draws(
    gmm: GMM, target: LogDensity, keys: list[PRNGKey], temperature: float
) -> np.ndarray:
    """Returns [M, D] draws at which the ratio is highest."""
    draws = host_draws(gmm, keys[0], _NUM_DRAWS)
    at_draws = densities_at(gmm, target, draws, keys[1], temperature)
    order = np.argsort(-np.nan_to_num(at_draws.target - at_draws.mixture, nan=-np.inf))
    return draws[order[:_NUM_CLIMBS]]


def _share(log_weights: np.ndarray, ratios: np.ndarray) -> float:
    """Returns the mass uphill as a share of all mass, the draws' included.

    Args:
        log_weights: [N] of draws uphill.
        ratios: [M] log p~ - log q at draws of the mixture.
    """
    log_mass = np.logaddexp.reduce(log_weights) - np.log(len(log_weights))
    log_seen = np.logaddexp.reduce(ratios[np.isfinite(ratios)]) - np.log(len(ratios))
    return float(np.exp(log_mass - np.logaddexp(log_mass, log_seen)))


@jax.jit
def _climb(
    gmm: GMM, log_target: LogDensity, starts: Array, root: Array, temperature: Array | float
) -> tuple[Array, Array]:
    """Returns the points [M, S, D] of climbs of the ratio, and its values [M, S]."""
    evaluate = value_and_gradient(full_density(log_target))

    def ratio(point: Array) -> tuple[Array, Array]:
        value, gradient = evaluate(point)
        log_q, slope = jax.value_and_grad(gmm.log_prob)(point)
        value, gradient = value / temperature - log_q, root.T @ (gradient / temperature - slope)
        usable = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        return jnp.where(usable, value, -jnp.inf), jnp.where(usable, gradient, 0.0)

    def advance(carry: tuple, _: None) -> tuple[tuple, tuple[Array, Array]]:
        point, value, gradient, length = carry
        size = jnp.maximum(jnp.linalg.norm(gradient), jnp.finfo(gradient.dtype).tiny)
        proposal = point + length * (root @ (gradient / size))
        new = (proposal, *ratio(proposal))
        better = new[1] > value
        old = (point, value, gradient)
        point, value, gradient = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old)
        return (point, value, gradient, length * jnp.where(better, 1.25, 0.4)), (point, value)

    def climb(start: Array) -> tuple[Array, Array]:
        first = (start, *ratio(start), jnp.asarray(_FIRST_STEP, start.dtype))
        return jax.lax.scan(advance, first, length=_NUM_STEPS)[1]

    return jax.vmap(climb)(starts)


@jax.jit
def _curvatures(
    log_target: LogDensity, centres: Array, root: Array, temperature: Array | float
) -> Array:
    """Returns [M, D, D] the negative Hessians of log p in whitened coordinates, by differences."""
    evaluate = value_and_gradient(full_density(log_target))
    offsets = jnp.concatenate([jnp.zeros_like(root[:1]), _DIFFERENCE * root.T])
    points = centres[:, None] + offsets
    gradients = jax.vmap(evaluate)(points.reshape(-1, root.shape[0]))[1].reshape(points.shape)
    differences = (gradients[:, 1:] - gradients[:, :1]) @ root
    return -differences / (_DIFFERENCE * temperature)


def _width(curvature: np.ndarray) -> np.ndarray:
    """Returns [D, D] a factor of the covariance of a given curvature."""
    finite = np.nan_to_num(curvature, nan=0.0, posinf=0.0, neginf=0.0)
    sizes, axes = np.linalg.eigh(0.5 * (finite + finite.T))
    return axes / np.sqrt(np.clip(sizes, _LEAST_CURVATURE, _MOST_CURVATURE))


def _log_density(points: np.ndarray, centres: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns [N] log densities of the equally weighted mixture of M Gaussians."""
    dim = points.shape[1]
    terms = [
        -0.5 * np.sum(np.square(np.linalg.solve(factor, (points - centre).T)), axis=0)
        - np.linalg.slogdet(factor)[1]
        for centre, factor in zip(centres, factors, strict=True)
    ]
    log_sum = np.logaddexp.reduce(terms, axis=0) - np.log(len(centres))
    return log_sum - 0.5 * dim * np.log(2.0 * np.pi)
