"""Adding a component in the first free slot."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.protocol import Remembered
from gmmvi_jax.numerics.blocks import put_row
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.typing import Array

INITIAL_LOG_WEIGHT = math.log(1e-29)  # of a new component: it must earn its weight


def append_component(
    mixture: PaddedMixture,
    remembered: Remembered,
    newborn: Remembered,
    mean: Array,
    variance: Array,
    due: Array,
) -> tuple[PaddedMixture, Remembered]:
    """Adds N(mean, variance I) in the first free slot if ``due``, else touches nothing.

    Args:
        mixture: with a free slot, if due.
        remembered: a pytree of what is remembered; its arrays have K leading, numbers stay.
        newborn: the same of components that were just born.
        mean: [D].
        variance: scalar.
        due: bool.
    """
    dtype = mixture.log_weights.dtype
    log_weight = jnp.asarray(INITIAL_LOG_WEIGHT, dtype)
    gaussian = Gaussian(mean, *mixture.form.isotropic(mixture.dim, jnp.sqrt(variance)))
    return append_gaussian(mixture, remembered, newborn, log_weight, gaussian, due)


def append_gaussian(
    mixture: PaddedMixture,
    remembered: Remembered,
    newborn: Remembered,
    log_weight: Array,
    gaussian: Gaussian,
    due: Array,
) -> tuple[PaddedMixture, Remembered]:
    """Adds a component in the first free slot if ``due``, else touches nothing.

    Args:
        mixture: see ``append_component``, also for the two that follow.
        remembered: of all components.
        newborn: of new ones.
        log_weight: scalar; the other weights stay.
        gaussian: one; its degrees are those of the first component.
        due: bool.
    """
    degrees = mixture.gaussians.degrees
    gaussian = gaussian._replace(degrees=None if degrees is None else degrees[0])
    rows = [array[0] if array.ndim else array for array in jax.tree.leaves(newborn)]
    rows = [*jax.tree.leaves((log_weight, gaussian)), *rows]
    arrays, structure = jax.tree.flatten((mixture.log_weights, mixture.gaussians, remembered))
    wide = [(array, row) for array, row in zip(arrays, rows, strict=True) if array.ndim > 1]

    def write(_: Array, buffers: list[Array]) -> list[Array]:
        return put_row(buffers, [row for _, row in wide], mixture.num_components)

    # A loop of no or one iteration instead of a cond, which under vmap would copy everything.
    written = iter(lax.fori_loop(0, due.astype(jnp.int32), write, [array for array, _ in wide]))
    is_new = due & (jnp.arange(mixture.capacity, dtype=jnp.int32) == mixture.num_components)

    def place(array: Array, row: Array) -> Array:
        if array.ndim > 1:
            return next(written)
        return jnp.where(is_new, row, array) if array.ndim else array

    arrays = [place(array, row) for array, row in zip(arrays, rows, strict=True)]
    log_weights, gaussians, remembered = jax.tree.unflatten(structure, arrays)
    mixture = dataclasses.replace(
        mixture,
        log_weights=log_weights,
        gaussians=gaussians,
        num_components=mixture.num_components + due,
    )
    return mixture, remembered
