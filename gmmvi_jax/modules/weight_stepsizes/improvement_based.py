"""Choice N: a stepsize that follows the improvement of the objective."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.improvement import scale_by_improvement
from gmmvi_jax.modules.records import ComponentRecord, missing_reward
from gmmvi_jax.modules.stepsize_checks import require_order
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_not_negative, require_positive
from gmmvi_jax.typing import Array


class Progress(NamedTuple):
    """What an improvement is measured by."""

    stepsize: Array  # [] of the last iteration
    objective: Array  # [] J at the last iteration, the lowest finite number before the first


def objective_of_rewards(
    mixture: PaddedMixture, components: ComponentRecord, temperature: Array
) -> Array:
    """Returns J = sum_o pi_o R_o - beta sum_o pi_o log pi_o, or the lowest finite number.

    R_o = r_o + beta log pi_o is the reward of the last iteration and pi the weights as they are
    now. A component without a reward, because it was just added, counts as in the published code:
    with the lowest float32. Times the weight of a new component, 1e-29, that is -3e9, of which
    float32 resolves no less than 256 nats. So an iteration after an addition is no improvement; and
    where one is added in every iteration the stepsize stays large as long as J rises by
    hundreds of nats, and shrinks from then on. Leaving such components out instead keeps it large
    to the end, and the weights then follow the noise of their rewards (``docs/performance.md``).
    """
    missing = missing_reward(components.rewards.dtype)
    known = mixture.active & (components.rewards > missing)
    log_weights = jnp.where(mixture.active, mixture.log_weights, 0.0)
    shares = jnp.where(mixture.active, jnp.exp(log_weights), 0.0)
    rewards = jnp.where(known, components.rewards, 0.0)
    objective = jnp.sum(shares * (rewards - temperature * log_weights))
    fresh = jnp.sum(jnp.where(known, 0.0, shares)) * float(jnp.finfo(jnp.float32).min)
    # In float32 whatever the run's dtype: the rounding is the point.
    coarse = objective.astype(jnp.float32) + fresh.astype(jnp.float32)
    objective = jnp.where(fresh < 0.0, coarse.astype(objective.dtype), objective)
    return jnp.where(jnp.any(known), objective, missing)


@register_pytree
@dataclasses.dataclass(frozen=True)
class ImprovementBasedWeightStepsize:
    """Larger after the objective improved, smaller after it did not.

    Source: Arenz et al., TMLR 2023, Section 3; ``objective_of_rewards`` on fresh components.

    Attributes:
        initial: stepsize before the first update; may lie outside [lowest, highest].
        lowest: decreasing stops here.
        highest: increasing stops here.
        increase: factor after an improvement.
        decrease: factor after none.
    """

    initial: float
    lowest: float
    highest: float
    increase: float
    decrease: float

    def init(self, mixture: PaddedMixture) -> Progress:
        """Returns what the choice remembers: the last stepsize and the objective then."""
        dtype = mixture.log_weights.dtype
        return Progress(jnp.asarray(self.initial, dtype), missing_reward(dtype))

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: Progress,
        temperature: Array,
    ) -> tuple[Array, Progress]:
        """Returns [] this iteration's stepsize, and the memory."""
        objective = objective_of_rewards(mixture, components, temperature)
        stepsize = scale_by_improvement(
            memory.stepsize,
            objective > memory.objective,
            self.lowest,
            self.highest,
            self.increase,
            self.decrease,
        )
        stepsize = stepsize.astype(memory.stepsize.dtype)
        return stepsize, Progress(stepsize, objective)


def build(
    problem: Problem,
    *,
    # Published SAMTRON settings of the study, not the code's defaults (1, 1e-4, 1).
    initial_weight_stepsize: float = 0.1,
    min_weight_stepsize: float = 1e-5,
    max_weight_stepsize: float = 4.0,
    weight_stepsize_increase: float = 1.15,
    weight_stepsize_decrease: float = 0.85,
) -> ImprovementBasedWeightStepsize:
    """Builds choice N."""
    del problem
    return ImprovementBasedWeightStepsize(
        initial=initial_weight_stepsize,
        lowest=min_weight_stepsize,
        highest=max_weight_stepsize,
        increase=weight_stepsize_increase,
        decrease=weight_stepsize_decrease,
    )


def check(choice: ImprovementBasedWeightStepsize) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_not_negative("initial_weight_stepsize", choice.initial)
    require_not_negative("min_weight_stepsize", choice.lowest)
    require_not_negative("max_weight_stepsize", choice.highest)
    require_positive("weight_stepsize_increase", choice.increase)
    require_positive("weight_stepsize_decrease", choice.decrease)
    require_order("weight_stepsize", choice.lowest, choice.highest)


CHOICE = Choice(
    "N",
    ImprovementBasedWeightStepsize,
    "improvement-based: larger after an improvement, else smaller",
    build,
    check=check,
    attributes={
        "initial_weight_stepsize": "initial",
        "min_weight_stepsize": "lowest",
        "max_weight_stepsize": "highest",
        "weight_stepsize_increase": "increase",
        "weight_stepsize_decrease": "decrease",
    },
)
