"""Choice U: a plain natural-gradient step of the weights (iBayes-GMM, VIPS)."""

import dataclasses

from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.weight_updaters.tilted_weights import TiltedWeights
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class DirectWeights(TiltedWeights):
    """Moves the weights along their natural gradient, by the stepsize.

    log pi' ~ log pi + eps / beta r_o. With eps = 1 that is the optimum for rewards that do not
    depend on the weights (VIPS' update); beyond 1 it overshoots. Source: Arenz et al., JMLR 2020,
    Section 4.1; Lin, Khan, Schmidt, ICML 2019; TMLR 2023, Section 3.
    """

    def scale_of(
        self, log_weights: Array, advantages: Array, stepsize: Array, temperature: Array
    ) -> Array:
        """Returns [] the stepsize over beta; see ``TiltedWeights``."""
        del log_weights, advantages
        return stepsize / temperature


def build(problem: Problem, *, self_normalized_rewards: bool = True) -> DirectWeights:
    """Builds choice U."""
    del problem
    return DirectWeights(self_normalized=self_normalized_rewards)


CHOICE = Choice(
    "U",
    DirectWeights,
    "direct: natural gradient times the stepsize",
    build,
    attributes={"self_normalized_rewards": "self_normalized"},
)
