"""The balance heuristic and the effective sample sizes (module 3), for both selectors."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.natural_gradients.sample_weights import with_background
from gmmvi_jax.modules.sample_selectors.reuse import (
    component_sample_sizes,
    look_back,
    mixture_sample_size,
)
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.window import (
    ReuseWindow,
    add_gaussians,
    add_rows,
    empty_window,
    log_background,
)
from gmmvi_jax.typing import Array

from .comparison import Comparison, compare
from .inputs import NUM_REUSED, SAMPLES_PER_COMPONENT
from .reference import (
    BLOCK_SIZE,
    CHUNK_SIZE,
    Arrays,
    make_batch,
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
    """Returns a batch of usable samples whose background is not known yet."""
    count, dim = points.shape
    usable = np.where(np.arange(num_rows) < count, 0.0, np.inf)
    return SampleBatch(
        points=jnp.asarray(np.pad(points, ((0, num_rows - count), (0, 0)))),
        log_target=jnp.zeros(num_rows),
        outside=jnp.zeros(num_rows, bool),
        target_gradient=jnp.zeros((num_rows, dim)),
        log_background=jnp.asarray(usable, jnp.float32),
        origins=jnp.zeros(num_rows, jnp.int32),
        log_shares=None,
        num_samples=jnp.asarray(count, jnp.int32),
        num_usable=jnp.asarray(count, jnp.int32),
        chunk_size=CHUNK_SIZE,
    )


@jax.jit
def _look_back(
    mixture: PaddedMixture,
    earlier: PaddedMixture,
    drawn: Array,
    batch: SampleBatch,
    num_new: Array,
) -> tuple[ReuseWindow, SampleBatch, Array, Array]:
    """Returns the window and the batch of an iteration that follows one of other Gaussians."""
    zero = jnp.zeros((), jnp.int32)
    num_rows, dim = batch.points.shape
    window = empty_window(
        MAX_GAUSSIANS, num_rows, BLOCK_SIZE, dim, mixture.is_diagonal, batch.points.dtype
    )
    window = add_gaussians(window, batch, earlier)
    window = add_rows(window, batch, earlier, drawn, drawn, zero)
    num_per_component = NUM_REUSED // len(SAMPLES_PER_COMPONENT)
    window, batch = look_back(mixture, window, batch, num_per_component, num_new)
    sizes = component_sample_sizes(mixture, window, batch)
    return window, batch, sizes, mixture_sample_size(mixture, window, batch)


@jax.jit
def _join(
    mixture: PaddedMixture, window: ReuseWindow, batch: SampleBatch, drawn: Array, num_kept: Array
) -> Array:
    """Returns the background after the mixture has drawn the rows behind the kept ones."""
    window = add_rows(window, batch, mixture, drawn, drawn, num_kept)
    return log_background(window, batch)


def backgrounds(arrays: Arrays) -> Iterator[Comparison]:
    """Compares b(x) and sample sizes: of new samples, of earlier ones, of both together."""
    mixture, earlier = make_mixture(arrays), _earlier_mixture(arrays)
    count = int(mixture.num_components)
    new_points, old_points = arrays["inputs/samples"], arrays["inputs/earlier_samples"]
    drawn = _counts(arrays["inputs/origins"], mixture.capacity)
    line = partial(compare, "background")

    blank = _unweighted(new_points, len(make_batch(arrays).points))
    drawn_batch = dataclasses.replace(blank, log_shares=jnp.log(drawn / len(new_points)))
    found = jax.jit(with_background)(mixture, drawn_batch).log_background[: len(new_points)]
    yield line("new samples", "log b", found, arrays["reuse/new/log_background"])

    num_rows = -(-(len(old_points) + len(new_points)) // CHUNK_SIZE + 1) * CHUNK_SIZE
    earlier_drawn = _counts(arrays["inputs/earlier_origins"], earlier.capacity)
    batch = _unweighted(old_points, num_rows)
    num_new = jnp.asarray(len(new_points), jnp.int32)
    window, batch, sizes, size = _look_back(mixture, earlier, earlier_drawn, batch, num_new)
    line = partial(compare, "background", "earlier samples")
    yield line("log b", batch.log_background[:NUM_REUSED], arrays["reuse/earlier/log_background"])
    ratio = sizes[:count] / arrays["reuse/earlier/component_sample_sizes"]
    yield line("sample sizes, ratio", ratio, np.ones(count))
    ratio = size / arrays["reuse/earlier/mixture_sample_size"]
    yield line("size for q, ratio", ratio, [1.0])

    points = np.concatenate([batch.points[:NUM_REUSED], new_points])
    kept = jnp.asarray(NUM_REUSED, jnp.int32)
    found = _join(mixture, window, _unweighted(points, num_rows), drawn, kept)[: len(points)]
    yield compare("background", "both", "log b", found, arrays["reuse/all/log_background"])
