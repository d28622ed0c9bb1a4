"""Choice G: a stepsize that decays over the iterations."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, WeightRecord
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class DecayingWeightStepsize:
    """initial / (1 + t^exponent), t = weight updates so far: the first step has t = 0.

    Source: Khan and Nielsen 2018; Arenz et al., TMLR 2023, Section 3.7.

    Attributes:
        initial: stepsize of the first update, not negative.
        exponent: how fast it decays, not negative.
    """

    initial: float
    exponent: float

    def __call__(
        self,
        weights: WeightRecord,
        mixture: PaddedMixture,
        components: ComponentRecord,
        temperature: Array,
    ) -> WeightRecord:
        """Returns the record with this iteration's stepsize."""
        del mixture, components, temperature
        dtype = weights.stepsize.dtype
        decay = 1.0 + weights.num_updates.astype(dtype) ** self.exponent
        return weights._replace(stepsize=(self.initial / decay).astype(dtype))
