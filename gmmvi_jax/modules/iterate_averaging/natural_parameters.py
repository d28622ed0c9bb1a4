"""Averages of natural parameters over a window that grows with a component's age."""

import dataclasses
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.forms.array_steps import change_precision
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.log_sum import normalised
from gmmvi_jax.numerics.products import product
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.roots import apply_factor, apply_transposed_factor, unit_like
from gmmvi_jax.numerics.sound import is_sound, where_gaussian
from gmmvi_jax.typing import Array


class Averages(NamedTuple):
    """The averages of all components, each in the whitened coordinates of its last iterate.

    There they stay near those of a standard normal, whatever the covariance: averages of the
    precisions themselves lose in float32 what is badly conditioned.
    """

    precisions: Array  # [K, D, D] or [K, D]
    linears: Array  # [K, D] precision times mean
    log_weights: Array  # [K]
    counts: Array  # [K] int32 iterates that the window is for: since birth, or fewer
    lags: Array  # [K] KL between average and last iterate, to second order


_BlockAverages: TypeAlias = tuple[Array, Array, Array]  # precisions, linears, lags


@register_pytree
@dataclasses.dataclass(frozen=True)
class NaturalParameterAverage:
    """Averages each component's natural parameters, and its log weight.

    Noise of the gradients makes components jitter around where they belong; that costs nats which
    an average over iterations gives back, for no evaluation. Iterate n of a component enters with
    the rate (c + 1) / (n + c), which weighs it by about n^c among the first n: the window grows
    with the component's age and forgets where it came from.

    Sources: Polyak and Juditsky, 1992, for averages of iterates; Shamir and Zhang, ICML 2013, for
    the rate (polynomial decay).

    A component that travels leaves its average behind: the KL between the two grows with the square
    of the window, while around a fixed place it stays a few times the KL of a step. Where it is
    more than ``largest_lag`` times that the window is halved.

    Attributes:
        exponent: c; the window is about 1 / (c + 1) of the age.
        largest_lag: KL(average || iterate) over the KL of the last step.
    """

    # -ELBO of the last iterate, and of averages with (exponent, largest lag). breast_cancer after
    # 450 iterations 78.330; 78.292 (12, none), 78.293 (12, 10); after 300 with reuse 78.530;
    # 78.439, 78.475, 78.506 (12, 2). planar_robot_4 after 81 iterations 12.772; 12.416, 12.416;
    # but after 27, while components travel, 13.37; 15.3 (6, none), 13.43, 13.01 (12, 2).
    exponent: float | Array = 12.0
    largest_lag: float | Array = 10.0

    def init(self, mixture: PaddedMixture) -> Averages:
        """Returns averages of nothing, which are the iterate."""
        gaussians, log_weights = mixture.gaussians, mixture.log_weights
        unit = unit_like(gaussians.factor[0])
        return Averages(
            precisions=jnp.broadcast_to(unit, gaussians.factor.shape),
            linears=jnp.zeros_like(gaussians.mean),
            log_weights=jnp.zeros_like(log_weights),
            counts=jnp.zeros(mixture.capacity, jnp.int32),
            lags=jnp.zeros_like(log_weights),
        )

    def __call__(
        self,
        before: PaddedMixture,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: Averages,
    ) -> Averages:
        """Returns the averages with an iterate taken in; see ``IterateAveraging``."""
        is_lagging = memory.lags > self.largest_lag * components.divergences
        kept = jnp.where(is_lagging, memory.counts // 2, memory.counts)
        counts = kept + mixture.active
        rates = (self.exponent + 1.0) / (jnp.maximum(counts, 1) + self.exponent)
        rates = rates.astype(mixture.log_weights.dtype)
        size = mixture.block_size

        def take_in(start: Array, carry: _BlockAverages) -> _BlockAverages:
            olds, news, block_rates, block = take_block(
                (before.gaussians, mixture.gaussians, rates, carry), start, size
            )
            averages = jax.vmap(_take_in)(olds, news, block_rates, *block[:2])
            return put_block(carry, averages, start)

        precisions, linears, lags = fold_blocks(
            mixture.num_components,
            size,
            take_in,
            (memory.precisions, memory.linears, memory.lags),
        )
        change = jnp.where(mixture.active, mixture.log_weights - memory.log_weights, 0.0)
        return Averages(precisions, linears, memory.log_weights + rates * change, counts, lags)

    def average(self, mixture: PaddedMixture, memory: Averages) -> PaddedMixture:
        """Returns the averages as a mixture; see ``IterateAveraging``.

        A component that was just born, or whose average is not sound, is as in the iterate.
        """
        return _average(mixture, memory)


def _take_in(
    old: Gaussian, new: Gaussian, rate: Array, precision: Array, linear: Array
) -> _BlockAverages:
    """Returns ONE component's averages in the coordinates of its new Gaussian, which is taken in.

    Args:
        old: the Gaussian before; z = L^-1 (x - mean) are its coordinates.
        new: the Gaussian now; with z', z = T z' + s.
        rate: of the new one.
        precision: A, of the average in z.
        linear: b; the average has the mean A^-1 b in z.
    """
    shift = apply_factor(old.inverse_factor, new.mean - old.mean)
    linear = linear - apply_factor(precision, shift)
    if precision.ndim == 1:
        turn = old.inverse_factor * new.factor
        precision = precision * jnp.square(turn)
    else:
        turn = product(old.inverse_factor, new.factor)
        precision = product(turn.T, product(precision, turn))
    linear = apply_transposed_factor(turn, linear)
    # In its own coordinates the new Gaussian has the precision 1 and the mean 0.
    excess = (1.0 - rate) * (precision - unit_like(precision))
    linear = (1.0 - rate) * linear
    lag = 0.5 * jnp.sum(jnp.square(linear)) + 0.25 * jnp.sum(jnp.square(excess))
    return unit_like(precision) + excess, linear, lag


@jax.jit
def _average(mixture: PaddedMixture, memory: Averages) -> PaddedMixture:
    size = mixture.block_size

    def place(start: Array, gaussians: Gaussian) -> Gaussian:
        block, precisions, linears = take_block(
            (gaussians, memory.precisions, memory.linears), start, size
        )
        averages = jax.vmap(change_precision)(block, precisions, linears)
        chosen = where_gaussian(jax.vmap(is_sound)(averages), averages, block)
        return put_block(gaussians, chosen, start)

    gaussians = fold_blocks(mixture.num_components, size, place, mixture.gaussians)
    has_average = mixture.active & (memory.counts > 0)
    log_weights = jnp.where(has_average, memory.log_weights, mixture.log_weights)
    return dataclasses.replace(mixture, gaussians=gaussians, log_weights=normalised(log_weights))
