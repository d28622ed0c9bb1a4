"""Choice G: a stepsize that decays over the iterations."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.stepsize_checks import require_decay
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import InverseDecay
from gmmvi_jax.requirements import require_not_negative
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class DecayingWeightStepsize:
    """initial / (1 + t^exponent), t = weight updates so far: the first step has t = 0.

    Source: see ``InverseDecay``.

    Attributes:
        initial: stepsize of the first update, not negative.
        exponent: how fast it decays, not negative.
    """

    initial: float
    exponent: float

    def init(self, mixture: PaddedMixture) -> Array:
        """Returns [] int32 what the choice remembers: the number of weight updates so far."""
        del mixture
        return jnp.zeros((), jnp.int32)

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: Array,
        temperature: Array,
    ) -> tuple[Array, Array]:
        """Returns [] this iteration's stepsize, and the memory."""
        del components, temperature
        stepsize = InverseDecay(self.initial, self.exponent)(memory)
        return stepsize.astype(mixture.log_weights.dtype), memory + 1


# Measured on a 5-D mixture of ten Gaussians. With samples from every component (M) one whose weight
# fell too far comes back, and large steps do no harm. With samples of the mixture (P) it gets none
# any more, and is lost: weights must wait for the components to arrive. The published settings
# with P have from 0 to 0.001.
def build(
    problem: Problem,
    *,
    initial_weight_stepsize: float | None = None,
    weight_stepsize_exponent: float = 0.55,
) -> DecayingWeightStepsize:
    """Builds choice G."""
    default = 0.003 if problem.uses("P") else 1.0
    initial = default if initial_weight_stepsize is None else initial_weight_stepsize
    return DecayingWeightStepsize(initial=initial, exponent=weight_stepsize_exponent)


def check(choice: DecayingWeightStepsize) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_not_negative("initial_weight_stepsize", choice.initial)
    require_decay("weight_stepsize_exponent", choice.exponent, "X")


CHOICE = Choice(
    "G",
    DecayingWeightStepsize,
    "decaying over the iterations t: initial / (1 + t^exponent)",
    build,
    check=check,
    attributes={"initial_weight_stepsize": "initial", "weight_stepsize_exponent": "exponent"},
)
