"""A diagnosis of a fit: all applicable measures, and a verdict in words."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.evaluation.chains import ChainCheck, chain_check
from gmmvi_jax.evaluation.concerns import Concern
from gmmvi_jax.evaluation.diagnosis_text import diagnosis_lines
from gmmvi_jax.evaluation.fit_concerns import fit_concerns
from gmmvi_jax.evaluation.forward import ForwardMetrics, forward_metrics, unseen_share
from gmmvi_jax.evaluation.importance import Average, LogZ, average, log_z
from gmmvi_jax.evaluation.improper import Improper, search_improper
from gmmvi_jax.evaluation.log_ratios import log_ratios, log_ratios_at
from gmmvi_jax.evaluation.mmd import median_bandwidth, mmd_squared
from gmmvi_jax.evaluation.overlooked import OverlookedPoints, overlooked_points
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, psis
from gmmvi_jax.evaluation.uphill import Uphill, mass_uphill
from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.typing import Array, LogDensity, PRNGKey

NUM_REFERENCE_SAMPLES = 2000  # drawn from targets that can be sampled; others store as many


@dataclasses.dataclass(frozen=True)
class ReferenceMetrics:
    """Measures of a fit from samples of the target.

    Attributes:
        num_samples: number of samples of the target.
        num_without_density: samples at which the target is -inf, NaN or +inf.
        forward: EUBO, forward KL and effective fraction.
        k_hat: of the weights p~ / q at the target's samples.
        unseen: share of these samples with a weight above all of the mixture's own draws.
        mmd_squared: to the same number of draws of the mixture, with the median heuristic.
    """

    num_samples: int
    num_without_density: int
    forward: ForwardMetrics
    k_hat: float
    unseen: float
    mmd_squared: float


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Measures of a fit and the concerns about it; ``print`` shows them.

    At a temperature beta other than 1 all measures are of p^(1/beta), which the fit approximates.

    Attributes:
        num_samples: fresh draws of the mixture.
        elbo: with its standard error and the numbers of unusable draws and of draws outside of the
            support; if there are any outside, it is the ELBO of the truncated mixture.
        log_z: by importance sampling, with the effective fraction of the draws.
        k_hat: of the importance weights.
        known_log_z: of the target, if it is known.
        reference: measures from samples of the target, if there are any.
        concerns: reasons not to trust the fit.
        temperature: beta.
        overlooked: points around which the target has mass that the draws miss.
        uphill: mass in the direction in which log p - log q rises away from the mixture.
        improper: a direction along which the target is improper, if one was found.
        chains: result of the check by Markov chains, if it was requested.
        num_evaluations: total number of target evaluations.
    """

    num_samples: int
    elbo: Average
    log_z: LogZ
    k_hat: float
    known_log_z: float | None
    reference: ReferenceMetrics | None
    concerns: tuple[Concern, ...]
    temperature: float
    overlooked: OverlookedPoints
    uphill: Uphill
    improper: Improper | None
    chains: ChainCheck | None
    num_evaluations: int

    @property
    def num_inside(self) -> int:
        """Number of draws with a positive weight."""
        return self.num_samples - int(self.elbo.num_outside) - int(self.elbo.num_unusable)

    @property
    def gap(self) -> float:
        """The gap log Z - ELBO in nats, with the known log Z if there is one."""
        log_z = self.log_z.value if self.known_log_z is None else self.known_log_z
        return float(log_z - self.elbo.mean)

    @property
    def verdict(self) -> str:
        """A sentence that says whether to trust the fit."""
        if any(concern.is_serious for concern in self.concerns):
            return "do not trust this fit as it is."
        if self.concerns:
            return "to be used with care."
        if self.reference is None:
            return "nothing speaks against this fit that these measures can see."
        return "nothing speaks against this fit."

    def __str__(self) -> str:
        """Returns the measures, the verdict and the concerns at 80 columns."""
        return "\n".join(diagnosis_lines(self))


