"""Applies a rule for ONE component to all active ones, block by block, in place."""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.numerics.blocks import live_rows, put_block, take_block
from gmmvi_jax.numerics.devices import write_rows
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.sound import is_sound, where_gaussian
from gmmvi_jax.typing import Array


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
        accepted = live & jnp.isfinite(divergence) & jax.vmap(is_sound)(proposal)
        new_block = where_gaussian(accepted, proposal, block)
        divergence = jnp.where(accepted, divergence, jnp.nan)
        return put_block(gaussians, new_block, start), put_block(divergences, divergence, start)

    gaussians, divergences = write_rows(
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
