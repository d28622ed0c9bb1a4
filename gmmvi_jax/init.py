"""The state before the first step, and one with components from outside."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from gmmvi_jax.config import Algorithm, require_algorithm
from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.mixture.padded import PaddedMixture, from_gmm
from gmmvi_jax.modules.component_adaptation.appending import append_gaussian
from gmmvi_jax.modules.component_adaptation.protocol import Remembered
from gmmvi_jax.modules.records import ComponentRecord, Memories, NaturalGradient
from gmmvi_jax.numerics.block_sizes import block_sizes
from gmmvi_jax.numerics.exact_counter import zero_counter
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.samples.archive import empty_archive
from gmmvi_jax.samples.batch import empty_batch
from gmmvi_jax.samples.computed_densities import ComputedDensities
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import empty_window
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.state import TrainState
from gmmvi_jax.typing import Array, PRNGKey


def init(
    algorithm: Algorithm, rng_key: PRNGKey | int, initial: Mixture | None = None
) -> TrainState:
    """Returns the state before the first step; pure, may be jitted and vmapped over keys.

    Args:
        algorithm: the seven choices.
        rng_key: typed or legacy key of the whole run, or an integer, its seed.
        initial: the initial mixture; by default it is drawn by ``algorithm.initial_mixture``.
    """
    require_algorithm(algorithm)
    if initial is not None:
        require_gmm("initial", initial)
    key_mixture, key_run = jax.random.split(typed_key(rng_key))
    start = algorithm.initial_mixture
    gmm = start(key_mixture) if initial is None else start.of_family(initial)
    dtype = gmm.means.dtype
    sizes = block_sizes(
        gmm.dim, algorithm.max_components, algorithm.max_chunk_bytes, dtype.itemsize
    )
    mixture, components, memories = _newborn(algorithm, gmm, block_size=sizes.components)
    capacity, dim = mixture.capacity, mixture.dim
    selector, adaptation = algorithm.sample_selector, algorithm.component_adaptation
    max_samples = selector.max_samples(algorithm.max_components)
    shape = MixtureShape(
        algorithm.max_components,
        dim,
        mixture.form,
        dtype.itemsize,
        has_degrees=mixture.gaussians.degrees is not None,
    )
    size = selector.window_size(shape)
    chunk_size = selector.chunk_size(sizes.samples)
    batch = empty_batch(
        max_samples if size is None else size.num_rows,
        dim,
        chunk_size,
        dtype,
        algorithm.natural_gradient.uses_target_gradient,
    )
    archive = empty_archive(
        adaptation.archive_capacity(max_samples), dim, chunk_size, adaptation.keeps_history(), dtype
    )
    if size is None:
        densities = ComputedDensities(jnp.zeros(capacity, dtype))
    else:
        num_rows = batch.log_target.shape[0]
        window = empty_window(size.num_gaussians, num_rows, mixture.block_size, shape, dtype)
        densities = KeptDensities(window, jnp.zeros(num_rows, dtype))
    return TrainState(
        rng_key=key_run,
        iteration=jnp.zeros((), jnp.int32),
        mixture=mixture,
        components=components,
        memories=memories,
        database=SampleDatabase(batch=batch, archive=archive, densities=densities),
        gradient=NaturalGradient(
            gradient=jnp.zeros((capacity, dim), dtype),
            hessian=mixture.form.empty_hessians(mixture.gaussians),
        ),
        num_target_evaluations=zero_counter(),
    )


def restart(algorithm: Algorithm, state: TrainState, gmm: Mixture) -> TrainState:
    """Returns the state with another mixture, whose components remember nothing.

    The samples stay, and serve where samples are reused.

    Args:
        algorithm: the seven choices.
        state: of a run.
        gmm: the mixture to go on with.
    """
    mixture, components, memories = _newborn(algorithm, gmm, block_size=state.mixture.block_size)
    return state._replace(mixture=mixture, components=components, memories=memories)


@jax.jit
def with_component(
    algorithm: Algorithm, state: TrainState, share: Array, mean: Array, factor: Array
) -> TrainState:
    """Returns the state with one more component; the others remember what they did.

    Args:
        algorithm: the seven choices.
        state: of a run with a free slot.
        share: scalar, weight of the new component.
        mean: [D].
        factor: [D, D] lower Cholesky factor of its covariance, or [D].
    """
    dtype = state.mixture.log_weights.dtype
    log_weights = state.mixture.log_weights + jnp.log1p(-share).astype(dtype)
    mixture = dataclasses.replace(state.mixture, log_weights=log_weights)
    factor = factor.astype(dtype)
    mixture, (components, memories) = append_gaussian(
        mixture,
        Remembered(state.components, state.memories),
        algorithm.newborn(mixture),
        jnp.log(share).astype(dtype),
        Gaussian(mean.astype(dtype), factor, mixture.form.inverse(factor)),
        jnp.asarray(True),
    )
    return state._replace(mixture=mixture, components=components, memories=memories)


@partial(jax.jit, static_argnames="block_size")
def _newborn(
    algorithm: Algorithm, gmm: Mixture, block_size: int
) -> tuple[PaddedMixture, ComponentRecord, Memories]:
    """Returns a mixture whose components remember nothing, their record and their memories."""
    mixture = from_gmm(gmm, algorithm.max_components, block_size)
    components, memories = algorithm.newborn(mixture)
    return mixture, components, _checked(memories, mixture.capacity)


def _checked(memories: Memories, capacity: int) -> Memories:
    """Returns the memories; raises ValueError if an array does not have a row per component."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(memories):
        shape = jnp.shape(leaf)
        if shape and shape[0] != capacity:
            raise ValueError(
                f"init of the choice {jax.tree_util.keystr(path[:1])[1:]} returns an array of "
                f"shape {shape}; a memory holds scalars, and arrays whose leading axis is "
                f"mixture.capacity={capacity}, a row per component."
            )
    return memories
