"""Choice D: stepsizes that decay with the age of their component."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_stepsizes.by_age import stepsizes_by_age
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.stepsize_checks import require_decay
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import InverseDecay
from gmmvi_jax.requirements import require_positive


@register_pytree
@dataclasses.dataclass(frozen=True)
class DecayingComponentStepsize:
    """initial / (1 + t^exponent), t = updates since birth, rejected ones included.

    The first step of every component has t = 0, whenever it is born. Source: see ``InverseDecay``.

    Attributes:
        initial: stepsize of a component's first update.
        exponent: how fast it decays, not negative.
    """

    initial: float
    exponent: float

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self, mixture: PaddedMixture, components: ComponentRecord, memory: tuple[()]
    ) -> tuple[ComponentRecord, tuple[()]]:
        """Returns the record with this iteration's stepsizes [K], and the memory."""
        del mixture
        schedule = InverseDecay(self.initial, self.exponent)
        return components._replace(stepsizes=stepsizes_by_age(schedule, components)), memory


# Measured on a 5-D mixture of ten Gaussians and on german_credit with 300 and
# 500 iterations. From every component (M) come enough samples for large steps, and smaller ones do
# not arrive in time (the published F needs 100,000 iterations for a full step). Where the
# components share the samples of the mixture (P) each has a few of them: noise that a
# stepsize that large follows makes components collapse. The published settings with P have
# about the same.
def build(
    problem: Problem,
    *,
    initial_component_stepsize: float | None = None,
    component_stepsize_exponent: float = 0.55,
) -> DecayingComponentStepsize:
    """Builds choice D."""
    default = 0.1 if problem.uses("P") else 1.0
    initial = default if initial_component_stepsize is None else initial_component_stepsize
    return DecayingComponentStepsize(initial=initial, exponent=component_stepsize_exponent)


def check(choice: DecayingComponentStepsize) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_positive("initial_component_stepsize", choice.initial)
    require_decay("component_stepsize_exponent", choice.exponent, "F")


CHOICE = Choice(
    "D",
    DecayingComponentStepsize,
    "decaying with a component's age t: initial / (1 + t^exponent)",
    build,
    check=check,
    attributes={"initial_component_stepsize": "initial", "component_stepsize_exponent": "exponent"},
)
