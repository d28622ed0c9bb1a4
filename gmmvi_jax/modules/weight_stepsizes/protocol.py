"""What a rule for the weights' stepsize must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, WeightRecord
from gmmvi_jax.typing import Array


class WeightStepsize(Protocol):
    """Sets this iteration's stepsize for the weight update."""

    initial: float

    def __call__(
        self,
        weights: WeightRecord,
        mixture: PaddedMixture,
        components: ComponentRecord,
        temperature: Array,
    ) -> WeightRecord:
        """Returns the record with this iteration's stepsize.

        Args:
            weights: the record of the last iteration.
            mixture: with the weights of the last iteration.
            components: with the rewards of the last iteration.
            temperature: beta, scalar.
        """
        ...
