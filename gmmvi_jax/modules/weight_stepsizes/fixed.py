"""Choice X: the same stepsize always."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_not_negative
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class FixedWeightStepsize:
    """One stepsize for all iterations; 0 keeps the weights as they are.

    Source: Arenz et al., JMLR 2020 (VIPS); TMLR 2023, Section 3.

    Attributes:
        initial: the stepsize, not negative.
    """

    initial: float

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: tuple[()],
        temperature: Array,
    ) -> tuple[Array, tuple[()]]:
        """Returns [] this iteration's stepsize, and the memory."""
        del components, temperature
        return jnp.asarray(self.initial, mixture.log_weights.dtype), memory


# Measured on a 5-D mixture of ten Gaussians. With samples from every component (M) one whose weight
# fell too far comes back, and large steps do no harm. With samples of the mixture (P) it gets none
# any more, and is lost: weights must wait for the components to arrive. The published settings
# with P have from 0 to 0.001.
def build(problem: Problem, *, initial_weight_stepsize: float | None = None) -> FixedWeightStepsize:
    """Builds choice X."""
    default = 0.001 if problem.uses("P") else 0.3
    initial = default if initial_weight_stepsize is None else initial_weight_stepsize
    return FixedWeightStepsize(initial=initial)


def check(choice: FixedWeightStepsize) -> None:
    """Raises ValueError for a stepsize that cannot be right."""
    require_not_negative("initial_weight_stepsize", choice.initial)


CHOICE = Choice(
    "X",
    FixedWeightStepsize,
    "fixed: the same always",
    build,
    check=check,
    attributes={"initial_weight_stepsize": "initial"},
)
