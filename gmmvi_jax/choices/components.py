"""Builders of the choices of modules 4 and 5: component updaters and their stepsizes.

A builder's keyword arguments are the settings a user can pass to ``from_codename``; their
defaults are the library's. Where those differ from the published ones, the reason is given.
"""

from gmmvi_jax.choices.problem import Problem
from gmmvi_jax.modules.component_stepsizes.decaying import DecayingComponentStepsize
from gmmvi_jax.modules.component_stepsizes.fixed import FixedComponentStepsize
from gmmvi_jax.modules.component_stepsizes.improvement_based import (
    ImprovementBasedComponentStepsize,
)
from gmmvi_jax.modules.component_updaters.direct import Direct
from gmmvi_jax.modules.component_updaters.iblr import IBLR
from gmmvi_jax.modules.component_updaters.trust_region import TrustRegion


def trust_region(problem: Problem) -> TrustRegion:
    """Builds choice T."""
    del problem
    return TrustRegion()


def iblr(problem: Problem) -> IBLR:
    """Builds choice Y."""
    del problem
    return IBLR()


def direct(problem: Problem) -> Direct:
    """Builds choice I."""
    del problem
    return Direct()


def improvement_based_stepsize(
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
    """Builds choice R."""
    del problem
    return ImprovementBasedComponentStepsize(
        initial=initial_component_stepsize,
        lowest=min_component_stepsize,
        highest=max_component_stepsize,
        increase=component_stepsize_increase,
        decrease=component_stepsize_decrease,
    )


# Defaults of D and F, measured on a 5-D mixture of ten Gaussians and on german_credit with 300 and
# 500 iterations. From every component (M) come enough samples for large steps, and smaller ones do
# not arrive in time (the published F needs 100,000 iterations for a full step). Where the
# components share the samples of the mixture (P) each has a few of them: noise that a
# stepsize that large follows makes components collapse. The published settings with P have
# about the same.
def decaying_stepsize(
    problem: Problem,
    *,
    initial_component_stepsize: float | None = None,
    component_stepsize_exponent: float = 0.55,
) -> DecayingComponentStepsize:
    """Builds choice D."""
    default = 0.1 if problem.uses("P") else 1.0
    initial = default if initial_component_stepsize is None else initial_component_stepsize
    return DecayingComponentStepsize(initial=initial, exponent=component_stepsize_exponent)


def fixed_stepsize(
    problem: Problem, *, initial_component_stepsize: float | None = None
) -> FixedComponentStepsize:
    """Builds choice F."""
    default = 0.003 if problem.uses("P") else 0.1
    initial = default if initial_component_stepsize is None else initial_component_stepsize
    return FixedComponentStepsize(initial=initial)
