"""The records that flow between the modules of a step.

Modules never import one another: what one hands to the next is a record of this file. Buffers
have a static capacity; rows beyond the live count hold leftovers and are never read.
"""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.pytree import register_pytree
from gmmvi_jax.typing import Array

# Nats below the lowest finite value of a batch that stand for -inf, outside of the support, where
# values are read: by Z and by the update of the weights. S has a rule of its own.
OUTSIDE_DEPTH = 100.0


@register_pytree
@dataclasses.dataclass(frozen=True)
class SampleBatch:
    """The samples of one iteration, with what the target said of them.

    A sample that must not count (the target returned NaN or +inf) has ``log_background``
    +inf, which is no weight under every component, and zeros elsewhere; so have the rows of
    the last chunk beyond ``num_samples``. No module needs a mask.

    With ``log_shares`` a selector leaves 0 in place of a finite ``log_background``: b(x) is then
    the mixture of the components with these shares, and the estimator of natural gradients,
    which computes their densities anyway, fills it in. All modules behind it find it complete.
    """

    points: Array  # [N, D]
    # [N] log p~(x); where it is -inf a floor: the lowest finite value of its batch - OUTSIDE_DEPTH.
    log_target: Array
    outside: Array  # [N] bool, whether log p~(x) is -inf: the sample is outside of the support
    # [N, D] its gradient, zero outside of the support; None if the algorithm needs no gradient.
    target_gradient: Array | None
    log_background: Array  # [N] log density b(x) of what generated the samples; +inf: no weight
    origins: Array  # [N] int32 which component drew the sample; not known of earlier samples
    log_shares: Array | None  # [K] log of each component's share of the samples; None: see above
    num_samples: Array  # [] int32, live rows
    num_usable: Array  # [] int32, live rows that count
    chunk_size: int = dataclasses.field(metadata={"static": True})


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


class SampleAccount(NamedTuple):
    """What became of the samples that an iteration drew.

    A sample has at most one of the faults. NaN, +inf and a gradient that is not finite make it
    unusable. One outside of the support counts, and so does one whose gradient is zero.

    The counts are one array, since each output of a step is a kernel to compile.
    """

    counts: Array  # [..., 6] int32, see the properties

    @property
    def num_drawn(self) -> Array:
        """[...] samples, each one a target evaluation."""
        return self.counts[..., 0]

    @property
    def num_outside(self) -> Array:
        """[...] samples whose log density is -inf."""
        return self.counts[..., 1]

    @property
    def num_nan_values(self) -> Array:
        """[...] samples whose log density is NaN."""
        return self.counts[..., 2]

    @property
    def num_infinite_values(self) -> Array:
        """[...] samples whose log density is +inf."""
        return self.counts[..., 3]

    @property
    def num_nonfinite_gradients(self) -> Array:
        """[...] samples whose gradient is NaN or infinite though the log density is finite."""
        return self.counts[..., 4]

    @property
    def num_zero_gradients(self) -> Array:
        """[...] samples whose gradient is exactly zero where the log density is finite."""
        return self.counts[..., 5]

    @property
    def num_unusable(self) -> Array:
        """[...] samples that must not count."""
        return self.counts[..., 2:5].sum(axis=-1, dtype=self.counts.dtype)


NUM_ACCOUNTS = 6  # counts of a SampleAccount


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
