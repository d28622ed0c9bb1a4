"""Densities and natural gradients (module 1)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.densities import gradient_terms_and_background
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.natural_gradients import more, stein
from gmmvi_jax.modules.natural_gradients.protocol import NaturalGradientEstimator
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.numerics.forms.record import Gaussian, Moments, centre_points
from gmmvi_jax.numerics.gaussian import log_density_from_whitened, whiten
from gmmvi_jax.numerics.weighted_sum import WeightedSum, empty_sum
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.importance_weights import log_importance_weights
from gmmvi_jax.typing import Array

from .comparison import Comparison, compare
from .reference import (
    CHUNK_SIZE,
    Arrays,
    background_of,
    make_database,
    make_mixture,
    make_record,
    temperature,
    unwhitened_gradient,
)

ASYMMETRIC = "theirs is not symmetric with plain weights: its symmetric part"
OWN_DENSITY = "their switch crashes: their fit to own samples, own density as background"
ALONE = "ONE component, without a mixture, against the blocked pass"
# Normal equations of 15 features, whose condition is that of the design squared.
REGRESSION = 1e-4
FITTED = "both solve normal equations in float32"


@jax.jit
def _mixture_at(mixture: PaddedMixture, points: Array) -> tuple[Array, Array, Array]:
    buffer = jnp.zeros((mixture.capacity, len(points)))
    gradient, terms, log_density = gradient_terms_and_background(
        mixture, points, buffer, mixture.log_weights
    )
    return log_density, gradient, terms


def densities(arrays: Arrays) -> Iterator[Comparison]:
    """Compares what the mixture says of the samples."""
    mixture, batch = make_mixture(arrays), make_database(arrays).batch
    count = len(arrays["inputs/samples"])
    num_components = len(arrays["inputs/means"])
    line = partial(compare, "mixture", "")
    log_density, gradient, terms = _mixture_at(mixture, batch.points)
    yield line("log density", log_density[:count], arrays["mixture/log_density"])
    yield line("its gradient", gradient[:count], arrays["mixture/gradient"])
    yield line(
        "log component densities",
        terms[:num_components, :count],
        arrays["mixture/log_component_densities"],
    )


@partial(jax.jit, static_argnames="kind")
def _estimate_as(
    estimator: NaturalGradientEstimator,
    mixture: PaddedMixture,
    database: SampleDatabase,
    kind: type,
) -> NaturalGradient:
    """Returns the estimates of all components.

    ``kind`` is its class: jit (jax 0.10) takes the structures of two dataclasses for equal when
    their fields are, whatever their classes, and may then run the wrong program.
    """
    del kind
    buffers = NaturalGradient(
        jnp.zeros_like(mixture.gaussians.mean), jnp.zeros_like(mixture.gaussians.factor)
    )
    record = make_record(mixture.capacity)
    memory = estimator.init(mixture)
    return estimator(mixture, record, memory, database, temperature(), buffers)[0]


def _estimate(
    estimator: NaturalGradientEstimator, mixture: PaddedMixture, database: SampleDatabase
) -> NaturalGradient:
    return _estimate_as(estimator, mixture, database, kind=type(estimator))


@partial(jax.jit, static_argnames=("self_normalized", "only_own_samples"))
def _stein_alone(
    gaussian: Gaussian,
    index: Array,
    mixture: PaddedMixture,
    database: SampleDatabase,
    self_normalized: bool,
    only_own_samples: bool,
) -> NaturalGradient:
    mean, factor, batch = gaussian.mean, gaussian.factor, database.batch
    sums = empty_sum(Moments(jnp.zeros_like(mean), jnp.zeros_like(factor), ()), mean.dtype)
    _, mixture_gradient, _ = _mixture_at(mixture, batch.points)
    assert batch.target_gradient is not None
    rewards = batch.target_gradient - mixture_gradient
    is_own = batch.origins == index

    def add(sums: WeightedSum, chunk: tuple) -> tuple[WeightedSum, None]:
        points, slopes, log_background, usable, own = chunk
        own = own if only_own_samples else None
        log_densities = log_density_from_whitened(
            gaussian, whiten(gaussian, centre_points(points, mean))
        )
        log_weights = log_importance_weights(log_densities, log_background, usable, own)
        return stein.add_chunk(gaussian, sums, points.T, slopes, log_weights), None

    chunks = jax.tree.map(
        lambda rows: rows.reshape(-1, CHUNK_SIZE, *rows.shape[1:]),
        (batch.points, rewards, background_of(database), batch.usable, is_own),
    )
    sums, _ = jax.lax.scan(add, sums, chunks)
    return stein.finish(gaussian, sums, batch.num_usable, self_normalized or only_own_samples)


@partial(jax.jit, static_argnames=("self_normalized", "only_own_samples"))
def _more_alone(
    gaussian: Gaussian,
    index: Array,
    mixture: PaddedMixture,
    database: SampleDatabase,
    ridge: Array,
    self_normalized: bool,
    only_own_samples: bool,
) -> NaturalGradient:
    batch = database.batch
    log_density, _, _ = _mixture_at(mixture, batch.points)
    samples = more.RegressionSamples(
        batch, background_of(database), batch.log_target - log_density, gaussian.mean
    )
    stack = jax.tree.map(lambda leaf: leaf[None], gaussian)
    log_densities = more.component_log_densities(stack, samples, log_density[None])[0]
    return more.fit_one(
        gaussian,
        index,
        ridge,
        samples,
        log_densities,
        more.regression_buffer(batch),
        self_normalized,
        only_own_samples,
    )[0]


def _for_each(
    estimate_one: Callable[[Gaussian, Any], NaturalGradient], mixture: PaddedMixture
) -> NaturalGradient:
    """Returns the estimates of the active components, made one after another."""
    gaussians = jax.tree.map(np.asarray, mixture.gaussians)
    estimates = [
        estimate_one(jax.tree.map(lambda leaf, row=row: leaf[row], gaussians), np.int32(row))
        for row in range(int(mixture.num_components))
    ]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *estimates)


def stein_estimates(arrays: Arrays) -> Iterator[Comparison]:
    """Compares S: self-normalised and plain weights, all samples and only a component's own."""
    mixture, database = make_mixture(arrays), make_database(arrays)
    count = len(arrays["inputs/means"])
    for weighting in ("self_normalised", "plain"):
        for sharing in ("all_samples", "own_samples"):
            variant = f"{weighting}-{sharing}"
            line = partial(compare, "stein", variant)
            flags = (weighting == "self_normalised", sharing == "own_samples")
            blocked = _estimate(stein.Stein(*flags), mixture, database)
            gradient, hessian = unwhitened_gradient(arrays, blocked)
            expected = arrays[f"stein/{variant}/hessian"]
            symmetrised = weighting == "plain" and expected.ndim == 3
            if symmetrised:
                expected = 0.5 * (expected + expected.transpose(0, 2, 1))
            yield line("g", gradient, arrays[f"stein/{variant}/gradient"])
            yield line("G", hessian, expected, why=ASYMMETRIC if symmetrised else "")
            if weighting == "plain":
                continue  # compiling more of them takes long and says little
            one_by_one = _for_each(
                lambda gaussian, row, flags=flags: _stein_alone(
                    gaussian, row, mixture, database, *flags
                ),
                mixture,
            )
            for name, alone, together in zip("gG", one_by_one, blocked, strict=True):
                yield line(f"{name} alone", alone, together[:count], why=ALONE)


