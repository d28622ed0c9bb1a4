"""Climbs from many places, until no new summits are found, and what a fit starts from."""

import time
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.multistart.climb import Summit, climb
from gmmvi_jax.multistart.counted import CountedDensity, counted_density
from gmmvi_jax.multistart.laplace import Laplace, gaussian_elbo
from gmmvi_jax.typing import LogDensity

_FEWEST_CLIMBS = 20  # if all end in one basin
_CLIMBS_PER_BASIN = 20  # one that a climb reaches five times as rarely as others is missed by 2 %
_MOST_CLIMBS = 500
_CHEAP = 0.25  # of a climb: what one counts that ended with its first evaluation
_LIGHTEST = 8.0  # nats below the heaviest summit that a start may lack
_WORSE = 3.0  # nats below the prior's ELBO where a start is not used; a few draws are no surer
_NEAR = 0.5  # nats: below a summit, off what its Gaussian says, and deep that make a valley
_EXACT = 2e-3  # relative error of a Gaussian's depth below its summit: that of the curvature
_SPREAD = 2.0  # standard deviations of what was found that a new scale has
_MISS = 3.0  # of scale or mean, in units of the scale, from which the search is repeated
_MOST_ROUNDS = 5


class Start(NamedTuple):
    """What a fit starts from.

    Attributes:
        gmm: Gaussians at the summits, weighed by their ELBO; None if there is none, or if the
            prior has a much higher ELBO. If no climb reached its summit the heaviest of each basin,
            and the prior as it was given.
        prior_mean: [D] as given; where it may be rescaled, the centre of what was found.
        prior_scale: [D] as given; or twice the standard deviations of what was found.
        num_climbs: climbs to local maxima.
        num_basins: that they ended in, with weight; those with a valley of the density between.
        num_evaluations: of the target; one with its gradient counts as one.
        thinnest: the least of the log densities at summits that have a Gaussian, and of those that
            their masses would have if each were as wide as the prior that was given.
    """

    gmm: GMM | None
    prior_mean: np.ndarray
    prior_scale: np.ndarray
    num_climbs: int
    num_basins: int
    num_evaluations: int
    thinnest: float = np.inf


def search_start(
    log_target: LogDensity,
    prior_mean: np.ndarray,
    prior_scale: np.ndarray,
    seed: int,
    *,
    may_rescale: bool,
    max_evaluations: int,
    max_components: int,
    diagonal: bool = False,
    deadline: float | None = None,
) -> Start:
    """Climbs from the prior's mean and from draws of it, and puts a Gaussian on every summit.

    Args:
        log_target: a callable pytree of one point [D], not stochastic.
        prior_mean: [D].
        prior_scale: [D] standard deviations.
        seed: of the draws.
        may_rescale: whether mean and scale are guesses, and follow what is found.
        max_evaluations: after which no further climb begins.
        max_components: most Gaussians, the heaviest.
        diagonal: whether they have diagonal covariances.
        deadline: by ``time.perf_counter``, after which no further climb begins.
    """
    generator = np.random.default_rng(seed)
    mean, scale = np.asarray(prior_mean, float), np.asarray(prior_scale, float)
    prior = (mean, scale)
    num_climbs, num_basins, spent = 0, 0, 0
    found: list[Laplace] = []
    for _ in range(_MOST_ROUNDS if may_rescale else 1):
        density = counted_density(log_target, mean, scale)
        climbs = _summits(density, generator, max_evaluations - spent, deadline)
        num_climbs += climbs.count
        num_basins = climbs.num_basins()
        found = climbs.heavy()
        if found and not _hold_mass(found, density, generator):
            found = []
        spent += density.num_evaluations
        if not found or not may_rescale:
            break
        centre, spread = climbs.extent()
        prior = (mean + scale * centre, scale * _SPREAD * spread)
        miss = max(np.max(spread), 1.0 / np.min(spread), np.max(np.abs(centre)))
        if miss < _MISS or spent >= max_evaluations:
            break
        mean, scale = prior
    if not found:
        return Start(None, *prior, num_climbs, num_basins, spent)
    # Else the climbs ended on their way: where the density has no highest point, or far from it.
    has_prior = max_components > 1 and not any(one.is_at_summit for one in found)
    heaviest = sorted(found, key=lambda one: -one.elbo)[: max_components - has_prior]
    means = mean + scale * np.array([one.mean for one in heaviest])
    factors = scale[:, None] * np.array([one.factor for one in heaviest])
    log_weights = _log_weights(heaviest, _doubt(heaviest))
    first = np.asarray(prior_scale, float)
    if has_prior:
        share = 1.0 / (len(means) + 1)
        log_weights = np.append(log_weights + np.log1p(-share), np.log(share))
        means = np.concatenate([means, np.asarray(prior_mean, float)[None]])
        factors = np.concatenate([factors, np.diag(first)[None]])
    if diagonal:
        factors = np.sqrt(np.sum(np.square(factors), axis=2))
    arrays = (jnp.asarray(array, jnp.result_type(float)) for array in (log_weights, means, factors))
    widths = float(np.sum(np.log(scale / first)))  # that Gaussians have in units of the first prior
    thinnest = min(one.summit.value + min(0.0, one.log_width + widths) for one in heaviest)
    return Start(GMM(*arrays), *prior, num_climbs, num_basins, spent, thinnest)


