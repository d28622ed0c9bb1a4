"""What a rule for the weights' stepsize must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.typing import Array, PyTree


class WeightStepsize(Protocol):
    """Sets this iteration's stepsize for the weight update."""

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the rule remembers, before the first step; see ``Memories``."""
        ...

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: PyTree,
        temperature: Array,
    ) -> tuple[Array, PyTree]:
        """Returns [] this iteration's stepsize, and the memory.

        Args:
            mixture: with the weights of the last iteration.
            components: with the rewards of the last iteration.
            memory: its own, of the last iteration.
            temperature: beta, scalar.
        """
        ...
