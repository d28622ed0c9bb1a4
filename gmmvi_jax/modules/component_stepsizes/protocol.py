"""What a rule for the components' stepsizes must do."""

from typing import Protocol

from gmmvi_jax.modules.records import ComponentRecord


class ComponentStepsize(Protocol):
    """Sets this iteration's stepsizes from the rewards of earlier ones.

    A component of age 0 has no stepsize yet: every rule starts from its own initial value there,
    so that fresh components need no special care elsewhere.
    """

    def __call__(self, components: ComponentRecord) -> ComponentRecord:
        """Returns the record with this iteration's stepsizes [K]."""
        ...
