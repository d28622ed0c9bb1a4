"""Choice O: the largest weight update inside a Kullback-Leibler trust region."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.weight_updaters.expected_rewards import (
    reward_components,
    tilt_weights,
)
from gmmvi_jax.numerics.bracketing import meet_bound
from gmmvi_jax.numerics.log_sum import log_sum_exp
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array


def tilt_divergence(log_weights: Array, advantages: Array, scale: Array) -> Array:
    """Returns KL(pi' || pi) for pi' ~ pi exp(scale * advantages).

    Written as sum_o pi_o (rho log rho - rho + 1) with rho = pi' / pi: every term is
    nonnegative, so that small divergences survive float32.

    Args:
        log_weights: [K] log pi, -inf for slots that are not active.
        advantages: [K] finite.
        scale: scalar, not negative.
    """
    tilt = scale * advantages
    log_ratio = tilt - log_sum_exp(log_weights + tilt)
    series = log_ratio**2 * (0.5 + log_ratio * (1.0 / 3.0 + log_ratio * 0.125))
    # pi' log(pi' / pi) - pi' + pi from logarithms: the ratio itself may overflow.
    exact = jnp.exp(log_weights + log_ratio) * (log_ratio - 1.0) + jnp.exp(log_weights)
    terms = jnp.where(jnp.abs(log_ratio) < 0.03, jnp.exp(log_weights) * series, exact)
    return jnp.sum(jnp.where(log_weights == -jnp.inf, 0.0, terms))


def solve_tilt(log_weights: Array, advantages: Array, bound: Array, largest: Array) -> Array:
    """Returns the largest scale <= ``largest`` with KL(pi' || pi) <= bound; 0 if bound is 0.

    Args:
        log_weights: [K], -inf for slots that are not active.
        advantages: [K] expected rewards minus their weighted mean.
        bound: largest KL allowed, not negative.
        largest: the scale of a full natural-gradient step, 1 / beta.
    """
    live = log_weights > -jnp.inf
    spread = jnp.max(jnp.where(live, advantages, -jnp.inf)) - jnp.min(
        jnp.where(live, advantages, jnp.inf)
    )
    dtype = log_weights.dtype
    safe_bound = jnp.maximum(bound, jnp.finfo(dtype).tiny)
    # KL <= scale (E_pi'[r] - E_pi[r]) <= scale * spread.
    feasible = jnp.minimum(safe_bound / jnp.maximum(spread, jnp.finfo(dtype).tiny), largest)
    scale = meet_bound(
        lambda value: tilt_divergence(log_weights, advantages, value),
        safe_bound,
        preferred=largest,
        infeasible=largest,
        feasible=jnp.maximum(feasible, jnp.finfo(dtype).tiny),
    )
    return jnp.where(bound > 0.0, scale.value, 0.0)


@register_pytree
@dataclasses.dataclass(frozen=True)
class TrustRegionWeights:
    """Moves the weights as far as KL(pi' || pi) <= stepsize allows.

    log pi' ~ log pi + r_o / (beta + eta) with the smallest eta >= 0 that satisfies the bound,
    met to 0.1 %. Source: Arenz et al., JMLR 2020, Section 4.1; TMLR 2023, Section 3.

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
        scale = solve_tilt(mixture.log_weights, advantages, stepsize, 1.0 / temperature)
        return tilt_weights(mixture, advantages, scale), components, memory, database


def build(problem: Problem, *, self_normalized_rewards: bool = True) -> TrustRegionWeights:
    """Builds choice O."""
    del problem
    return TrustRegionWeights(self_normalized=self_normalized_rewards)


CHOICE = Choice(
    "O",
    TrustRegionWeights,
    "trust region: KL of the weights bounded by the stepsize",
    build,
    attributes={"self_normalized_rewards": "self_normalized"},
)
