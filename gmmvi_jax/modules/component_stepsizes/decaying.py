"""Choice D: stepsizes that decay with the age of their component."""

import dataclasses

from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree


@register_pytree
@dataclasses.dataclass(frozen=True)
class DecayingComponentStepsize:
    """initial / (1 + t^exponent), t = updates since birth, rejected ones included.

    The first step of every component has t = 0, whenever it is born. With an exponent in (0.5, 1]
    the stepsizes sum to infinity and their squares do not (Robbins and Monro 1951). Source:
    Khan and Nielsen 2018; Arenz et al., TMLR 2023, Section 3.5.

    Attributes:
        initial: stepsize of a component's first update.
        exponent: how fast it decays, not negative.
    """

    initial: float
    exponent: float

    def __call__(self, components: ComponentRecord) -> ComponentRecord:
        """Returns the record with this iteration's stepsizes [K]."""
        dtype = components.stepsizes.dtype
        decay = 1.0 + components.ages.astype(dtype) ** self.exponent
        return components._replace(stepsizes=(self.initial / decay).astype(dtype))