class _Climbs:
    """The Gaussians at the summits that were climbed so far, and the basins that they are in."""

    def __init__(self, density: CountedDensity, generator: np.random.Generator) -> None:
        self.density, self.generator = density, generator
        self.found: list[Laplace] = []
        self.basins: list[int] = []
        self.count = 0
        self.effort = 0.0

    def heavy(self) -> list[Laplace]:
        """Returns those whose weight counts; of a basin where none is at its summit, one."""
        by_basin: dict[int, list[Laplace]] = {}
        for row in self._heavy_rows():
            by_basin.setdefault(self.basins[row], []).append(self.found[row])
        kept = []
        for inside in by_basin.values():
            has_summit = any(one.is_at_summit for one in inside)
            kept += inside if has_summit else [max(inside, key=lambda one: one.elbo)]
        return kept

    def num_basins(self) -> int:
        """Returns how many basins the heavy ones are in."""
        return len({self.basins[index] for index in self._heavy_rows()})

    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns [D] the mean and [D] the standard deviations of the heavy Gaussians together.

        Every basin counts alike: what its Gaussians say of its mass may be wrong by many nats, as
        on a curved ridge, and a prior that leaves it out does not find it again.
        """
        rows = self._heavy_rows()
        own = [self.found[row] for row in rows]
        basins = np.array([self.basins[row] for row in rows])
        weights = np.zeros(len(own))
        for basin in np.unique(basins):  # the weights of a whole basin may underflow beside another
            inside = np.flatnonzero(basins == basin)
            weights[inside] = np.exp(_log_weights([own[row] for row in inside], _doubt(own)))
        weights /= np.sum(weights)
        means = np.array([one.mean for one in own])
        centre = weights @ means
        variances = np.array([np.sum(np.square(one.factor), axis=1) for one in own])
        return centre, np.sqrt(weights @ (np.square(means - centre) + variances))

    def suffice(self) -> bool:
        """Returns whether there were enough climbs for the basins that they found."""
        num_basins = self.num_basins()
        wanted = _CLIMBS_PER_BASIN * num_basins if num_basins > 1 else _FEWEST_CLIMBS
        return self.effort >= wanted or self.count >= _MOST_CLIMBS

    def climb_from(self, start: np.ndarray) -> None:
        """Climbs from a point [D]; a summit that is new becomes a Gaussian."""
        spent = self.density.num_evaluations
        summit = climb(self.density, start, self._is_known)
        self.count += 1
        self.effort += 1.0 if self.density.num_evaluations > spent + 1 else _CHEAP
        if summit is None:
            return
        nearest = self._nearest(summit.point)
        if nearest is None:
            self._add(summit, basin=0)
        elif self._is_valley(summit, self.found[nearest].summit):
            self._add(summit, basin=max(self.basins) + 1)
        elif not self._is_explained(summit) and not self._is_on_plateau(summit, nearest):
            self._add(summit, basin=self.basins[nearest])

    def _is_known(self, point: np.ndarray, value: float) -> bool:
        """Returns whether a climb from here would end at a known summit, and can end now."""
        near = [one for one in self.found if one.squared_distance(point) < 2.0 * _NEAR]
        if any(abs(value - one.expected(point)) < _NEAR for one in near):
            return True
        # Far from all, where the density of a Gaussian mixture is that of one Gaussian.
        highest = max(self.found, key=lambda one: one.expected(point), default=None)
        if highest is None:
            return False
        expected = highest.expected(point)
        return abs(value - expected) < _EXACT * (highest.summit.value - expected)

    def _is_explained(self, summit: Summit) -> bool:
        """Returns whether a Gaussian says how high the density is here, however far it is."""
        return any(abs(summit.value - one.expected(summit.point)) < _NEAR for one in self.found)

    def _is_on_plateau(self, summit: Summit, nearest: int) -> bool:
        """Returns whether the density is flat here and at the nearest summit, and as high.

        Every point of a plateau is a summit; where the plateau ends, one Gaussian says as well.
        """
        known = self.found[nearest].summit
        return known.value == summit.value and not (summit.gradient.any() or known.gradient.any())

    def _nearest(self, point: np.ndarray) -> int | None:
        if not self.found:
            return None
        return int(np.argmin([one.squared_distance(point) for one in self.found]))

    def _is_valley(self, first: Summit, second: Summit) -> bool:
        lower = min(first.value, second.value) - _NEAR
        points = [(1.0 - t) * first.point + t * second.point for t in (0.5, 0.25, 0.75)]
        return any(self.density.value(point) < lower for point in points)

    def _add(self, summit: Summit, basin: int) -> None:
        self.found.append(Laplace.at(summit, self.density, self.generator))
        self.basins.append(basin)

    def _heavy_rows(self) -> np.ndarray:
        masses = np.array([one.log_mass for one in self.found])
        limit = masses.max(initial=-np.inf) - _doubt(self.found) * _LIGHTEST
        return np.flatnonzero(masses > limit)


def _summits(
    density: CountedDensity,
    generator: np.random.Generator,
    max_evaluations: int,
    deadline: float | None,
) -> _Climbs:
    """Climbs from the centre and from draws around it, until that suffices."""
    climbs = _Climbs(density, generator)
    dim = len(density.centre)
    while density.num_evaluations < max_evaluations and not climbs.suffice():
        if deadline is not None and time.perf_counter() > deadline:
            break
        climbs.climb_from(generator.normal(size=dim) if climbs.count else np.zeros(dim))
    return climbs


def _hold_mass(
    found: list[Laplace], density: CountedDensity, generator: np.random.Generator
) -> bool:
    """Returns whether the summits hold mass: the prior's ELBO, by a few draws, is not far above.

    It is where all summits are in the neck of a funnel.
    """
    dim = len(density.centre)
    prior = gaussian_elbo(np.zeros(dim), np.eye(dim), density, generator)
    # Of Gaussians that do not overlap.
    return bool(np.logaddexp.reduce([one.elbo for one in found]) >= prior - _WORSE)


def _doubt(found: list[Laplace]) -> float:
    """Returns how many nats of difference count as one: more, where Gaussians fit badly."""
    if not found:
        return 1.0
    best = max(found, key=lambda one: one.elbo)
    return max(1.0, best.log_evidence - best.elbo)


def _log_weights(found: list[Laplace], doubt: float) -> np.ndarray:
    # The optimal weights of Gaussians that do not overlap; those beside a wall may underflow.
    logs = np.array([one.elbo for one in found]) / doubt
    return logs - np.logaddexp.reduce(logs)
