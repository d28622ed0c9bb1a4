"""The balance heuristic and the effective sample sizes (module 3), for both selectors."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.sample_selectors.reuse import (
    component_sample_sizes,
    keep_recent,
    mixture_sample_size,
)
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.computed_densities import ComputedDensities
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import empty_window
from gmmvi_jax.samples.window_growth import add_gaussians
from gmmvi_jax.samples.window_size import MixtureShape
from gmmvi_jax.typing import Array

from .comparison import Comparison, compare
from .inputs import NUM_REUSED, SAMPLES_PER_COMPONENT
from .reference import (
    BLOCK_SIZE,
    CHUNK_SIZE,
    Arrays,
    make_database,
    make_mixture,
)

MAX_GAUSSIANS = 16


def _earlier_mixture(arrays: Arrays) -> Any:
    names = ("means", "factors")
    given = {f"inputs/{name}": arrays[f"inputs/earlier_{name}"] for name in names}
    return make_mixture(given, arrays["inputs/log_weights"])


def _counts(origins: np.ndarray, capacity: int) -> Any:
    return jnp.asarray(np.bincount(origins, minlength=capacity), jnp.int32)


def _unweighted(points: np.ndarray, num_rows: int) -> SampleBatch:
    """Returns a batch of usable samples."""
    count, dim = points.shape
    return SampleBatch(
        points=jnp.asarray(np.pad(points, ((0, num_rows - count), (0, 0)))),
        log_target=jnp.zeros(num_rows),
        outside=jnp.zeros(num_rows, bool),
        usable=jnp.arange(num_rows) < count,
        target_gradient=jnp.zeros((num_rows, dim)),
        origins=jnp.zeros(num_rows, jnp.int32),
        num_samples=jnp.asarray(count, jnp.int32),
        num_usable=jnp.asarray(count, jnp.int32),
        chunk_size=CHUNK_SIZE,
    )


@jax.jit
def _keep(
    mixture: PaddedMixture,
    earlier: PaddedMixture,
    drawn: Array,
    batch: SampleBatch,
    num_new: Array,
) -> tuple[KeptDensities, SampleBatch, Array, Array]:
    """Returns what is reused in an iteration that follows one of other Gaussians."""
    zero = jnp.zeros((), jnp.int32)
    num_rows, dim = batch.points.shape
    dtype = batch.points.dtype
    shape = MixtureShape(mixture.max_components, dim, mixture.form, dtype.itemsize)
    window = empty_window(MAX_GAUSSIANS, num_rows, BLOCK_SIZE, shape, dtype)
    densities = KeptDensities(add_gaussians(window, batch, earlier), jnp.zeros(num_rows, dtype))
    densities = densities.with_draws(earlier, batch, drawn, drawn, zero)
    num_per_component = NUM_REUSED // len(SAMPLES_PER_COMPONENT)
    densities, batch = keep_recent(mixture, densities, batch, num_per_component, num_new)
    sizes = component_sample_sizes(mixture, densities, batch)
    return densities, batch, sizes, mixture_sample_size(mixture, densities, batch)


@jax.jit
def _join(
    mixture: PaddedMixture,
    densities: KeptDensities,
    batch: SampleBatch,
    drawn: Array,
    num_kept: Array,
) -> Array:
    """Returns the background after the mixture has drawn the rows behind the kept ones."""
    return densities.with_draws(mixture, batch, drawn, drawn, num_kept).background


@jax.jit
def _weigh(mixture: PaddedMixture, densities: ComputedDensities, batch: SampleBatch) -> Array:
    return densities.log_background(mixture, batch)


def backgrounds(arrays: Arrays) -> Iterator[Comparison]:
    """Compares b(x) and sample sizes: of new samples, of earlier ones, of both together."""
    mixture, earlier = make_mixture(arrays), _earlier_mixture(arrays)
    count = int(mixture.num_components)
    new_points, old_points = arrays["inputs/samples"], arrays["inputs/earlier_samples"]
    drawn = _counts(arrays["inputs/origins"], mixture.capacity)
    line = partial(compare, "background")

    batch = _unweighted(new_points, len(make_database(arrays).batch.points))
    densities = ComputedDensities(jnp.log(drawn / len(new_points)))
    found = _weigh(mixture, densities, batch)[: len(new_points)]
    yield line("new samples", "log b", found, arrays["reuse/new/log_background"])

    num_rows = -(-(len(old_points) + len(new_points)) // CHUNK_SIZE + 1) * CHUNK_SIZE
    earlier_drawn = _counts(arrays["inputs/earlier_origins"], earlier.capacity)
    batch = _unweighted(old_points, num_rows)
    num_new = jnp.asarray(len(new_points), jnp.int32)
    kept, batch, sizes, size = _keep(mixture, earlier, earlier_drawn, batch, num_new)
    line = partial(compare, "background", "earlier samples")
    yield line("log b", kept.background[:NUM_REUSED], arrays["reuse/earlier/log_background"])
    ratio = sizes[:count] / arrays["reuse/earlier/component_sample_sizes"]
    yield line("sample sizes, ratio", ratio, np.ones(count))
    ratio = size / arrays["reuse/earlier/mixture_sample_size"]
    yield line("size for q, ratio", ratio, [1.0])

    points = np.concatenate([batch.points[:NUM_REUSED], new_points])
    num_kept = jnp.asarray(NUM_REUSED, jnp.int32)
    batch = _unweighted(points, num_rows)
    found = _join(mixture, kept, batch, drawn, num_kept)[: len(points)]
    yield compare("background", "both", "log b", found, arrays["reuse/all/log_background"])
