"""Choice F: the same stepsize always."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_positive


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedComponentStepsize:
    """One stepsize for all components and iterations.

    Source: Lin, Khan, Schmidt, ICML 2019; Arenz et al., TMLR 2023, Section 3.

    Attributes:
        initial: the stepsize.
    """

    initial: float

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self, mixture: PaddedMixture, components: ComponentRecord, memory: tuple[()]
    ) -> tuple[ComponentRecord, tuple[()]]:
        """Returns the record with this iteration's stepsizes [K], and the memory."""
        del mixture
        return components._replace(
            stepsizes=jnp.full_like(components.stepsizes, self.initial)
        ), memory


# Measured on a 5-D mixture of ten Gaussians and on german_credit with 300 and
# 500 iterations. From every component (M) come enough samples for large steps, and smaller ones do
# not arrive in time (the published F needs 100,000 iterations for a full step). Where the
# components share the samples of the mixture (P) each has a few of them: noise that a
# stepsize that large follows makes components collapse. The published settings with P have
# about the same.
def build(
    problem: Problem, *, initial_component_stepsize: float | None = None
) -> FixedComponentStepsize:
    """Builds choice F."""
    default = 0.003 if problem.uses("P") else 0.1
    initial = default if initial_component_stepsize is None else initial_component_stepsize
    return FixedComponentStepsize(initial=initial)


def check(choice: FixedComponentStepsize) -> None:
    """Raises ValueError for a stepsize that cannot be right."""
    require_positive("initial_component_stepsize", choice.initial)


CHOICE = Choice(
    "F",
    FixedComponentStepsize,
    "fixed: the same always",
    build,
    check=check,
    attributes={"initial_component_stepsize": "initial"},
)
