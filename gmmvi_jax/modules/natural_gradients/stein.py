"""Choice S: first-order estimates by Stein's lemma."""

import dataclasses
from functools import partial

import jax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.natural_gradients.jumps import add_jumps
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.blocks import fold_blocks, put_block, take_block
from gmmvi_jax.numerics.devices import fold_own_blocks, merged_sums
from gmmvi_jax.numerics.forms.choice import form_of
from gmmvi_jax.numerics.forms.record import Gaussian, Moments
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.weighted_sum import WeightedSum, add_to_sum, empty_sum, normalizer
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.importance_weights import log_importance_weights, own_samples
from gmmvi_jax.typing import Array, PyTree

_Carry = tuple[WeightedSum, PyTree]  # sums, and what the densities carry


def add_chunk(
    gaussian: Gaussian,
    accumulated: WeightedSum,
    columns: Array,
    reward_gradients: Array,
    log_weights: Array,
) -> WeightedSum:
    """Adds one chunk of samples to ONE component's sums, see ``Moments``.

    Args:
        gaussian: the component.
        accumulated: its sums so far.
        columns: [D, C] the samples.
        reward_gradients: [C, D] grad r.
        log_weights: [C], see ``log_importance_weights``.
    """

    def contribution(weights: Array) -> Moments:
        return form_of(gaussian).moments(gaussian, weights, columns, reward_gradients)

    return add_to_sum(accumulated, log_weights, contribution)


def sum_samples(
    mixture: PaddedMixture,
    database: SampleDatabase,
    temperature: Array,
    empty: WeightedSum,
    only_own_samples: bool,
) -> tuple[WeightedSum, Array]:
    """Returns [K] the sums of ``add_chunk`` over all samples, and [N] log b(x).

    Args:
        mixture: before its update.
        database: its batch are the samples.
        temperature: beta.
        empty: [K] sums of nothing, overwritten.
        only_own_samples: see ``Stein``.
    """
    batch, densities, size = database.batch, database.densities, mixture.block_size

    def add_samples(row: Array, carry: _Carry) -> _Carry:
        sums, scratch = carry
        chunk, scratch = densities.drawn_chunk(mixture, batch, row, scratch)
        points, target_gradient, usable = take_block(
            (batch.points, batch.target_gradient, batch.usable), row, batch.visit_size
        )
        reward_gradients = target_gradient - temperature * chunk.mixture_gradient
        columns = points.T

        def add_to_block(start: Array, sums: WeightedSum) -> WeightedSum:
            block, block_sums = take_block((mixture.gaussians, sums), start, size)
            log_densities = chunk.component_log_densities(start)
            is_own = own_samples(batch, row, start, size) if only_own_samples else None
            log_weights = log_importance_weights(
                log_densities, chunk.log_background, usable, is_own
            )
            added = jax.vmap(add_chunk, in_axes=(0, 0, None, None, 0))(
                block, block_sums, columns, reward_gradients, log_weights
            )
            return put_block(sums, added, start)

        return fold_blocks(mixture.num_components, size, add_to_block, sums), scratch

    initial = (empty, densities.drawn_scratch(mixture, batch))
    sums, scratch = fold_own_blocks(batch.num_samples, batch.visit_size, add_samples, initial)
    return merged_sums(sums)[0], densities.background_of(batch, scratch)


def finish(
    gaussian: Gaussian, accumulated: WeightedSum, num_samples: Array, self_normalized: bool
) -> NaturalGradient:
    """Returns ONE component's whitened natural gradient from its finished sums."""
    scale = normalizer(accumulated, num_samples, self_normalized)
    moments: Moments = accumulated.value
    total = accumulated.total_weight
    return NaturalGradient(*form_of(gaussian).estimate(gaussian, moments, scale, total))


@register_pytree
@dataclasses.dataclass(frozen=True)
class Stein:
    """Natural gradients from the target's gradients; no second derivative is computed.

    g_o = sum_n w_on grad r(x_n),  G_o = -sum_n w_on Lambda_o (x_n - mu_o) grad r(x_n)^T,
    symmetrised. Source: Lin, Khan, Schmidt, "Stein's lemma for the reparameterization trick
    with exponential family mixtures", 2019; Arenz et al., TMLR 2023, Section 3.

    Attributes:
        self_normalized: importance weights sum to one per component, else they are plain.
        only_own_samples: each component uses no samples but those it drew itself, unweighted.
    """

    self_normalized: bool = dataclasses.field(default=True, metadata={"static": True})
    only_own_samples: bool = dataclasses.field(default=False, metadata={"static": True})

    @property
    def uses_target_gradient(self) -> bool:
        """Whether the batch must hold the target's gradients: yes."""
        return True

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
        temperature: Array,
        buffers: NaturalGradient,
    ) -> tuple[NaturalGradient, tuple[()], Array]:
        """Estimates the natural gradients; see ``NaturalGradientEstimator``."""
        del components
        batch = database.batch
        size = mixture.block_size
        rest = form_of(mixture.gaussians).empty_rest(mixture.gaussians)
        empty = empty_sum(
            Moments(*buffers, rest), mixture.log_weights.dtype, mixture.log_weights.shape
        )
        sums, log_background = sum_samples(
            mixture, database, temperature, empty, self.only_own_samples
        )
        # A component that uses its own samples alone weighs each of them 1, and divides by their
        # number, which is the sum of the weights.
        self_normalized = self.self_normalized or self.only_own_samples
        finish_one = partial(finish, num_samples=batch.num_usable, self_normalized=self_normalized)

        def finish_block(start: Array, gradient: NaturalGradient) -> NaturalGradient:
            block = take_block(mixture.gaussians, start, size)
            # The sums' moments lie in the gradient's buffer: read the block, then replace it.
            moments = Moments(*gradient, sums.value.rest)
            block_sums = take_block(sums._replace(value=moments), start, size)
            return put_block(gradient, jax.vmap(finish_one)(block, block_sums), start)

        gradient = NaturalGradient(sums.value.gradient, sums.value.hessian)
        gradient = fold_blocks(mixture.num_components, size, finish_block, gradient)
        gradient = add_jumps(
            mixture,
            batch,
            log_background,
            sums,
            gradient,
            temperature,
            self_normalized,
            self.only_own_samples,
        )
        return gradient, memory, log_background


def build(
    problem: Problem, *, self_normalized_gradients: bool = True, only_own_samples: bool = False
) -> Stein:
    """Builds choice S."""
    del problem
    return Stein(self_normalized=self_normalized_gradients, only_own_samples=only_own_samples)


CHOICE = Choice(
    "S",
    Stein,
    "Stein: first order, from the target's gradients",
    build,
    attributes={"self_normalized_gradients": "self_normalized"},
)
