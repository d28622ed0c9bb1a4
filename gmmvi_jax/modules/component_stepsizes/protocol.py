"""What a rule for the components' stepsizes must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.typing import PyTree


class ComponentStepsize(Protocol):
    """Sets this iteration's stepsizes from the rewards of earlier ones.

    A component of age 0 has no stepsize yet: every rule starts from its own initial value there,
    so that fresh components need no special care elsewhere.
    """

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the rule remembers, before the first step; see ``Memories``."""
        ...

    def __call__(
        self, mixture: PaddedMixture, components: ComponentRecord, memory: PyTree
    ) -> tuple[ComponentRecord, PyTree]:
        """Returns the record with this iteration's stepsizes [K], and the memory."""
        ...
