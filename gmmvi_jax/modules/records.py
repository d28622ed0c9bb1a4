"""The records that flow between the modules of a step.

Modules never import one another: what one hands to the next is a record of this file, or of
``samples``.
"""

from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.typing import Array, PyTree


class NaturalGradient(NamedTuple):
    """Natural gradients of all components, in each one's whitened coordinates.

    With r(x) = log p~(x) - beta log q(x) and L the component's factor, ``gradient`` is
    L^T E[grad r] and ``hessian`` is -L^T E[hess r] L. Estimators and updaters are
    affine invariant there and share one well-conditioned form; ``g = L^-T gradient`` and
    ``G = L^-T hessian L^-1`` in docs/algorithm.md, "The natural gradient".
    """

    gradient: Array  # [K, D]
    hessian: Array  # [K, D, D] symmetric, or [K, D] for diagonal covariances


class ComponentRecord(NamedTuple):
    """What several modules read of each component; moves with it when others are deleted.

    Every field has K as its leading axis. What one choice alone needs is in its own memory, see
    ``Memories``.
    """

    stepsizes: Array  # [K]
    ages: Array  # [K] int32 updates since birth, rejected ones included
    num_rejected: Array  # [K] int32 rejected updates since birth
    was_rejected: Array  # [K] bool whether the last update was rejected
    divergences: Array  # [K] KL of the last step, 0 if it was rejected
    effective_samples: Array  # [K] (sum w)^2 / sum w^2 behind the last reward
    rewards: Array  # [K] the last reward, the lowest finite number if there is none
    previous_rewards: Array  # [K] the one before


class Memories(NamedTuple):
    """What each choice remembers: what its ``init`` made, and its last call returned.

    An array has K in front, a row for each component, and moves with its component; a number stays
    where it is. A component that is added gets the row that ``init`` makes.
    """

    natural_gradient: PyTree
    component_adaptation: PyTree
    component_updater: PyTree
    component_stepsize: PyTree
    weight_updater: PyTree
    weight_stepsize: PyTree
    iterate_averaging: PyTree


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


def empty_record(capacity: int, dtype: jnp.dtype) -> ComponentRecord:
    """Returns what is known of components that were just born.

    Args:
        capacity: the number of slots K.
        dtype: of the floats.
    """
    zeros = jnp.zeros(capacity, dtype)
    missing = jnp.full(capacity, missing_reward(dtype))
    return ComponentRecord(
        stepsizes=zeros,
        ages=jnp.zeros(capacity, jnp.int32),
        num_rejected=jnp.zeros(capacity, jnp.int32),
        was_rejected=jnp.zeros(capacity, bool),
        divergences=zeros,
        effective_samples=zeros,
        rewards=missing,
        previous_rewards=missing,
    )
