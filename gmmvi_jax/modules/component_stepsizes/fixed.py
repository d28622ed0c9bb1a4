"""Choice F: the same stepsize always."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedComponentStepsize:
    """One stepsize for all components and iterations.

    Source: Lin, Khan, Schmidt, ICML 2019; Arenz et al., TMLR 2023, Section 3.5.

    Attributes:
        initial: the stepsize.
    """

    initial: float

    def __call__(self, components: ComponentRecord) -> ComponentRecord:
        """Returns the record with this iteration's stepsizes [K]."""
        return components._replace(stepsizes=jnp.full_like(components.stepsizes, self.initial))
