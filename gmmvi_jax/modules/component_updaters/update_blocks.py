"""Applies a rule for ONE component to all active ones, block by block, in place."""

import dataclasses
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.numerics.blocks import fold_blocks, live_rows, put_block, take_block
from gmmvi_jax.numerics.gaussian import Gaussian, whitening_error
from gmmvi_jax.records import ComponentRecord, NaturalGradient, UpdateInfo
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


class _Changed(NamedTuple):
    """The fields of the component record that an update changes."""

    ages: Array  # [K]
    num_rejected: Array  # [K]
    was_rejected: Array  # [K]
    divergences: Array  # [K]


def update_blocks(
    update_one: UpdateOne,
    mixture: PaddedMixture,
    components: ComponentRecord,
    gradient: NaturalGradient,
    temperature: Array,
) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
    """Updates every active component whose proposal is sound; keeps and counts the others."""
    size = mixture.block_size

    def update_block(
        start: Array, carry: tuple[Gaussian, _Changed, UpdateInfo]
    ) -> tuple[Gaussian, _Changed, UpdateInfo]:
        gaussians, changed, info = carry
        block, record, block_gradient, stepsizes = take_block(
            (gaussians, changed, gradient, components.stepsizes), start, size
        )
        proposal, divergence = jax.vmap(update_one, in_axes=(0, 0, 0, 0, None))(
            block, block_gradient, stepsizes, record.ages, temperature
        )
        live = live_rows(start, size, mixture.num_components)
        sound = jax.vmap(_is_sound)(proposal, divergence)
        accepted = live & sound
        rejected = live & ~sound
        new_block = jax.tree.map(
            lambda new, old: jnp.where(_like(accepted, new), new, old), proposal, block
        )
        new_record = _Changed(
            ages=record.ages + live,
            num_rejected=record.num_rejected + rejected,
            was_rejected=rejected,
            divergences=jnp.where(accepted, divergence, 0.0),
        )
        info = UpdateInfo(
            num_rejected=info.num_rejected + jnp.sum(rejected, dtype=jnp.int32),
            largest_divergence=jnp.maximum(
                info.largest_divergence, jnp.max(new_record.divergences)
            ),
        )
        return put_block(gaussians, new_block, start), put_block(changed, new_record, start), info

    nothing = UpdateInfo(jnp.zeros((), jnp.int32), jnp.zeros((), mixture.log_weights.dtype))
    changed = _Changed(
        components.ages, components.num_rejected, components.was_rejected, components.divergences
    )
    gaussians, changed, info = fold_blocks(
        mixture.num_components, size, update_block, (mixture.gaussians, changed, nothing)
    )
    components = components._replace(**changed._asdict())
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
