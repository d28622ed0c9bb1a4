"""The summits that climbs have reached, and the basins that they are in."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gmmvi_jax.multistart.climb import Summit, beside_centre, climb
from gmmvi_jax.multistart.counted import CountedDensity
from gmmvi_jax.multistart.laplace import Laplace

_FEWEST_CLIMBS = 20  # if all end in one basin
_CLIMBS_PER_BASIN = 20  # one that a climb reaches five times as rarely as others is missed by 2 %
_MOST_CLIMBS = 500
_CHEAP = 0.25  # of a climb: what one counts that ended with its first evaluation
_LIGHTEST = 8.0  # nats below the heaviest summit that a start may lack
_NEAR = 0.5  # nats: below a summit, off what its Gaussian says, and deep that make a valley
_EXACT = 2e-3  # relative error of a Gaussian's depth below its summit: that of the curvature


class Part(NamedTuple):
    """A part of the target, as a Gaussian."""

    share: float  # of the target's mass
    mean: np.ndarray  # [D]
    factor: np.ndarray  # [D, D] lower Cholesky factor of the covariance, or [D]


class _Found(NamedTuple):
    gaussian: Laplace
    basin: int


class Climbs:
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
            weights[inside] = np.exp(log_weights([own[row] for row in inside], doubt(own)))
        weights /= np.sum(weights)
        means = np.array([one.mean for one in own])
        centre = weights @ means
        variances = np.array([np.sum(np.square(one.factor), axis=1) for one in own])
        return centre, np.sqrt(weights @ (np.square(means - centre) + variances))

    def climb_until(self, is_enough: Callable[[], bool]) -> None:
        """Climbs from next to the centre, if that was not yet, and from draws around it.

        Args:
            is_enough: asked before every climb.
        """
        while not is_enough():
            start = self.generator.normal(size=len(self.density.centre))
            self._climb_from(start if self.count else beside_centre(self.density, start), is_enough)

    def may_go_on(self) -> bool:
        """Returns whether climbs may find more: several basins have weight, or most are new.

        In the latter case heavier ones than those that are known may be among the many others.
        """
        is_new = 2 * len(set(self.basins)) > max(self.count, _FEWEST_CLIMBS)
        return self.count < _MOST_CLIMBS and (self.num_basins() > 1 or is_new)

    def suffice(self) -> bool:
        """Returns whether there were enough climbs for the basins that they found."""
        enough = max(_FEWEST_CLIMBS, _CLIMBS_PER_BASIN * self.num_basins())
        return self.effort >= enough or self.count >= _MOST_CLIMBS

    def go_on(self, max_evaluations: int) -> list[Part]:
        """Climbs on from draws, and returns what it finds in basins that were not known.

        Args:
            max_evaluations: after which no further climb begins.
        """
        known, last = set(self.basins), self.density.num_evaluations + max_evaluations
        self.climb_until(lambda: self.density.num_evaluations >= last or not self.may_go_on())
        rows = [row for row in self._heavy_rows() if self.basins[row] not in known]
        total = np.logaddexp.reduce([one.log_mass for one in self.found])
        new = [self.found[row] for row in rows]
        return [Part(float(np.exp(one.log_mass - total)), *one.placed(self.density)) for one in new]

    def _climb_from(self, start: np.ndarray, is_enough: Callable[[], bool]) -> None:
        """Climbs from a point [D]; a summit that is new becomes a Gaussian."""
        spent = self.density.num_evaluations
        summit = climb(self.density, start, self._is_known)
        self.count += 1
        self.effort += 1.0 if self.density.num_evaluations > spent + 1 else _CHEAP
        found = None if summit is None else self._new_at(summit)
        if found is not None and not found.gaussian.is_at_summit and not is_enough():
            found = self._further(found)
        if found is not None and found.gaussian.is_resolved(self.density):
            self.found.append(found.gaussian)
            self.basins.append(found.basin)

    def _further(self, found: _Found) -> _Found | None:
        """Returns what a climb finds that goes on; what there was if that is better.

        On a long ridge it comes to the summit; in a neck it goes to where there is less mass. Where
        it does not rise it is at a summit with a kink.
        """
        gaussian = found.gaussian
        summit = climb(self.density, gaussian.summit.point, self._is_known)
        if summit is None:
            return None
        rise = summit.value - gaussian.summit.value
        if rise <= 0.0 or (rise < _NEAR and summit.is_end):
            return found._replace(gaussian=gaussian._replace(has_kink=True))
        further = self._new_at(summit)
        if further is None:
            return None
        if not further.gaussian.is_resolved(self.density):
            return found
        if further.gaussian.is_at_summit:
            return further
        return max(found, further, key=lambda one: one.gaussian.elbo)

    def _new_at(self, summit: Summit) -> _Found | None:
        """Returns the Gaussian at a summit, and its basin; None if others explain it."""
        nearest = self._nearest(summit.point)
        if nearest is None:
            basin = 0
        elif self._is_valley(summit, self.found[nearest].summit):
            basin = max(self.basins) + 1
        elif not self._is_explained(summit) and not self._is_on_plateau(summit, nearest):
            basin = self.basins[nearest]
        else:
            return None
        return _Found(Laplace.at(summit, self.density, self.generator), basin)

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

    def _heavy_rows(self) -> np.ndarray:
        masses = np.array([one.log_mass for one in self.found])
        limit = masses.max(initial=-np.inf) - doubt(self.found) * _LIGHTEST
        return np.flatnonzero(masses > limit)


def doubt(found: list[Laplace]) -> float:
    """Returns how many nats of difference count as one: more, where Gaussians fit badly."""
    if not found:
        return 1.0
    best = max(found, key=lambda one: one.elbo)
    return max(1.0, best.log_evidence - best.elbo) if np.isfinite(best.elbo) else 1.0


def log_weights(found: list[Laplace], doubt: float) -> np.ndarray:
    """Returns the log weights of Gaussians, with differences divided by the doubt."""
    # The optimal weights of Gaussians that do not overlap; those beside a wall may underflow.
    logs = np.array([one.elbo for one in found]) / doubt
    if not np.isfinite(logs).any():  # no draw is inside of an edge
        logs = np.zeros(len(found))
    return logs - np.logaddexp.reduce(logs)
