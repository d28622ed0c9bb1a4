"""No averaging: the last mixture, as published."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree


@register_pytree
@dataclasses.dataclass(frozen=True)
class LastIterate:
    """Returns the last mixture; remembers nothing."""

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns no memory."""
        del mixture
        return ()

    def __call__(
        self,
        before: PaddedMixture,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: tuple[()],
    ) -> tuple[()]:
        """Returns no memory."""
        del before, mixture, components
        return memory

    def average(self, mixture: PaddedMixture, memory: tuple[()]) -> PaddedMixture:
        """Returns the mixture itself."""
        del memory
        return mixture
