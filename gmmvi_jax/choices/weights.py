"""Builders of the choices of modules 6 and 7: weight updaters and their stepsize.

A builder's keyword arguments are the settings a user can pass to ``from_codename``; their
defaults are the library's. Where those differ from the published ones, the reason is given.
"""

from gmmvi_jax.choices.problem import Problem
from gmmvi_jax.modules.weight_stepsizes.decaying import DecayingWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.fixed import FixedWeightStepsize
from gmmvi_jax.modules.weight_stepsizes.improvement_based import ImprovementBasedWeightStepsize
from gmmvi_jax.modules.weight_updaters.direct import DirectWeights
from gmmvi_jax.modules.weight_updaters.trust_region import TrustRegionWeights


def trust_region(problem: Problem, *, self_normalized_rewards: bool = True) -> TrustRegionWeights:
    """Builds choice O."""
    del problem
    return TrustRegionWeights(self_normalized=self_normalized_rewards)


def direct(problem: Problem, *, self_normalized_rewards: bool = True) -> DirectWeights:
    """Builds choice U."""
    del problem
    return DirectWeights(self_normalized=self_normalized_rewards)


def improvement_based_stepsize(
    problem: Problem,
    *,
    # Published SAMTRON settings of the study, not the code's defaults (1, 1e-4, 1).
    initial_weight_stepsize: float = 0.1,
    min_weight_stepsize: float = 1e-5,
    max_weight_stepsize: float = 4.0,
    weight_stepsize_increase: float = 1.15,
    weight_stepsize_decrease: float = 0.85,
) -> ImprovementBasedWeightStepsize:
    """Builds choice N."""
    del problem
    return ImprovementBasedWeightStepsize(
        initial=initial_weight_stepsize,
        lowest=min_weight_stepsize,
        highest=max_weight_stepsize,
        increase=weight_stepsize_increase,
        decrease=weight_stepsize_decrease,
    )


# Defaults of G and X, measured on a 5-D mixture of ten Gaussians. With samples from every component
# (M) a component whose weight fell too far comes back, and large steps do no harm. With samples
# of the mixture (P) it gets none any more, and is lost: weights must wait for the components to
# arrive. The published settings with P have from 0 to 0.001.
def decaying_stepsize(
    problem: Problem,
    *,
    initial_weight_stepsize: float | None = None,
    weight_stepsize_exponent: float = 0.55,
) -> DecayingWeightStepsize:
    """Builds choice G."""
    default = 0.003 if problem.uses("P") else 1.0
    initial = default if initial_weight_stepsize is None else initial_weight_stepsize
    return DecayingWeightStepsize(initial=initial, exponent=weight_stepsize_exponent)


def fixed_stepsize(
    problem: Problem, *, initial_weight_stepsize: float | None = None
) -> FixedWeightStepsize:
    """Builds choice X."""
    default = 0.001 if problem.uses("P") else 0.3
    initial = default if initial_weight_stepsize is None else initial_weight_stepsize
    return FixedWeightStepsize(initial=initial)
