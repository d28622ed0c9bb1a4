"""Applies a rule for ONE component to all active ones, block by block, in place."""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.gaussian import Gaussian, whitening_error
from gmmvi_jax.typing import Array

LARGEST_WHITENING_ERROR = 1.0  # standard deviations by which rounding may move a sample


class UpdateOne(Protocol):
    """Proposes a new Gaussian for ONE component, and the KL of the step."""

    def __call__(
        self,
        gaussian: Gaussian,
        gradient: NaturalGradient,
        stepsize: Array,
        age: Array,
        temperature: Array,
        /,
    ) -> tuple[Gaussian, Array]:
        """Returns the proposal and KL(proposal || gaussian); NaN anywhere means failure."""
        ...


def update_blocks(
    update_one: UpdateOne,
    mixture: PaddedMixture,
    components: ComponentRecord,
    gradient: NaturalGradient,
    temperature: Array,
) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
    """Updates every active component whose proposal is sound; keeps and counts the others."""
    size = mixture.block_size

    def update_block(start: Array, carry: tuple[Gaussian, Array]) -> tuple[Gaussian, Array]:
        gaussians, divergences = carry
        block, block_gradient, stepsizes, ages = take_block(
            (gaussians, gradient, components.stepsizes, components.ages), start, size
        )
        proposal, divergence = jax.vmap(update_one, in_axes=(0, 0, 0, 0, None))(
            block, block_gradient, stepsizes, ages, temperature
        )
        live = live_rows(start, size, mixture.num_components)
        accepted = live & jax.vmap(_is_sound)(proposal, divergence)
        new_block = jax.tree.map(
            lambda new, old: jnp.where(_like(accepted, new), new, old), proposal, block
        )
        divergence = jnp.where(accepted, divergence, jnp.nan)
        return put_block(gaussians, new_block, start), put_block(divergences, divergence, start)

    gaussians, divergences = fold_blocks(
        mixture.num_components, size, update_block, (mixture.gaussians, components.divergences)
    )
    active = mixture.active
    rejected = active & jnp.isnan(divergences)
    divergences = jnp.where(active & ~rejected, divergences, 0.0)
    components = components._replace(
        ages=components.ages + active,
        num_rejected=components.num_rejected + rejected,
        was_rejected=rejected,
        divergences=divergences,
    )
    info = UpdateInfo(jnp.sum(rejected, dtype=jnp.int32), jnp.max(divergences))
    return dataclasses.replace(mixture, gaussians=gaussians), components, info


def _is_sound(proposal: Gaussian, divergence: Array) -> Array:
    """Returns whether a proposal is finite, and wide enough for its float type.

    A component that collapses, as iBLR's do on noisy gradients, would otherwise end in densities
    that are not finite, and take the whole mixture with it.
    """
    leaves = (*proposal, divergence)
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))
    return finite & (whitening_error(proposal) < LARGEST_WHITENING_ERROR)


def _like(mask: Array, array: Array) -> Array:
    return mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))
