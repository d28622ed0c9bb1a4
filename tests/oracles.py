"""Textbook formulas in numpy and float64, and builders of the package's records.

The builders fill every row that is not live with leftovers, so that each test that uses them
also establishes that leftovers do not matter.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.numerics.blocks import take_block
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.archive import empty_archive
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.computed_densities import ComputedDensities
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.densities import DrawnChunk
from gmmvi_jax.samples.kept_densities import KeptDensities
from gmmvi_jax.samples.window import ReuseWindow
from gmmvi_jax.typing import Array

Floats = np.ndarray


class Mixture(NamedTuple):
    """A Gaussian mixture in float64; the covariances are matrices also where diagonal."""

    weights: Floats  # [K]
    means: Floats  # [K, D]
    covariances: Floats  # [K, D, D]

    @property
    def precisions(self) -> Floats:  # [K, D, D]
        return np.linalg.inv(self.covariances)

    @property
    def factors(self) -> Floats:  # [K, D, D]
        return np.linalg.cholesky(self.covariances)

    def component_log_densities(self, points: Floats) -> Floats:  # [N, K]
        normals = zip(self.means, self.covariances, strict=True)
        columns = [scipy.stats.multivariate_normal(*normal).logpdf(points) for normal in normals]
        return np.stack([np.reshape(column, len(points)) for column in columns], axis=1)

    def log_density(self, points: Floats) -> Floats:  # [N]
        terms = self.component_log_densities(points)
        return np.asarray(scipy.special.logsumexp(terms, b=self.weights, axis=1))

    def gradient(self, points: Floats) -> Floats:  # [N, D]
        """grad log q = -sum_o p(o | x) Lambda_o (x - mu_o)."""
        joint = self.component_log_densities(points) + np.log(self.weights)
        responsibilities = scipy.special.softmax(joint, axis=1)
        centred = points[:, None, :] - self.means
        return -np.einsum("nk,kij,nkj->ni", responsibilities, self.precisions, centred)


def random_mixture(
    generator: np.random.Generator,
    num_components: int,
    dim: int,
    diagonal: bool = False,
    spread: float = 2.0,
) -> Mixture:
    """Returns a mixture of overlapping, moderately stretched components."""
    roots = generator.normal(size=(num_components, dim, dim)) / np.sqrt(dim)
    covariances = roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(dim)
    if diagonal:
        covariances = covariances * np.eye(dim)
    return Mixture(
        weights=generator.dirichlet(np.full(num_components, 2.0)),
        means=spread * generator.normal(size=(num_components, dim)),
        covariances=covariances,
    )


def pad(
    mixture: Mixture,
    capacity: int,
    block_size: int,
    diagonal: bool = False,
    max_components: int | None = None,
    leftover_seed: int = 0,
) -> PaddedMixture:
    """Returns the mixture in the first slots, behind it Gaussians left over from others."""
    count, dim = mixture.means.shape
    generator = np.random.default_rng(leftover_seed)
    num_stale = capacity - count
    stale_factors = np.tril(generator.normal(size=(num_stale, dim, dim))) + 5.0 * np.eye(dim)
    factors = np.concatenate([mixture.factors, stale_factors])
    if diagonal:
        factors = np.diagonal(factors, axis1=1, axis2=2)
    inverse = 1.0 / factors if diagonal else np.tril(np.linalg.inv(factors))
    stale_means = 10.0 * generator.normal(size=(num_stale, dim))
    log_weights = np.concatenate([np.log(mixture.weights), np.full(num_stale, -np.inf)])
    return PaddedMixture(
        log_weights=jnp.asarray(log_weights, float),
        gaussians=Gaussian(
            mean=jnp.asarray(np.concatenate([mixture.means, stale_means]), float),
            factor=jnp.asarray(factors, float),
            inverse_factor=jnp.asarray(inverse, float),
        ),
        num_components=jnp.asarray(count, jnp.int32),
        max_components=capacity if max_components is None else max_components,
        block_size=block_size,
    )


def rows(tree: Any, index: Any) -> Any:
    """Returns these rows of every array of a pytree."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)


def unpad(padded: PaddedMixture) -> Mixture:
    """Returns the active components in float64."""
    count = int(padded.num_components)
    factors = np.asarray(padded.gaussians.factor, np.float64)[:count]
    if padded.gaussians.factor.ndim == 2:
        factors = factors[:, :, None] * np.eye(padded.dim)
    return Mixture(
        weights=np.exp(np.asarray(padded.log_weights, np.float64)[:count]),
        means=np.asarray(padded.gaussians.mean, np.float64)[:count],
        covariances=factors @ factors.transpose(0, 2, 1),
    )


def gaussian_divergence(
    mean: Floats, covariance: Floats, old_mean: Floats, old_covariance: Floats
) -> Floats:
    """Returns [...] KL(N(mean, covariance) || N(old_mean, old_covariance))."""
    old_precision = np.linalg.inv(old_covariance)
    shift = mean - old_mean
    log_determinants = np.linalg.slogdet(old_covariance)[1] - np.linalg.slogdet(covariance)[1]
    trace = np.einsum("...ij,...ji->...", old_precision, covariance)
    distance = np.einsum("...i,...ij,...j->...", shift, old_precision, shift)
    return 0.5 * (trace - mean.shape[-1] + log_determinants + distance)


