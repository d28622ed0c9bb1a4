"""Whether to trust a fit: the measures that apply, gathered, and put into words."""

import dataclasses
import math
import textwrap
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.evaluation.concerns import GAP_LIMITS, UNSEEN_LIMITS, Concern
from gmmvi_jax.evaluation.forward import ForwardMetrics, forward_metrics, unseen_share
from gmmvi_jax.evaluation.importance import Average, LogZ, average, log_z
from gmmvi_jax.evaluation.log_ratios import log_ratios, log_ratios_at
from gmmvi_jax.evaluation.mmd import median_bandwidth, mmd_squared
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, describe_k_hat, k_hat_limit, psis
from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.callable_pytree import as_log_density
from gmmvi_jax.typing import LogDensity, PRNGKey

WIDTH = 80
NUM_REFERENCE_SAMPLES = 2000  # drawn from a target that can be sampled: as many as are stored
_SAME_WEIGHTS = 0.99  # effective fraction above which k-hat is that of rounding errors
_IMPOSSIBLE = 5.0  # standard errors of an ELBO above log Z


@dataclasses.dataclass(frozen=True)
class ReferenceMetrics:
    """What samples of the target say of a fit.

    Attributes:
        num_samples: of the target.
        forward: EUBO, forward KL and effective fraction.
        k_hat: of the weights p~ / q at the target's samples.
        unseen: share of these samples with a weight above any of the mixture's own draws.
        mmd_squared: to as many draws of the mixture, with the median heuristic.
    """

    num_samples: int
    forward: ForwardMetrics
    k_hat: float
    unseen: float
    mmd_squared: float


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Measures of a fit, and what speaks against it; ``print`` it.

    Attributes:
        num_samples: fresh draws of the mixture.
        elbo: with its standard error.
        log_z: by importance sampling, with the effective fraction of the draws.
        k_hat: of the importance weights.
        known_log_z: of the target, where it is known.
        reference: what samples of the target say, where there are any.
        concerns: what speaks against the fit.
    """

    num_samples: int
    elbo: Average
    log_z: LogZ
    k_hat: float
    known_log_z: float | None
    reference: ReferenceMetrics | None
    concerns: tuple[Concern, ...]

    @property
    def verdict(self) -> str:
        """Whether to trust the fit, in a sentence."""
        if any(concern.is_serious for concern in self.concerns):
            return "do not trust this fit as it is."
        if self.concerns:
            return "to be used with care."
        if self.reference is None:
            return "nothing speaks against this fit that these measures can see."
        return "nothing speaks against this fit."

    def __str__(self) -> str:
        """Returns the measures, the verdict and the concerns at 80 columns."""
        return "\n".join([*_own_lines(self), *_reference_lines(self), *_verdict_lines(self)])


def diagnose(
    gmm: GMM,
    log_target: LogDensity,
    rng_key: PRNGKey,
    num_samples: int = 10_000,
    *,
    reference_samples: ArrayLike | None = None,
    run_concerns: tuple[Concern, ...] = (),
) -> Diagnosis:
    """Measures a fit, and says in words whether to trust it.

    Args:
        gmm: the mixture.
        log_target: unnormalised log density of one point [D]; where it has attributes ``log_z``,
            ``sample`` or ``reference_samples``, as the package's targets do, they are used.
        rng_key: a PRNG key.
        num_samples: fresh draws, each one target evaluation.
        reference_samples: [N, D] samples of the target, from elsewhere; each one evaluation.
        run_concerns: what is known to speak against the fit already.

    Raises:
        ValueError: too few samples, or of the wrong shape.
    """
    if num_samples < MIN_SAMPLES:
        raise ValueError(f"num_samples is {num_samples}; draw at least {MIN_SAMPLES}.")
    target: Any = as_log_density(log_target)
    key_draws, key_reference, key_target, key_mixture = jax.random.split(rng_key, 4)
    own = log_ratios(gmm, target, key_draws, num_samples)
    solved = all(hasattr(target, name) for name in ("log_z", "modes", "sample"))
    if reference_samples is None and solved:
        reference_samples = target.sample(key_reference, NUM_REFERENCE_SAMPLES)
    elif reference_samples is None:
        reference_samples = getattr(target, "reference_samples", None)
    known_log_z = float(target.log_z) if solved else None
    reference = None
    if reference_samples is not None:
        theirs = log_ratios_at(gmm, target, reference_samples, key_target)
        if len(theirs) < MIN_SAMPLES:
            raise ValueError(
                f"reference_samples has {len(theirs)} rows; give at least {MIN_SAMPLES}."
            )
        samples = np.asarray(reference_samples)
        reference = ReferenceMetrics(
            num_samples=len(samples),
            forward=forward_metrics(theirs, known_log_z),
            k_hat=float(psis(theirs)[1]),
            unseen=float(unseen_share(theirs, own)),
            mmd_squared=float(
                mmd_squared(
                    np.asarray(gmm.sample(key_mixture, (len(samples),))),
                    samples,
                    median_bandwidth(samples),
                )
            ),
        )
    diagnosis = Diagnosis(
        num_samples=num_samples,
        elbo=average(own),
        log_z=log_z(own),
        k_hat=float(psis(own)[1]),
        known_log_z=known_log_z,
        reference=reference,
        concerns=(),
    )
    concerns = (*_reference_concerns(diagnosis), *_own_concerns(diagnosis), *run_concerns)
    return dataclasses.replace(diagnosis, concerns=concerns)


def _gap(diagnosis: Diagnosis) -> float:
    """Returns log Z - ELBO, log Z being the known one if there is one."""
    log_z = diagnosis.known_log_z
    return float((diagnosis.log_z.value if log_z is None else log_z) - diagnosis.elbo.mean)


def _own_concerns(diagnosis: Diagnosis) -> Iterator[Concern]:
    elbo, count = diagnosis.elbo, diagnosis.num_samples
    if not math.isfinite(elbo.mean):
        yield Concern(
            f"the ELBO is {elbo.mean}: the mixture has mass where the target has none", True
        )
        return
    gap = _gap(diagnosis)
    if gap > GAP_LIMITS[0] + 3.0 * float(elbo.standard_error):
        name = "log Z" if diagnosis.known_log_z is not None else "the estimate of log Z"
        yield Concern(f"the ELBO is {gap:.2g} nats below {name}", gap > GAP_LIMITS[1])
    rounding = 10.0 * float(jnp.finfo(elbo.mean.dtype).eps) * (1.0 + abs(float(elbo.mean)))
    if diagnosis.known_log_z is not None and -gap > rounding + _IMPOSSIBLE * float(
        elbo.standard_error
    ):
        yield Concern(
            f"the ELBO is {-gap:.2g} nats above log Z, which cannot be: draws in the tails are "
            f"missing, or log_z is not that of the density",
            True,
        )
    same_weights = float(diagnosis.log_z.effective_fraction) > _SAME_WEIGHTS
    if not diagnosis.k_hat <= k_hat_limit(count) and not same_weights:
        yield Concern(
            f"k-hat is {diagnosis.k_hat:.2f}, above {k_hat_limit(count):.2f}: do not reweight "
            f"draws, and do not rely on this log Z; the target has heavier tails than the mixture",
            diagnosis.k_hat >= 1.0,
        )


def _reference_concerns(diagnosis: Diagnosis) -> Iterator[Concern]:
    reference = diagnosis.reference
    if reference is None:
        return
    if reference.unseen > UNSEEN_LIMITS[0]:
        yield Concern(
            f"{reference.unseen:.1%} of the target's samples lie where the mixture has next to "
            f"no mass: it misses a part of the target",
            reference.unseen > UNSEEN_LIMITS[1],
        )
    same_weights = float(reference.forward.effective_fraction) > _SAME_WEIGHTS
    if not reference.k_hat <= k_hat_limit(reference.num_samples) and not same_weights:
        yield Concern(
            f"k-hat at the target's samples is {reference.k_hat:.2f}: the mixture lacks mass that "
            f"the target has, in its tails or in a mode",
            False,
        )


def _line(name: str, value: str, comment: str) -> str:
    return f"  {name:<20}{value:>14}   {comment}".rstrip()


def _number(value: ArrayLike) -> str:
    """Returns a number of nats in at most 14 characters."""
    number = float(np.asarray(value))
    return f"{number:.4f}" if abs(number) < 1e8 else f"{number:.6g}"


def _own_lines(diagnosis: Diagnosis) -> Iterator[str]:
    elbo, log_z = diagnosis.elbo, diagnosis.log_z
    yield f"Diagnosis from {diagnosis.num_samples:,} fresh draws of the mixture"
    yield _line("ELBO", _number(elbo.mean), f"standard error {_number(elbo.standard_error)} nats")
    if diagnosis.known_log_z is not None:
        yield _line("log Z", _number(diagnosis.known_log_z), "known")
    error = f"standard error {_number(log_z.standard_error)}, by weights"
    yield _line("log Z, estimated", _number(log_z.value), error)
    yield _line("log Z - ELBO", _number(_gap(diagnosis)), "KL(q || p), nats")
    effective = f"{float(log_z.effective_fraction):.1%}"
    yield _line("effective draws", effective, "as importance samples")
    words = describe_k_hat(diagnosis.k_hat, diagnosis.num_samples)
    if float(log_z.effective_fraction) > _SAME_WEIGHTS:
        words = "no matter: the weights are the same"
    yield _line("k-hat", f"{diagnosis.k_hat:.2f}", words)
    if int(elbo.num_unusable):
        yield _line("unusable draws", f"{int(elbo.num_unusable):,}", "target NaN or +inf")


def _reference_lines(diagnosis: Diagnosis) -> Iterator[str]:
    reference = diagnosis.reference
    if reference is None:
        text = (
            "These are measures under the mixture itself: they cannot see a mode of the target "
            "that it misses. Samples of the target can: diagnose(reference_samples=...)."
        )
        yield from textwrap.wrap(text, WIDTH)
        return
    forward = reference.forward
    yield f"Compared with {reference.num_samples:,} samples of the target: they see missed modes"
    error = f"standard error {_number(forward.eubo_standard_error)} nats"
    yield _line("EUBO", _number(forward.eubo), error)
    if math.isfinite(forward.forward_kl):
        yield _line("EUBO - log Z", _number(forward.forward_kl), "KL(p || q), nats")
    yield _line("effective samples", f"{float(forward.effective_fraction):.1%}", "")
    yield _line("k-hat", f"{reference.k_hat:.2f}", "of the weights at these samples")
    yield _line("not reached", f"{reference.unseen:.1%}", "of the target's samples")
    yield _line("squared MMD", f"{reference.mmd_squared:.2e}", "median heuristic, biased")


def _verdict_lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"Verdict: {diagnosis.verdict}"
    for concern in diagnosis.concerns:
        yield from textwrap.wrap(
            concern.text, WIDTH, initial_indent="  - ", subsequent_indent="    "
        )
