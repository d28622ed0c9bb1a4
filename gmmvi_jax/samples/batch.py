"""The samples of an iteration, and the account of what became of them."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from gmmvi_jax.numerics.blocks import round_up
from gmmvi_jax.numerics.devices import rows_per_visit
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array

# Nats below the lowest finite value of a batch that stand for -inf, outside of the support, where
# values are read: by Z and by the update of the weights. S has a rule of its own.
OUTSIDE_DEPTH = 100.0


@register_pytree
@dataclasses.dataclass(frozen=True)
class SampleBatch:
    """The samples of one iteration, with what the target said of them.

    A sample is not usable if the target returned NaN or +inf there, or a gradient that is not
    finite: it has no weight under any component, and zeros as value and gradient. So have the rows
    of the last chunk beyond ``num_samples``.
    """

    points: Array  # [N, D]
    # [N] log p~(x); where it is -inf a floor: the lowest finite value of its batch - OUTSIDE_DEPTH.
    log_target: Array
    outside: Array  # [N] bool, whether log p~(x) is -inf: the sample is outside of the support
    usable: Array  # [N] bool, whether the sample counts
    # [N, D] its gradient, zero outside of the support; None if the algorithm needs no gradient.
    target_gradient: Array | None
    origins: Array  # [N] int32 which component drew the sample; not known of earlier samples
    num_samples: Array  # [] int32, live rows
    num_usable: Array  # [] int32, live rows that are usable
    chunk_size: int = dataclasses.field(metadata={"static": True})

    @property
    def visit_size(self) -> int:
        """Rows of a block of a pass that devices share; see ``numerics.devices``."""
        return rows_per_visit(self.chunk_size)


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


def empty_batch(
    num_rows: int,
    dim: int,
    chunk_size: int,
    dtype: jnp.dtype,
    has_gradient: bool = True,
) -> SampleBatch:
    """Returns a batch without samples, with room for ``num_rows`` of them.

    Args:
        num_rows: most samples.
        dim: D.
        chunk_size: samples per chunk.
        dtype: of the floats.
        has_gradient: whether it holds the target's gradients.
    """
    # One chunk more than needed: drawing writes slices that may start in the last chunk.
    capacity = round_up(num_rows, chunk_size) + chunk_size
    return SampleBatch(
        points=jnp.zeros((capacity, dim), dtype),
        log_target=jnp.zeros(capacity, dtype),
        outside=jnp.zeros(capacity, bool),
        usable=jnp.zeros(capacity, bool),
        target_gradient=jnp.zeros((capacity, dim), dtype) if has_gradient else None,
        origins=jnp.zeros(capacity, jnp.int32),
        num_samples=jnp.zeros((), jnp.int32),
        num_usable=jnp.zeros((), jnp.int32),
        chunk_size=chunk_size,
    )