def diagnose(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey | int,
    num_samples: int = 10_000,
    *,
    reference_samples: ArrayLike | None = None,
    run_concerns: tuple[Concern, ...] = (),
    temperature: Array | float = 1.0,
    candidates: ArrayLike | None = None,
    centre: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    mcmc_steps: int = 0,
) -> Diagnosis:
    """Measures a fit, and says in words whether to trust it.

    Besides at the draws, the target is evaluated at the components' means and the candidates, where
    log p - log q leads from the highest draws (with gradient, see ``mass_uphill``), and on some
    lines far out, which show whether it is proper.

    Args:
        gmm: the mixture.
        log_target: unnormalised log density of one point [D]; where it has attributes ``log_z``,
            ``sample`` or ``reference_samples``, as the package's targets do, they are used, but for
            at a temperature other than 1.
        rng_key: a PRNG key, or an integer, its seed.
        num_samples: fresh draws, each one target evaluation.
        reference_samples: [N, D] samples of the target (of p^(1/beta), at a temperature), from
            elsewhere; each one evaluation.
        run_concerns: what is known to speak against the fit already.
        temperature: beta that the mixture was fitted with.
        candidates: [M, D] points where the target may have more mass than the mixture; see
            ``overlooked_points``.
        centre: [D] of what the run started from; see ``improper_direction``. By default the
            mixture's mean.
        names: [D] of the coordinates.
        mcmc_steps: steps of chains from the draws, which find mass next to the mixture; see
            ``chain_check``. They need BlackJAX.

    Raises:
        ValueError: too few samples, or of the wrong shape.
        ImportError: there are to be chains, and BlackJAX is not installed.
    """
    if num_samples < MIN_SAMPLES:
        raise ValueError(f"num_samples is {num_samples}; draw at least {MIN_SAMPLES}.")
    beta = float(temperature)
    target: Any = as_log_density(log_target)
    rng_key = typed_key(rng_key)
    key_draws, key_reference, key_target, key_mixture = jax.random.split(rng_key, 4)
    key_points, key_lines, key_chains = jax.random.split(jax.random.fold_in(rng_key, 1), 3)
    key_uphill = jax.random.fold_in(rng_key, 2)
    own = log_ratios(gmm, target, key_draws, num_samples, temperature=beta)
    known_log_z = None
    if beta == 1.0:  # the known log Z and samples are those of p
        solved = all(hasattr(target, name) for name in ("log_z", "modes", "sample"))
        known_log_z = float(target.log_z) if solved else None
        if reference_samples is None and solved:
            reference_samples = target.sample(key_reference, NUM_REFERENCE_SAMPLES)
        elif reference_samples is None:
            reference_samples = getattr(target, "reference_samples", None)
    reference = None
    if reference_samples is not None:
        theirs = log_ratios_at(gmm, target, reference_samples, key_target, temperature=beta)
        reference = _reference_metrics(
            gmm, np.asarray(reference_samples), theirs, own, known_log_z, key_mixture
        )
    overlooked = overlooked_points(
        gmm, target, own, key_points, candidates=candidates, temperature=beta
    )
    uphill = mass_uphill(gmm, target, own, key_uphill, temperature=beta)
    improper, num_on_lines = search_improper(
        target,
        gmm,
        np.asarray(gmm.mean()) if centre is None else centre,
        temperature=beta,
        names=names,
        rng_key=key_lines,
    )
    chains = None
    if mcmc_steps:
        highest = float(np.max(np.nan_to_num(np.asarray(own), nan=-math.inf)))
        chains = chain_check(gmm, target, key_chains, mcmc_steps, highest=highest, temperature=beta)
    diagnosis = Diagnosis(
        num_samples=num_samples,
        elbo=average(own),
        log_z=log_z(own),
        k_hat=float(psis(own)[1]),
        known_log_z=known_log_z,
        reference=reference,
        concerns=(),
        temperature=beta,
        overlooked=overlooked,
        uphill=uphill,
        improper=improper,
        chains=chains,
        num_evaluations=num_samples
        + (0 if reference is None else reference.num_samples)
        + overlooked.num_evaluations
        + uphill.num_evaluations
        + num_on_lines
        + (0 if chains is None else chains.num_evaluations),
    )
    concerns = (*fit_concerns(diagnosis, names), *run_concerns)
    return dataclasses.replace(diagnosis, concerns=concerns)


def _reference_metrics(
    gmm: GMM,
    samples: np.ndarray,
    ratios: Array,
    own_ratios: Array,
    known_log_z: float | None,
    key: PRNGKey,
) -> ReferenceMetrics:
    if len(samples) < MIN_SAMPLES:
        raise ValueError(f"reference_samples has {len(samples)} rows; give at least {MIN_SAMPLES}.")
    draws = np.asarray(gmm.sample(key, len(samples)))
    return ReferenceMetrics(
        num_samples=len(samples),
        num_without_density=int(np.sum(~np.isfinite(np.asarray(ratios)))),
        forward=forward_metrics(ratios, known_log_z),
        k_hat=float(psis(ratios)[1]),
        unseen=float(unseen_share(ratios, own_ratios)),
        mmd_squared=float(mmd_squared(draws, samples, median_bandwidth(samples))),
    )
