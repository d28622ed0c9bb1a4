"""Choice F: a stepsize that is given: a number, or a schedule."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_stepsizes.by_age import stepsizes_by_age
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.schedule_checks import check_schedule
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import Schedule, as_schedule


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedComponentStepsize:
    """One stepsize for all components and iterations, or one by the age of a component.

    Source: Lin, Khan, Schmidt, ICML 2019; Arenz et al., TMLR 2023, Section 3.

    Attributes:
        initial: a number, or a schedule of a component's updates so far (``components.ages``),
            which is 0 at its first update.
    """

    initial: float | Schedule

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self, mixture: PaddedMixture, components: ComponentRecord, memory: tuple[()]
    ) -> tuple[ComponentRecord, tuple[()]]:
        """Returns the record with this iteration's stepsizes [K], and the memory."""
        del mixture
        stepsizes = stepsizes_by_age(as_schedule(self.initial), components)
        return components._replace(stepsizes=stepsizes), memory


# Measured on a 5-D mixture of ten Gaussians and on german_credit with 300 and
# 500 iterations. From every component (M) come enough samples for large steps, and smaller ones do
# not arrive in time (the published F needs 100,000 iterations for a full step). Where the
# components share the samples of the mixture (P) each has a few of them: noise that a
# stepsize that large follows makes components collapse. The published settings with P have
# about the same.
def build(
    problem: Problem, *, initial_component_stepsize: float | Schedule | None = None
) -> FixedComponentStepsize:
    """Builds choice F."""
    default = 0.003 if problem.uses("P") else 0.1
    initial = default if initial_component_stepsize is None else initial_component_stepsize
    return FixedComponentStepsize(initial)


def check(choice: FixedComponentStepsize) -> None:
    """Raises ValueError for a stepsize that cannot be right."""
    check_schedule("initial_component_stepsize", choice.initial, count=0)


CHOICE = Choice(
    "F",
    FixedComponentStepsize,
    "fixed: the same always, or a schedule of a component's age",
    build,
    check=check,
    attributes={"initial_component_stepsize": "initial"},
)
