"""Choice R: stepsizes that follow the improvement of each component's reward (VIPS)."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.improvement import scale_by_improvement
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.stepsize_checks import require_order
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_positive


@register_pytree
@dataclasses.dataclass(frozen=True)
class ImprovementBasedComponentStepsize:
    """Larger after a component's reward improved, smaller after it did not.

    Source: Arenz et al., JMLR 2020, Section 4.2.4; TMLR 2023, Section 3.

    Attributes:
        initial: stepsize before a component's first update; may lie outside [lowest, highest].
        lowest: decreasing stops here.
        highest: increasing stops here.
        increase: factor after an improvement.
        decrease: factor after none.
    """

    initial: float
    lowest: float
    highest: float
    increase: float
    decrease: float

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self, mixture: PaddedMixture, components: ComponentRecord, memory: tuple[()]
    ) -> tuple[ComponentRecord, tuple[()]]:
        """Returns the record with this iteration's stepsizes [K], and the memory."""
        del mixture
        current = jnp.where(components.ages == 0, self.initial, components.stepsizes)
        improved = components.rewards > components.previous_rewards
        stepsizes = scale_by_improvement(
            current, improved, self.lowest, self.highest, self.increase, self.decrease
        )
        return components._replace(stepsizes=stepsizes.astype(components.stepsizes.dtype)), memory


def build(
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


def check(choice: ImprovementBasedComponentStepsize) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_positive("initial_component_stepsize", choice.initial)
    require_positive("min_component_stepsize", choice.lowest)
    require_positive("max_component_stepsize", choice.highest)
    require_positive("component_stepsize_increase", choice.increase)
    require_positive("component_stepsize_decrease", choice.decrease)
    require_order("component_stepsize", choice.lowest, choice.highest)


CHOICE = Choice(
    "R",
    ImprovementBasedComponentStepsize,
    "improvement-based: larger after an improvement, else smaller",
    build,
    check=check,
    attributes={
        "initial_component_stepsize": "initial",
        "min_component_stepsize": "lowest",
        "max_component_stepsize": "highest",
        "component_stepsize_increase": "increase",
        "component_stepsize_decrease": "decrease",
    },
)
