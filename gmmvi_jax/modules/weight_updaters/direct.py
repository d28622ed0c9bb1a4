"""Choice U: a plain natural-gradient step of the weights (iBayes-GMM, VIPS)."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.weight_updaters.expected_rewards import (
    reward_components,
    tilt_weights,
)
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array


@register_pytree
@dataclasses.dataclass(frozen=True)
class DirectWeights:
    """Moves the weights along their natural gradient, by the stepsize.

    log pi' ~ log pi + eps / beta r_o. With eps = 1 that is the optimum for rewards that do not
    depend on the weights (VIPS' update); beyond 1 it overshoots. Source: Arenz et al., JMLR 2020,
    Section 4.1; Lin, Khan, Schmidt, ICML 2019; TMLR 2023, Section 3.

    Attributes:
        self_normalized: importance weights sum to one per component, else they are plain.
    """

    self_normalized: bool = dataclasses.field(default=True, metadata={"static": True})

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: tuple[()],
        database: SampleDatabase,
        log_background: Array,
        stepsize: Array,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, tuple[()], SampleDatabase]:
        """Updates the weights; see ``WeightUpdater``."""
        components, database, advantages = reward_components(
            mixture, components, database, log_background, temperature, self.self_normalized
        )
        mixture = tilt_weights(mixture, advantages, stepsize / temperature)
        return mixture, components, memory, database


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
