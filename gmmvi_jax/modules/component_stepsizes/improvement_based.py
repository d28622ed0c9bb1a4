"""Choice R: stepsizes that follow the improvement of each component's reward (VIPS)."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.modules.improvement import scale_by_improvement
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree


@register_pytree
@dataclasses.dataclass(frozen=True)
class ImprovementBasedComponentStepsize:
    """Larger after a component's reward improved, smaller after it did not.

    Source: Arenz et al., JMLR 2020, Section 4.2.4; TMLR 2023, Section 3.5.

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

    def __call__(self, components: ComponentRecord) -> ComponentRecord:
        """Returns the record with this iteration's stepsizes [K]."""
        current = jnp.where(components.ages == 0, self.initial, components.stepsizes)
        improved = components.rewards > components.previous_rewards
        stepsizes = scale_by_improvement(
            current, improved, self.lowest, self.highest, self.increase, self.decrease
        )
        return components._replace(stepsizes=stepsizes.astype(components.stepsizes.dtype))
