"""The records that flow between the modules of a step.

Modules never import one another: what one hands to the next is a record of this file, or of
``samples``.
"""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.typing import Array


class NaturalGradient(NamedTuple):
    """Natural gradients of all components, in each one's whitened coordinates.

    With r(x) = log p~(x) - beta log q(x) and L the component's factor, ``gradient`` is
    L^T E[grad r] and ``hessian`` is -L^T E[hess r] L. Estimators and updaters are
    affine invariant there and share one well-conditioned form; ``g = L^-T gradient`` and
    ``G = L^-T hessian L^-1`` in the letters of ALGORITHM.md.
    """

    gradient: Array  # [K, D]
    hessian: Array  # [K, D, D] symmetric, or [K, D] for diagonal covariances


class ComponentRecord(NamedTuple):
    """What is remembered of each component; moves with it when others are deleted.

    Every field has K as its leading axis, so that one ``tree.map`` moves a component.
    """

    stepsizes: Array  # [K]
    ages: Array  # [K] int32 updates since birth, rejected ones included
    num_rejected: Array  # [K] int32 rejected updates since birth
    was_rejected: Array  # [K] bool whether the last update was rejected
    ridge_factors: Array  # [K] of the last regression (choice Z), meaningless before the first
    divergences: Array  # [K] KL of the last step, 0 if it was rejected
    effective_samples: Array  # [K] (sum w)^2 / sum w^2 behind the last reward
    rewards: Array  # [K] the last reward, the lowest finite number if there is none
    previous_rewards: Array  # [K] the one before
    reward_history: Array  # [K, H] ring buffer, column iteration % H
    weight_history: Array  # [K, H]


class WeightRecord(NamedTuple):
    """What is remembered for the update of the mixture's weights."""

    stepsize: Array  # []
    objective: Array  # [] J at the last stepsize update, the lowest finite number before
    num_updates: Array  # [] int32 weight updates so far


class AdaptationRecord(NamedTuple):
    """What the adaptation of the number of components remembers."""

    num_searches: Array  # [] int32 times a place for a new component was looked for


class UpdateInfo(NamedTuple):
    """What a component update reports."""

    num_rejected: Array  # [] int32
    largest_divergence: Array  # []


class AdaptationInfo(NamedTuple):
    """What an adaptation of the number of components reports."""

    num_added: Array  # [] int32
    num_deleted: Array  # [] int32
    num_target_evaluations: Array  # [] int32 spent on candidates from the prior


def missing_reward(dtype: jnp.dtype) -> Array:
    """Returns what stands for a reward that does not exist yet: the lowest finite number."""
    return jnp.asarray(jnp.finfo(dtype).min, dtype)