def more_estimates(arrays: Arrays) -> Iterator[Comparison]:
    """Compares Z with two ridge factors, with the weightings of ``stein_estimates``."""
    mixture, database = make_mixture(arrays), make_database(arrays)
    count = len(arrays["inputs/means"])
    hessians = [name for name in arrays if name.startswith("more/") and name.endswith("/hessian")]
    for name in [name.removesuffix("/hessian") for name in hessians]:
        variant = name.removeprefix("more/")
        weighting, sharing, size = variant.split("-")
        line = partial(compare, "more", variant)
        flags = (weighting == "self_normalised", sharing == "own_samples")
        ridge = jnp.asarray(arrays[f"inputs/ridge_{size}"], jnp.float32)
        blocked = _estimate(more.MORE(ridge, *flags), mixture, database)
        gradient, hessian = unwhitened_gradient(arrays, blocked)
        why = OWN_DENSITY if sharing == "own_samples" else FITTED
        yield line("g", gradient, arrays[f"{name}/gradient"], REGRESSION, why)
        yield line("G", hessian, arrays[f"{name}/hessian"], REGRESSION, why)
        if weighting == "plain" or size == "strong":
            continue
        one_by_one = _for_each(
            lambda gaussian, row, ridge=ridge, flags=flags: _more_alone(
                gaussian, row, mixture, database, ridge, *flags
            ),
            mixture,
        )
        for part, alone, together in zip("gG", one_by_one, blocked, strict=True):
            yield line(f"{part} alone", alone, together[:count], why=ALONE)
