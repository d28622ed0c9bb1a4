"""A diagnosis as a table of 80 columns for the terminal."""

import math
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.evaluation.fit_concerns import has_same_weights, percent
from gmmvi_jax.evaluation.psis import describe_k_hat

if TYPE_CHECKING:
    from gmmvi_jax.evaluation.diagnosis import Diagnosis

WIDTH = 80


def diagnosis_lines(diagnosis: "Diagnosis") -> Iterator[str]:
    """Yields the measures, the verdict and the concerns, line by line."""
    yield from _own_lines(diagnosis)
    yield from _reference_lines(diagnosis)
    yield from _chain_lines(diagnosis)
    yield from _verdict_lines(diagnosis)


def _line(name: str, value: str, comment: str) -> str:
    return f"  {name:<20}{value:>14}   {comment}".rstrip()


def _number(value: ArrayLike) -> str:
    """Returns a number of nats in at most 14 characters."""
    number = float(np.asarray(value))
    return f"{number:.4f}" if abs(number) < 1e8 else f"{number:.6g}"


def _own_lines(diagnosis: "Diagnosis") -> Iterator[str]:
    elbo, log_z, count = diagnosis.elbo, diagnosis.log_z, diagnosis.num_samples
    yield f"Diagnosis from {count:,} fresh draws of the mixture"
    if diagnosis.temperature != 1.0:
        yield f"of p^(1/beta), temperature {diagnosis.temperature:g}, which the mixture approaches"
    yield _line("ELBO", _number(elbo.mean), f"standard error {_number(elbo.standard_error)} nats")
    if int(elbo.num_outside):
        share = int(elbo.num_outside) / max(count - int(elbo.num_unusable), 1)
        error = math.sqrt(share * (1.0 - share) / max(count - int(elbo.num_unusable), 1))
        yield _line("", "", "of the mixture truncated to the support")
        yield _line(
            "outside", percent(share), f"+- {100.0 * error:.2g}%, of the draws: target -inf"
        )
    if int(elbo.num_unusable):
        yield _line("unusable draws", f"{int(elbo.num_unusable):,}", "target NaN or +inf; weight 0")
    if diagnosis.known_log_z is not None:
        yield _line("log Z", _number(diagnosis.known_log_z), "known")
    error = f"standard error {_number(log_z.standard_error)}, by weights"
    yield _line("log Z, estimated", _number(log_z.value), error)
    if diagnosis.num_inside:
        meaning = "KL(q || p), nats"
        if int(elbo.num_unusable):
            meaning = "nats; the ELBO is of the usable draws"
        yield _line("log Z - ELBO", _number(diagnosis.gap), meaning)
    effective = f"{float(log_z.effective_fraction):.1%}"
    yield _line("effective draws", effective, "as importance samples")
    words = describe_k_hat(diagnosis.k_hat, count)
    if has_same_weights(diagnosis):
        words = "no matter: the weights are the same"
    yield _line("k-hat", f"{diagnosis.k_hat:.2f}", words)
    yield _line("target evaluations", f"{diagnosis.num_evaluations:,}", "for this diagnosis")


def _reference_lines(diagnosis: "Diagnosis") -> Iterator[str]:
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


def _chain_lines(diagnosis: "Diagnosis") -> Iterator[str]:
    chains = diagnosis.chains
    if chains is None or not len(chains.ends):
        return
    yield f"{len(chains.ends)} Markov chains from reweighted draws"
    yield _line("not reached", percent(chains.unseen), "of their ends: above all draws' weights")
    yield _line("moved", f"{len(chains.moved)}", f"of {chains.ends.shape[1]} coordinates")


def _verdict_lines(diagnosis: "Diagnosis") -> Iterator[str]:
    yield f"Verdict: {diagnosis.verdict}"
    for concern in diagnosis.concerns:
        yield from textwrap.wrap(
            concern.text, WIDTH, initial_indent="  - ", subsequent_indent="    "
        )
