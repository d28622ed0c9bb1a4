"""Rules that turn the measures of a diagnosis into concerns."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.evaluation.concerns import GAP_LIMITS, UNSEEN_LIMITS, UNUSABLE_LIMIT, Concern
from gmmvi_jax.evaluation.overlooked import OVERLOOKED_LIMITS
from gmmvi_jax.evaluation.psis import MIN_SAMPLES, k_hat_limit
from gmmvi_jax.evaluation.rounding import ROUNDING_LIMITS, describe_rounding, spacing_at
from gmmvi_jax.evaluation.uphill import UPHILL_LIMITS

if TYPE_CHECKING:
    from gmmvi_jax.evaluation.diagnosis import Diagnosis

SAME_WEIGHTS = 0.99  # effective fraction above which k-hat is determined by rounding errors
OUTSIDE_LIMIT = 0.2  # share of the draws outside of the support above which there is a concern
# Standard error of log Z, in nats, up to which a k-hat above 1 is not serious: few weights stand
# out, and they contribute little to the sum. Measured at densities with an edge, fitted to within
# 0.02 nats: k-hat 1.05 to 2.5, standard errors 0.003 to 0.03; where log Z is off by 0.065 the error
# is 0.05. At densities without an integral: k-hat above 1.1, standard errors above 0.2.
STEADY_LOG_Z = 0.03
_IMPOSSIBLE = 5.0  # standard errors of an ELBO above log Z
_SHOWN_COORDINATES = 4


def fit_concerns(diagnosis: "Diagnosis", names: Sequence[str] | None = None) -> Iterator[Concern]:
    """Yields the concerns about a fit, those about the target first.

    Args:
        diagnosis: the measures.
        names: [D] of the coordinates, if they have names.
    """
    if diagnosis.improper is not None:
        yield Concern(diagnosis.improper.text, True)
    yield from _support_concerns(diagnosis)
    yield from _reference_concerns(diagnosis)
    if diagnosis.num_inside:
        yield from _rounding_concerns(diagnosis)
        yield from _overlooked_concerns(diagnosis)
        yield from _uphill_concerns(diagnosis)
        yield from _chain_concerns(diagnosis, names)
        yield from _elbo_concerns(diagnosis)
        yield from _weight_concerns(diagnosis)


def percent(share: float) -> str:
    """Returns a share in percent with at most three digits: 0.02%, 97.1%."""
    return f"{100.0 * share:.3g}%"


def has_same_weights(diagnosis: "Diagnosis") -> bool:
    """Returns whether the positive weights are the same up to rounding."""
    effective = float(diagnosis.log_z.effective_fraction) * diagnosis.num_samples
    return effective > SAME_WEIGHTS * max(diagnosis.num_inside, 1)


def _support_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    """Yields the concerns about draws without a weight."""
    count, inside = diagnosis.num_samples, diagnosis.num_inside
    unusable, outside = int(diagnosis.elbo.num_unusable), int(diagnosis.elbo.num_outside)
    if unusable:
        yield Concern(
            f"the target is NaN or +inf at {percent(unusable / count)} of the draws: they have "
            f"weight 0 in log Z, and the ELBO is that of the other draws",
            unusable > UNUSABLE_LIMIT * count,
        )
    if not inside and outside:
        yield Concern(
            "the target is -inf at all usable draws: the mixture has lost its support, or never "
            "found it; start inside of it (prior_mean, prior_scale, or initial=...)",
            True,
        )
    elif inside and inside < MIN_SAMPLES:
        yield Concern(
            f"the target has a density at {inside} of {count:,} draws: the measures are of these "
            f"alone",
            True,
        )
    if inside and outside > OUTSIDE_LIMIT * count:
        yield Concern(
            f"{percent(outside / count)} of the draws are outside of the target's support: reject "
            f"them when you sample; better, transform the target to an unconstrained space",
            False,
        )


def _rounding_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    dtype = diagnosis.elbo.mean.dtype
    text = describe_rounding(diagnosis.highest_ratio, dtype)
    if text is not None:
        is_serious = spacing_at(diagnosis.highest_ratio, dtype) >= ROUNDING_LIMITS[1]
        yield Concern(f"the log density is {text}", is_serious)


def _overlooked_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    found = diagnosis.overlooked
    for point, excess, share, component in zip(
        found.points, found.excesses, found.shares, found.components, strict=True
    ):
        if share <= OVERLOOKED_LIMITS[0]:
            continue
        where = "at a component's mean" if component >= 0 else "at a point that the run has seen"
        yield Concern(
            f"{where} {_location(point)}, log p - log q is {excess:.2g} nats above all draws, "
            f"with about {share:.0%} of the target's mass around it: a narrow part that the "
            f"mixture passes over; start a component there (initial=...), or take a smaller "
            f"prior_scale",
            share > OVERLOOKED_LIMITS[1],
        )
        return  # one such point is enough


def _uphill_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    found = diagnosis.uphill
    limit = max(UPHILL_LIMITS[0], *diagnosis.overlooked.shares, 0.0)  # already reported
    if found.point is not None and found.share > limit:
        cure = (
            "the mixture lacks a narrow part next to it, such as the neck of a funnel; write the "
            "target in other coordinates (not centred), or start a component there (initial=...)"
        )
        if int(diagnosis.elbo.num_outside) or diagnosis.improper is not None:
            cure = "the mixture does not follow it to its edges"
        yield Concern(
            f"uphill of the draws, around {_location(found.point)}, log p - log q is up to "
            f"{found.excess:.2g} nats above all draws, with about {percent(found.share)} of the "
            f"target's mass: {cure}",
            found.share > UPHILL_LIMITS[1],
        )


def _location(point: np.ndarray) -> str:
    shown = [f"{value:.3g}" for value in point[:_SHOWN_COORDINATES]]
    rest = len(point) - len(shown)
    return f"({', '.join(shown)}{f', ... {rest} more' if rest else ''})"


def _chain_concerns(diagnosis: "Diagnosis", names: Sequence[str] | None) -> Iterator[Concern]:
    chains = diagnosis.chains
    if chains is None:
        return
    if chains.is_unseen_significant:
        yield Concern(
            f"{percent(chains.unseen)} of the Markov chains from the draws ended where log p - "
            f"log q is above all draws: the target has mass next to the mixture that it lacks",
            chains.unseen > UNSEEN_LIMITS[1],
        )
    if len(chains.moved):
        labels = [f"x[{i}]" if names is None else names[int(i)] for i in chains.moved]
        more = f" and {len(labels) - _SHOWN_COORDINATES} more" * (len(labels) > _SHOWN_COORDINATES)
        yield Concern(
            f"Markov chains from the reweighted draws move {', '.join(labels[:_SHOWN_COORDINATES])}"
            f"{more}: its distribution under the target differs from that of the draws",
            False,
        )


def _elbo_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    elbo, gap = diagnosis.elbo, diagnosis.gap
    error = float(elbo.standard_error)
    if gap > GAP_LIMITS[0] + 3.0 * error:
        name = "log Z" if diagnosis.known_log_z is not None else "the estimate of log Z"
        is_serious, edge = gap > GAP_LIMITS[1], ""
        if is_serious and int(elbo.num_outside):
            edge = (
                ": the target's support has an edge, which Gaussians cannot follow in many "
                "directions at once; map the support to an unconstrained space (log, logit, "
                "softmax), and fit there"
            )
        yield Concern(f"the ELBO is {gap:.2g} nats below {name}{edge}", is_serious)
    rounding = 10.0 * float(jnp.finfo(elbo.mean.dtype).eps) * (1.0 + abs(float(elbo.mean)))
    if diagnosis.known_log_z is not None and -gap > rounding + _IMPOSSIBLE * error:
        yield Concern(
            f"the ELBO is {-gap:.2g} nats above log Z, which is impossible: draws in the tails are "
            f"missing, or log_z is not that of the density",
            True,
        )


def _weight_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    limit = k_hat_limit(diagnosis.num_samples)
    if not diagnosis.k_hat <= limit and not has_same_weights(diagnosis):
        yield Concern(
            f"k-hat is {diagnosis.k_hat:.2f}, above {limit:.2f}: the mixture lacks mass of the "
            f"target, in its tails (for heavy ones there is components='student_t'), at an edge or "
            f"in a narrow part (the heaviest draw, at "
            f"{_location(diagnosis.heaviest_draw)}, has {percent(diagnosis.heaviest_share)} of all "
            f"weight); do not reweight draws, and do not rely on this log Z",
            diagnosis.k_hat >= 1.0 and not float(diagnosis.log_z.standard_error) <= STEADY_LOG_Z,
        )


def _reference_concerns(diagnosis: "Diagnosis") -> Iterator[Concern]:
    reference = diagnosis.reference
    if reference is None:
        return
    if reference.num_without_density:
        share = reference.num_without_density / reference.num_samples
        yield Concern(
            f"the target has no density at {percent(share)} of the reference samples: these are "
            f"not samples of it, and are ignored",
            share > UNUSABLE_LIMIT,
        )
    if reference.unseen > UNSEEN_LIMITS[0]:
        yield Concern(
            f"{reference.unseen:.1%} of the target's samples lie where the mixture has almost no "
            f"mass: it misses a part of the target",
            reference.unseen > UNSEEN_LIMITS[1],
        )
    same_weights = float(reference.forward.effective_fraction) > SAME_WEIGHTS
    if not reference.k_hat <= k_hat_limit(reference.num_samples) and not same_weights:
        yield Concern(
            f"k-hat at the target's samples is {reference.k_hat:.2f}: the mixture lacks mass of "
            f"the target, in its tails or in a mode",
            False,
        )
