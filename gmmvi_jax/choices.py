"""The table of choices: one letter, one module, one builder each.

The builders' keyword arguments are the settings a user can pass to ``from_codename``; their
defaults are the library's. Where those differ from the published ones, the reason is given.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from gmmvi_jax.modules.component_adaptation.adaptive import Adaptive
from gmmvi_jax.modules.component_stepsizes import ImprovementBasedComponentStepsize
from gmmvi_jax.modules.component_updaters.trust_region import TrustRegion
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.sample_selectors.component_based import ComponentBased
from gmmvi_jax.modules.weight_stepsizes import ImprovementBasedWeightStepsize
from gmmvi_jax.modules.weight_updaters.trust_region import TrustRegionWeights
from gmmvi_jax.typing import HostArray


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a builder may want to know of the problem.

    Attributes:
        dim: dimensions D.
        prior_mean: [D] where the initial means come from.
        initial_variance: [D] variances of the initial components.
    """

    dim: int
    prior_mean: HostArray
    initial_variance: HostArray


@dataclasses.dataclass(frozen=True)
class Choice:
    """One choice of one module.

    Attributes:
        letter: in the codename.
        field: of ``Algorithm`` that it fills.
        summary: a line of help.
        build: makes it from a ``Problem`` and settings.
    """

    letter: str
    field: str
    summary: str
    build: Callable[..., Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The names of its settings and their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _stein(problem: Problem, *, self_normalized_gradients: bool = True) -> Stein:
    del problem
    return Stein(self_normalized=self_normalized_gradients)


def _adaptive(
    problem: Problem,
    *,
    add_iters: int = 30,
    del_iters: int = 100,
    min_weight_for_deletion: float = 1e-6,
    # A tenth of the published number finds places as good (the argmax of 10,000 random samples
    # is in the best 0.01 %), and a search costs one density pass over them.
    num_database_samples: int = 10_000,
    num_prior_samples: int = 0,
    # The published default keeps the last batch only; samples of the whole run cost
    # memory, not evaluations, and remember modes that the mixture has left.
    archive_size: int = 100_000,
) -> Adaptive:
    return Adaptive(
        prior_mean=problem.prior_mean,
        initial_variance=problem.initial_variance,
        lightest=float(min_weight_for_deletion),
        add_iters=add_iters,
        del_iters=del_iters,
        num_database_samples=num_database_samples,
        num_prior_samples=num_prior_samples,
        archive_size=archive_size,
    )


def _component_based(problem: Problem, *, desired_samples: int | None = None) -> ComponentBased:
    # A Hessian has D (D + 1) / 2 entries, and Stein's estimate of it one random direction per
    # sample: below about 4 D samples the improvement rule mostly shrinks stepsizes.
    default = max(100, 4 * problem.dim)
    return ComponentBased(desired_samples=default if desired_samples is None else desired_samples)


def _trust_region(problem: Problem) -> TrustRegion:
    del problem
    return TrustRegion()


def _improvement_based_component(
    problem: Problem,
    *,
    # 0.1 is what most published settings use; the published default of 1e-5 needs
    # 65 improvements to get there.
    initial_component_stepsize: float = 0.1,
    min_component_stepsize: float = 0.001,
    max_component_stepsize: float = 1.0,
    component_stepsize_increase: float = 1.15,
    component_stepsize_decrease: float = 0.85,
) -> ImprovementBasedComponentStepsize:
    del problem
    return ImprovementBasedComponentStepsize(
        initial=float(initial_component_stepsize),
        lowest=float(min_component_stepsize),
        highest=float(max_component_stepsize),
        increase=float(component_stepsize_increase),
        decrease=float(component_stepsize_decrease),
    )


def _trust_region_weights(
    problem: Problem, *, self_normalized_rewards: bool = True
) -> TrustRegionWeights:
    del problem
    return TrustRegionWeights(self_normalized=self_normalized_rewards)


def _improvement_based_weights(
    problem: Problem,
    *,
    # Published SAMTRON settings of the study, not the code's defaults (1, 1e-4, 1).
    initial_weight_stepsize: float = 0.1,
    min_weight_stepsize: float = 1e-5,
    max_weight_stepsize: float = 4.0,
    weight_stepsize_increase: float = 1.15,
    weight_stepsize_decrease: float = 0.85,
) -> ImprovementBasedWeightStepsize:
    del problem
    return ImprovementBasedWeightStepsize(
        initial=float(initial_weight_stepsize),
        lowest=float(min_weight_stepsize),
        highest=float(max_weight_stepsize),
        increase=float(weight_stepsize_increase),
        decrease=float(weight_stepsize_decrease),
    )


CHOICES = (
    Choice("S", "natural_gradient", "Stein: first order, from the target's gradients", _stein),
    Choice("A", "component_adaptation", "adaptive: components added and deleted", _adaptive),
    Choice("M", "sample_selector", "the same number from every component", _component_based),
    Choice("T", "component_updater", "trust region: KL of the step bounded", _trust_region),
    Choice(
        "R",
        "component_stepsize",
        "larger after an improvement, else smaller",
        _improvement_based_component,
    ),
    Choice("O", "weight_updater", "trust region: KL of the weights bounded", _trust_region_weights),
    Choice(
        "N",
        "weight_stepsize",
        "larger after an improvement, else smaller",
        _improvement_based_weights,
    ),
)
