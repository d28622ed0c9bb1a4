"""Choice X: the same stepsize always."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, WeightRecord
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedWeightStepsize:
    """One stepsize for all iterations; 0 keeps the weights as they are.

    Source: Arenz et al., JMLR 2020 (VIPS); TMLR 2023, Section 3.7.

    Attributes:
        initial: the stepsize, not negative.
    """

    initial: float

    def __call__(
        self,
        weights: WeightRecord,
        mixture: PaddedMixture,
        components: ComponentRecord,
        temperature: Array,
    ) -> WeightRecord:
        """Returns the record with this iteration's stepsize."""
        del mixture, components, temperature
        return weights._replace(stepsize=jnp.full_like(weights.stepsize, self.initial))
