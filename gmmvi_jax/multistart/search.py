"""Climbs from many places, until no new summits are found, and what a fit starts from."""

import time
from functools import partial
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.multistart.climbs import Climbs, doubt, log_weights
from gmmvi_jax.multistart.counted import CountedDensity, counted_density
from gmmvi_jax.multistart.laplace import Laplace, gaussian_elbo
from gmmvi_jax.typing import LogDensity

_WORSE = 3.0  # nats below the prior's ELBO where a start is not used; a few draws are no surer
_SPREAD = 2.0  # standard deviations of what was found that a new scale has
_MISS = 3.0  # of scale or mean, in units of the scale, from which the search is repeated
_MOST_ROUNDS = 5

_Prior: TypeAlias = tuple[np.ndarray, np.ndarray]  # mean and standard deviations, [D]


class Limits(NamedTuple):
    """What a search may cost.

    Attributes:
        max_evaluations: after which no further climb begins, unless they are cheap.
        cheap_evaluations: below which climbs that may find more are cheap beside what follows.
        deadline: by ``time.perf_counter``, after which no further climb begins.
    """

    max_evaluations: int
    cheap_evaluations: int = 0
    deadline: float | None = None

    def is_late(self) -> bool:
        """Returns whether the deadline is over."""
        return self.deadline is not None and time.perf_counter() > self.deadline


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
        climbs: which can go on, if they may find more.
    """

    gmm: GMM | None
    prior_mean: np.ndarray
    prior_scale: np.ndarray
    num_climbs: int
    num_basins: int
    num_evaluations: int
    thinnest: float = np.inf
    climbs: Climbs | None = None


def search_start(
    log_target: LogDensity,
    prior_mean: np.ndarray,
    prior_scale: np.ndarray,
    seed: int,
    *,
    may_rescale: bool,
    limits: Limits,
    max_components: int,
    diagonal: bool = False,
) -> Start:
    """Climbs from beside the prior's mean and from its draws, and puts a Gaussian on every summit.

    Args:
        log_target: a callable pytree of one point [D], not stochastic.
        prior_mean: [D].
        prior_scale: [D] standard deviations.
        seed: of the draws.
        may_rescale: whether mean and scale are guesses, and follow what is found.
        limits: of what it costs.
        max_components: most Gaussians, the heaviest.
        diagonal: whether they have diagonal covariances.
    """
    generator = np.random.default_rng(seed)
    given = (np.asarray(prior_mean, float), np.asarray(prior_scale, float))
    climbs, found, prior, earlier = _rounds(log_target, given, generator, limits, may_rescale)
    if found:
        climbs.climb_until(lambda: not _is_worth_more(climbs, limits, earlier.num_evaluations))
        found = climbs.heavy()
    spent = earlier.num_evaluations + climbs.density.num_evaluations
    num_climbs, num_basins = earlier.num_climbs + climbs.count, climbs.num_basins()
    if not found:
        return Start(None, *prior, num_climbs, num_basins, spent)
    # Else the climbs ended on their way: where the density has no highest point, or far from it.
    has_prior = max_components > 1 and not any(one.is_at_summit for one in found)
    heaviest = sorted(found, key=lambda one: -one.elbo)[: max_components - has_prior]
    placed = [one.placed(climbs.density) for one in heaviest]
    means, factors = (np.array(arrays) for arrays in zip(*placed, strict=True))
    log_shares = log_weights(heaviest, doubt(heaviest))
    first = given[1]
    if has_prior:
        share = 1.0 / (len(means) + 1)
        log_shares = np.append(log_shares + np.log1p(-share), np.log(share))
        means = np.concatenate([means, given[0][None]])
        factors = np.concatenate([factors, np.diag(first)[None]])
    if diagonal:
        factors = np.sqrt(np.sum(np.square(factors), axis=2))
    arrays = (jnp.asarray(array, jnp.result_type(float)) for array in (log_shares, means, factors))
    # What the widths of Gaussians in their own units lack to those in units of the first prior.
    wider = float(np.sum(np.log(climbs.density.scale / first)))
    thinnest = min(one.summit.value + min(0.0, one.log_width + wider) for one in heaviest)
    going_on = climbs if climbs.may_go_on() else None
    return Start(GMM(*arrays), *prior, num_climbs, num_basins, spent, thinnest, going_on)


class _Earlier(NamedTuple):
    """What the rounds before the last one took."""

    num_climbs: int = 0
    num_evaluations: int = 0


def _rounds(
    log_target: LogDensity,
    prior: _Prior,
    generator: np.random.Generator,
    limits: Limits,
    may_rescale: bool,
) -> tuple[Climbs, list[Laplace], _Prior, _Earlier]:
    """Climbs, and once more where what was found lies outside of the prior, or fills little of it.

    Returns:
        The climbs of the last round, the Gaussians that count, the prior that they say, and what
        earlier rounds took.
    """
    mean, scale = prior
    earlier, rounds_left = _Earlier(), _MOST_ROUNDS if may_rescale else 1
    while True:
        rounds_left -= 1
        density = counted_density(log_target, mean, scale)
        climbs = Climbs(density, generator)
        climbs.climb_until(partial(_is_enough, climbs, limits, earlier.num_evaluations))
        found = climbs.heavy()
        if found and not _hold_mass(found, density, generator):
            found = []
        # Climbs that ended on their way, as in the neck of a hierarchy, say nothing of the scale.
        if not may_rescale or not any(one.is_at_summit for one in found):
            return climbs, found, prior, earlier
        centre, spread = climbs.extent()
        prior = (mean + scale * centre, scale * _SPREAD * spread)
        miss = max(np.max(spread), 1.0 / np.min(spread), np.max(np.abs(centre)))
        spent = earlier.num_evaluations + density.num_evaluations
        is_last = rounds_left == 0 or limits.is_late()
        if miss < _MISS or spent >= limits.max_evaluations or is_last:
            return climbs, found, prior, earlier
        mean, scale = prior
        earlier = _Earlier(earlier.num_climbs + climbs.count, spent)


def _is_enough(climbs: Climbs, limits: Limits, spent: int) -> bool:
    """Returns whether no further climb begins.

    Args:
        climbs: so far.
        limits: of the search.
        spent: evaluations of earlier rounds.
    """
    num_evaluations = spent + climbs.density.num_evaluations
    return climbs.suffice() or limits.is_late() or num_evaluations >= limits.max_evaluations


def _is_worth_more(climbs: Climbs, limits: Limits, spent: int) -> bool:
    """Returns whether climbs may find more, and are cheap beside what follows; see above."""
    is_cheap = spent + climbs.density.num_evaluations < limits.cheap_evaluations
    return is_cheap and climbs.may_go_on() and not limits.is_late()


def _hold_mass(
    found: list[Laplace], density: CountedDensity, generator: np.random.Generator
) -> bool:
    """Returns whether the summits hold mass: the prior's ELBO, by a few draws, is not far above.

    It is where all summits are in the neck of a funnel. In thousands of dimensions the Gaussian of
    a good summit may have a low ELBO; Laplace's approximation is as low as that in a neck.
    """
    dim = len(density.centre)
    prior = gaussian_elbo(np.zeros(dim), np.eye(dim), density, generator)
    # Of Gaussians that do not overlap.
    elbo = np.logaddexp.reduce([one.elbo for one in found])
    evidence = max((one.log_evidence for one in found if one.is_at_summit), default=-np.inf)
    return bool(elbo >= prior - _WORSE or evidence >= prior)
