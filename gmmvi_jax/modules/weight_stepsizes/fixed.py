"""Choice X: a stepsize that is given: a number, or a schedule."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.schedule_checks import check_schedule
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import Schedule, as_schedule
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedWeightStepsize:
    """One stepsize for all iterations, or one by iteration; 0 keeps the weights as they are.

    Source: Arenz et al., JMLR 2020 (VIPS); TMLR 2023, Section 3.

    Attributes:
        initial: not negative; a number, or a schedule of the weight updates so far, which is 0 at
            the first one.
    """

    initial: float | Schedule

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
        stepsize = as_schedule(self.initial)(memory)
        return jnp.asarray(stepsize, mixture.log_weights.dtype), memory + 1


# Measured on a 5-D mixture of ten Gaussians. With samples from every component (M) one whose weight
# fell too far comes back, and large steps do no harm. With samples of the mixture (P) it gets none
# any more, and is lost: weights must wait for the components to arrive. The published settings
# with P have from 0 to 0.001.
def build(
    problem: Problem, *, initial_weight_stepsize: float | Schedule | None = None
) -> FixedWeightStepsize:
    """Builds choice X."""
    default = 0.001 if problem.uses("P") else 0.3
    initial = default if initial_weight_stepsize is None else initial_weight_stepsize
    return FixedWeightStepsize(initial)


def check(choice: FixedWeightStepsize) -> None:
    """Raises ValueError for a stepsize that cannot be right."""
    check_schedule("initial_weight_stepsize", choice.initial, count=0, positive=False)


CHOICE = Choice(
    "X",
    FixedWeightStepsize,
    "fixed: the same always, or a schedule of the iteration",
    build,
    check=check,
    attributes={"initial_weight_stepsize": "initial"},
)