@register_pytree
@dataclasses.dataclass(frozen=True)
class GivenBackground(ComputedDensities):
    """Computed densities of samples that something else drew: b(x) is given."""

    background: Array  # [N]

    def drawn_chunk(
        self, mixture: PaddedMixture, batch: SampleBatch, row: Array, scratch: Any
    ) -> tuple[DrawnChunk, Any]:
        chunk, scratch = super().drawn_chunk(mixture, batch, row, scratch)
        background = take_block(self.background, row, batch.visit_size)
        return chunk._replace(log_background=background), scratch

    def background_of(self, batch: SampleBatch, scratch: Any) -> Array:
        del batch, scratch
        return self.background

    def log_background(self, mixture: PaddedMixture, batch: SampleBatch) -> Array:
        del mixture, batch
        return self.background


def make_database(
    points: Floats, log_background: Floats, num_rows: int, chunk_size: int, **fields: Floats | None
) -> SampleDatabase:
    """Returns a database with the batch of ``make_batch``, its background and an empty archive."""
    batch = make_batch(points, log_background, num_rows, chunk_size, **fields)
    archive = empty_archive(0, points.shape[1], chunk_size, False, batch.points.dtype)
    # What stands where a sample is not usable, or behind the samples, must not matter.
    background = np.full(num_rows, np.nan)
    background[: len(points)] = np.where(np.isfinite(log_background), log_background, 3.0)
    # Shares of more components than any test has: the density that they mix is not used.
    densities = GivenBackground(jnp.zeros(64), jnp.asarray(background, float))
    return SampleDatabase(batch=batch, archive=archive, densities=densities)


def with_window(database: SampleDatabase, window: ReuseWindow) -> SampleDatabase:
    """Returns the database of ``make_database`` with densities that are kept in the window."""
    given: Any = database.densities
    return database._replace(densities=KeptDensities(window, given.background))


def make_batch(
    points: Floats,
    log_background: Floats,
    num_rows: int,
    chunk_size: int,
    log_target: Floats | None = None,
    target_gradient: Floats | None = None,
    origins: Floats | None = None,
    outside: Floats | None = None,
) -> SampleBatch:
    """Returns a batch of ``num_rows`` rows with these samples in the first ones.

    Those whose ``log_background`` is infinite are not usable. The rest of the last chunk is as the
    selectors leave it (any points, not usable); chunks behind it are NaN, since nobody may read
    them.
    """
    count, dim = points.shape
    num_visited = -(-count // chunk_size) * chunk_size

    def rows(values: Floats | None, filler: float, shape: tuple[int, ...]) -> Any:
        buffer = np.full((num_rows, *shape), np.nan)
        buffer[:num_visited] = filler
        buffer[:count] = 0.0 if values is None else values
        return jnp.asarray(buffer, float)

    falses = np.zeros(num_rows, bool)
    usable = np.isfinite(log_background)
    return SampleBatch(
        points=rows(points, 7.0, (dim,)),
        log_target=rows(log_target, 0.0, ()),
        outside=jnp.asarray(np.append(() if outside is None else outside, falses)[:num_rows] > 0),
        target_gradient=rows(target_gradient, 0.0, (dim,)),
        usable=jnp.asarray(np.append(usable, falses)[:num_rows]),
        origins=jnp.asarray(np.resize(0 if origins is None else origins, num_rows), jnp.int32),
        num_samples=jnp.asarray(count, jnp.int32),
        num_usable=jnp.asarray(np.sum(usable), jnp.int32),
        chunk_size=chunk_size,
    )


def make_record(capacity: int, **fields: Any) -> ComponentRecord:
    """Returns a component record with these fields, padded to the capacity; the rest is 0."""

    def field(name: str, dtype: Any) -> Any:
        buffer = np.zeros(capacity)
        values = np.asarray(fields.get(name, ()))
        buffer[: len(values)] = values
        return jnp.asarray(buffer, dtype)

    return ComponentRecord(
        stepsizes=field("stepsizes", float),
        ages=field("ages", jnp.int32),
        num_rejected=field("num_rejected", jnp.int32),
        was_rejected=field("was_rejected", bool),
        divergences=field("divergences", float),
        effective_samples=field("effective_samples", float),
        rewards=field("rewards", float),
        previous_rewards=field("previous_rewards", float),
    )


@jax.tree_util.register_static
@dataclasses.dataclass(eq=False)
class HostTarget:
    """A target on the host, of gradient 0, that keeps the points it was asked for."""

    function: Callable[[Floats], Floats]  # of points [..., D]
    seen: list[Floats] = dataclasses.field(default_factory=list)

    def on_host(self, points: Any) -> Floats:
        points = np.array(points)
        self.seen.extend(points.reshape(-1, points.shape[-1]))
        return self.function(points).astype(points.dtype)

    def __call__(self, point: Array, /) -> Array:
        shape = jax.ShapeDtypeStruct((), point.dtype)
        return jax.pure_callback(self.on_host, shape, point, vmap_method="expand_dims")

    def value_and_grad(self, point: Array) -> tuple[Array, Array]:
        value = self(point)
        return value, 0.0 * value * point  # of the value: asked for with the gradient alone, too
