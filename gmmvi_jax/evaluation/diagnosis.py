"""A diagnosis of a fit: all applicable measures, and a verdict in words."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.chains import ChainCheck
from gmmvi_jax.evaluation.concerns import Concern
from gmmvi_jax.evaluation.diagnosis_text import diagnosis_lines
from gmmvi_jax.evaluation.fit import Fit
from gmmvi_jax.evaluation.fit_concerns import fit_concerns
from gmmvi_jax.evaluation.importance import Average, LogZ, average, log_z
from gmmvi_jax.evaluation.improper import Improper
from gmmvi_jax.evaluation.log_ratios import log_ratios_and_heaviest
from gmmvi_jax.evaluation.overlooked import OverlookedPoints
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, psis
from gmmvi_jax.evaluation.reference_metrics import ReferenceMetrics, compare_to_reference
from gmmvi_jax.evaluation.rounding import highest_finite
from gmmvi_jax.evaluation.searches import Searches, search_missed
from gmmvi_jax.evaluation.uphill import Uphill
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.numerics.keys import subkeys, typed_key
from gmmvi_jax.requirements import (
    require_int,
    require_num_samples,
    require_rows,
    require_temperature,
)
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


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
        heaviest_draw: [D] the draw with the largest of them.
        heaviest_share: its share of their sum.
        highest_ratio: largest log p - log q at the draws, which tells how coarse values are.
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
    heaviest_draw: np.ndarray
    heaviest_share: float
    highest_ratio: float
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
        return float(log_z) - float(self.elbo.mean)

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


@own_errors()
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

    Besides at the draws, the target is evaluated at the components' means and the candidates, along
    climbs of log p - log q (with gradient, see ``mass_uphill``), and on some lines far out, which
    show whether it is proper.

    Args:
        gmm: the mixture.
        log_target: unnormalised log density of one point [D]. Its attributes ``log_z``, ``sample``
            and ``reference_samples``, if it has them, are used at temperature 1.
        rng_key: a PRNG key, or an integer, its seed.
        num_samples: number of fresh draws, each one target evaluation.
        reference_samples: [N, D] samples of p^(1/beta), each one evaluation.
        run_concerns: concerns about the run, added to those about the fit.
        temperature: beta that the mixture was fitted with.
        candidates: [M, D] points to examine, see ``overlooked_points``.
        centre: [D] see ``improper_direction``; by default the mixture's mean.
        names: [D] names of the coordinates.
        mcmc_steps: number of steps of ``chain_check``, which needs BlackJAX; 0 runs no chains.

    Raises:
        ValueError: too few samples, or of the wrong shape.
        ImportError: chains are requested, and BlackJAX is not installed.
    """
    require_gmm("gmm", gmm)
    require_num_samples(num_samples, least=MIN_SAMPLES)
    require_int("mcmc_steps", mcmc_steps, least=0)
    if reference_samples is not None:  # else they would fail after the draws are evaluated
        require_rows("reference_samples", reference_samples, gmm.dim)
    temperature = require_temperature(temperature)
    beta, key = float(temperature), typed_key(rng_key)
    key_draws, *keys_reference = subkeys(jax.random.fold_in(key, 0), 4)
    target: Any = as_log_density(log_target)
    own, heaviest = log_ratios_and_heaviest(gmm, target, key_draws, num_samples, temperature=beta)
    fit = Fit(gmm, target, own, beta, heaviest)
    known_log_z, reference = compare_to_reference(fit, reference_samples, keys_reference)
    searches = search_missed(fit, key, candidates, centre, names, mcmc_steps)
    diagnosis = _diagnosis(fit, known_log_z, reference, searches)
    concerns = (*fit_concerns(diagnosis, names), *run_concerns)
    return dataclasses.replace(diagnosis, concerns=concerns)


def _diagnosis(
    fit: Fit, known_log_z: float | None, reference: ReferenceMetrics | None, searches: Searches
) -> Diagnosis:
    """Returns the measures, without concerns."""
    num_samples = len(fit.own_ratios)
    elbo, evidence = _averages(fit.own_ratios)
    num_reference = 0 if reference is None else reference.num_samples
    return Diagnosis(
        num_samples=num_samples,
        elbo=elbo,
        log_z=evidence,
        k_hat=float(psis(fit.own_ratios)[1]),
        heaviest_draw=np.asarray(fit.heaviest_draws[0], float),
        heaviest_share=_heaviest_share(np.asarray(fit.own_ratios, float)),
        highest_ratio=highest_finite(fit.own_ratios),
        known_log_z=known_log_z,
        reference=reference,
        concerns=(),
        temperature=fit.temperature,
        overlooked=searches.overlooked,
        uphill=searches.uphill,
        improper=searches.improper,
        chains=searches.chains,
        num_evaluations=num_samples + num_reference + searches.num_evaluations,
    )


@jax.jit
def _averages(ratios: Array) -> tuple[Average, LogZ]:
    return average(ratios), log_z(ratios)


def _heaviest_share(ratios: np.ndarray) -> float:
    """Returns the largest of the normalised importance weights."""
    known = ratios[np.isfinite(ratios)]
    return float(np.exp(np.max(known) - np.logaddexp.reduce(known))) if len(known) else 0.0
