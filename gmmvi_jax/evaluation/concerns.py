"""Rules that turn a run's history into concerns about its fit, and their limits."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gmmvi_jax.evaluation.movement import mixture_divergence
from gmmvi_jax.gmm import GMM
from gmmvi_jax.modules.records import ComponentRecord

# These limits are our own; those of k-hat are in ``psis``.
GAP_LIMITS = (0.1, 1.0)  # nats between ELBO and log Z: a concern, a serious one
UNSEEN_LIMITS = (0.01, 0.05)  # share of the target's samples that the mixture does not reach
REJECTED_LIMIT = 0.1  # share of the updates of the final components
UNUSABLE_LIMIT = 0.01  # share of the samples
YOUNG_SHARE = 0.1  # a component is young if it was added in the last tenth of the run
YOUNG_MASS_LIMIT = 0.01  # growth is unfinished if the young components weigh more
# KL of the mixture from the one a chunk before, in nats. Measured over chunks of 25 iterations: at
# most 0.02 for converged fits; 0.10 for breast_cancer after 450 iterations, where the ELBO is flat
# up to noise; 0.27 after 200, 0.57 after 100, and 0.28 for stm20 after 200, where the ELBO rises.
MOVED_LIMIT = 0.2
TREND_ERRORS = 3.0  # standard errors of the slope
TREND_NATS = 0.05  # gain over the rows of the regression
MIN_TREND_ROWS = 4


class Concern(NamedTuple):
    """A reason not to trust a fit."""

    text: str
    is_serious: bool


def run_concerns(
    history: dict[str, np.ndarray],
    components: ComponentRecord,
    gmm: GMM,
    iteration: int,
    previous: GMM | None = None,
) -> Iterator[Concern]:
    """Yields the concerns from a run's history and the record of its components.

    Args:
        history: of the run.
        components: record of the last state; only the rows of active components are used.
        gmm: the final mixture.
        iteration: steps taken so far.
        previous: the mixture one chunk earlier, if known.
    """
    yield from _sample_concerns(history)
    weights = np.exp(np.asarray(gmm.log_weights))
    ages, rejected = (
        np.asarray(values)[: len(weights)] for values in (components.ages, components.num_rejected)
    )
    if rejected.sum() > REJECTED_LIMIT * max(ages.sum(), 1):
        share = rejected.sum() / ages.sum()
        yield Concern(
            f"{share:.0%} of the component updates were rejected: take smaller steps, or more "
            f"samples per component",
            False,
        )
    unfinished = [*_movement_concerns(gmm, previous), *_trend_concerns(history)]
    if unfinished:  # new components do not matter if the mixture has converged
        yield from _growth_concerns(weights, ages, iteration)
    yield from unfinished


def _sample_concerns(history: dict[str, np.ndarray]) -> Iterator[Concern]:
    broken, total = history["num_nonfinite_gradients"], history["num_samples"]
    unusable = history["num_unusable_samples"].sum() - broken.sum()
    if unusable > UNUSABLE_LIMIT * total.sum():
        yield Concern(
            f"the target was NaN or +inf at {unusable / total.sum():.0%} of the samples: return "
            f"-inf outside of its support",
            False,
        )
    # The mixture avoids places where samples are dropped, although the target may have much mass
    # there. The last samples are therefore more informative than all.
    late = slice(-max(1, len(total) // 4), None)
    share = broken[late].sum() / max(total[late].sum(), 1)
    if share > UNUSABLE_LIMIT:
        yield Concern(
            f"the gradient of the target was NaN or infinite at {share:.0%} of the last samples, "
            f"where its value is finite: they are dropped, and the mixture avoids such places; "
            f"use the double where if the target has a jnp.where, or take vips(), which needs no "
            f"gradient",
            True,
        )


def _growth_concerns(weights: np.ndarray, ages: np.ndarray, iteration: int) -> Iterator[Concern]:
    young = ages < YOUNG_SHARE * iteration
    mass = float(weights[young].sum())
    if mass > YOUNG_MASS_LIMIT:
        yield Concern(
            f"the mixture still grows: {int(young.sum())} of its {len(ages)} components, with "
            f"{mass:.0%} of its mass, are from the last tenth of the run; run more iterations",
            False,
        )


def _movement_concerns(gmm: GMM, previous: GMM | None) -> Iterator[Concern]:
    if previous is None:
        return
    moved = mixture_divergence(gmm, previous, jax.random.key(0))
    if not moved <= MOVED_LIMIT:
        yield Concern(
            f"the mixture still moves: KL(q || q a chunk before) is {moved:.2g} nats; run more "
            f"iterations",
            False,
        )


def _trend_concerns(history: dict[str, np.ndarray]) -> Iterator[Concern]:
    """Yields a concern if a weighted regression of the last quarter of the ELBOs rises."""
    elbo, errors = history["elbo"], history["elbo_stderr"]
    usable = np.isfinite(elbo) & np.isfinite(errors) & (errors > 0.0)
    if "temperature" in history:  # the ELBO at another temperature is that of another density
        usable &= history["temperature"] == history["temperature"][-1]
    measured = np.flatnonzero(usable)
    rows = measured[-max(MIN_TREND_ROWS, len(measured) // 4) :]
    if len(rows) < MIN_TREND_ROWS:
        return
    precision = 1.0 / np.square(errors[rows])
    time = history["iteration"][rows].astype(float)
    centred = time - np.average(time, weights=precision)
    information = np.sum(precision * np.square(centred))
    slope = np.sum(precision * centred * elbo[rows]) / information
    gain = slope * (time[-1] - time[0])
    if slope * np.sqrt(information) > TREND_ERRORS and gain > TREND_NATS:
        yield Concern(
            f"the ELBO still improves, by {gain:.2g} nats over the last {time[-1] - time[0]:.0f} "
            f"iterations; run for longer",
            False,
        )
