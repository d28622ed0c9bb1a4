"""Candidates for the mean of a new component, and which of them is best."""

from typing import NamedTuple, Self

import jax.numpy as jnp

from gmmvi_jax.mixture.densities import log_density
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.numerics.blocks import put_block
from gmmvi_jax.numerics.devices import highest_of, merged_rows
from gmmvi_jax.typing import Array


class Candidates(NamedTuple):
    """What is known of the candidates; those not visited have no usable value."""

    log_target: Array  # [M], -inf where the value is not usable
    log_mixture: Array  # [M]
    rows: Array  # [M] int32, see the search
    highest_log_mixture: Array  # [] of those with a usable value

    def add(
        self, mixture: PaddedMixture, first: Array, points: Array, values: Array, rows: Array
    ) -> Self:
        """Adds a chunk of candidates.

        Args:
            mixture: the updated mixture.
            first: [] int32, the position of the chunk.
            points: [C, D].
            values: [C] log p~(x); what is not finite is not usable.
            rows: [C] int32.
        """
        usable = jnp.isfinite(values)
        densities = log_density(mixture, mixture.log_weights, points)
        highest = jnp.max(jnp.where(usable, densities, -jnp.inf))
        return type(self)(
            log_target=put_block(self.log_target, jnp.where(usable, values, -jnp.inf), first),
            log_mixture=put_block(self.log_mixture, densities, first),
            rows=put_block(self.rows, rows, first),
            highest_log_mixture=jnp.maximum(self.highest_log_mixture, highest),
        )

    def merged(self, before: Self, count: Array, size: int, first_row: int) -> Self:
        """Returns the candidates that all devices have added; see ``merged_rows``."""
        rows = merged_rows(before[:-1], self[:-1], count, size, first_row)
        return type(self)(*rows, highest_log_mixture=highest_of(self.highest_log_mixture))

    def best(self, threshold: Array) -> tuple[Array, Array]:
        """Returns [] int32 the position of the best candidate, and [] bool whether there is any.

        It maximises log p~(x) - max(log q(x), max_x' log q(x') - threshold): a place where the
        target has mass that the mixture misses, while places where the mixture is low anyway do
        not win by that alone. Source: Arenz et al., JMLR 2020, Section 4.2.2.
        """
        floor = self.highest_log_mixture - threshold
        scores = self.log_target - jnp.maximum(self.log_mixture, floor)
        position = jnp.argmax(scores).astype(jnp.int32)
        return position, scores[position] > -jnp.inf


def no_candidates(count: int, dtype: jnp.dtype) -> Candidates:
    """Returns room for ``count`` candidates."""
    return Candidates(
        log_target=jnp.full(count, -jnp.inf, dtype),
        log_mixture=jnp.zeros(count, dtype),
        rows=jnp.zeros(count, jnp.int32),
        highest_log_mixture=jnp.asarray(-jnp.inf, dtype),
    )
