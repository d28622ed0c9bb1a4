"""The stored arrays, and the records of this package made from them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.samples.archive import empty_archive
from gmmvi_jax.samples.batch import SampleBatch
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array

from ..oracles import GivenBackground

STORED = Path(__file__).parents[1] / "data" / "reference.npz"
KINDS = ("full", "diagonal")
ANY = "any"  # arrays of the rules that do not know of covariances

# Smaller than the package would choose: several blocks, the last one partly filled.
BLOCK_SIZE = 2
CHUNK_SIZE = 64

Arrays = Mapping[str, np.ndarray]


def load(path: Path = STORED) -> dict[str, np.ndarray]:
    """Returns all arrays of a file that ``python -m benchmarks differential-reference`` wrote."""
    with np.load(path) as file:
        return dict(file)


def metadata(arrays: Arrays) -> dict[str, Any]:
    """Returns the versions and the seed behind the arrays."""
    return json.loads(str(arrays["metadata"]))


def select(arrays: Arrays, kind: str) -> dict[str, np.ndarray]:
    """Returns the arrays of one kind of covariance, without that part of their names."""
    prefix = f"{kind}/"
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def make_mixture(arrays: Arrays, log_weights: np.ndarray | None = None) -> PaddedMixture:
    """Returns the mixture that drew the samples, padded to whole blocks."""
    means, factors = arrays["inputs/means"], arrays["inputs/factors"]
    if log_weights is None:
        log_weights = arrays["inputs/log_weights"]
    count, dim = means.shape
    capacity = -(-count // BLOCK_SIZE) * BLOCK_SIZE
    diagonal = factors.ndim == 2
    unit = np.ones(dim) if diagonal else np.eye(dim)
    padded = np.concatenate([factors, np.broadcast_to(unit, (capacity - count, *unit.shape))])
    wide = padded.astype(np.float64)
    inverse = 1.0 / wide if diagonal else np.tril(np.linalg.inv(wide))
    padding = (0, capacity - count)
    return PaddedMixture(
        log_weights=jnp.asarray(np.pad(log_weights, padding, constant_values=-np.inf), jnp.float32),
        gaussians=Gaussian(
            mean=jnp.asarray(np.pad(means, (padding, (0, 0))), jnp.float32),
            factor=jnp.asarray(padded, jnp.float32),
            inverse_factor=jnp.asarray(inverse, jnp.float32),
        ),
        num_components=jnp.asarray(count, jnp.int32),
        max_components=capacity,
        block_size=BLOCK_SIZE,
    )


def make_database(arrays: Arrays) -> SampleDatabase:
    """Returns the samples, padded to whole chunks, with the background they were weighed by."""
    count = len(arrays["inputs/samples"])
    missing = -count % CHUNK_SIZE

    def rows(name: str, filler: float = 0.0) -> Any:
        values = arrays[f"inputs/{name}"]
        padding = [(0, missing), *[(0, 0)] * (values.ndim - 1)]
        return jnp.asarray(np.pad(values, padding, constant_values=filler))

    batch = SampleBatch(
        points=rows("samples"),
        log_target=rows("log_target"),
        outside=jnp.zeros(count + missing, bool),
        usable=jnp.arange(count + missing) < count,
        target_gradient=rows("target_gradient"),
        origins=rows("origins"),
        num_samples=jnp.asarray(count, jnp.int32),
        num_usable=jnp.asarray(count, jnp.int32),
        chunk_size=CHUNK_SIZE,
    )
    archive = empty_archive(0, batch.points.shape[1], CHUNK_SIZE, False, batch.points.dtype)
    densities = GivenBackground(jnp.zeros(64), rows("log_background"))
    return SampleDatabase(batch=batch, archive=archive, densities=densities)


def background_of(database: SampleDatabase) -> Array:
    """Returns [N] log b(x) of ``make_database``."""
    assert isinstance(database.densities, GivenBackground)
    return database.densities.background


def make_record(capacity: int, **fields: np.ndarray) -> ComponentRecord:
    """Returns a component record with these fields; the rest is 0."""
    integers = {"ages", "num_rejected"}

    def field(name: str) -> Any:
        dtype = jnp.int32 if name in integers else jnp.float32
        dtype = jnp.bool if name == "was_rejected" else dtype
        shape = (capacity, 1) if name.endswith("_history") else (capacity,)
        values = np.asarray(fields.get(name, np.zeros((0, *shape[1:]))))
        padding = [(0, capacity - len(values)), *[(0, 0)] * (values.ndim - 1)]
        return jnp.asarray(np.pad(values, padding), dtype)

    return ComponentRecord(**{name: field(name) for name in ComponentRecord._fields})


def whitened_gradient(arrays: Arrays, capacity: int) -> NaturalGradient:
    """Returns the updaters' inputs as this package has them: L^T g and L^T G L."""
    factors = arrays["inputs/factors"].astype(np.float64)
    gradient, hessian = arrays["inputs/gradient"], arrays["inputs/hessian"]
    if factors.ndim == 2:
        whitened = factors * gradient, factors**2 * hessian
    else:
        transposed = factors.transpose(0, 2, 1)
        whitened = np.einsum("kij,kj->ki", transposed, gradient), transposed @ hessian @ factors

    def pad(values: np.ndarray) -> Any:
        padding = [(0, capacity - len(values)), *[(0, 0)] * (values.ndim - 1)]
        return jnp.asarray(np.pad(values, padding), jnp.float32)

    return NaturalGradient(*map(pad, whitened))


def unwhitened_gradient(arrays: Arrays, gradient: NaturalGradient) -> tuple[np.ndarray, np.ndarray]:
    """Returns g [K, D] and G [K, D, D] or [K, D] of the active components, in float64."""
    factors = arrays["inputs/factors"].astype(np.float64)
    count = len(factors)
    slopes, curvatures = (np.asarray(leaf, np.float64)[:count] for leaf in gradient)
    if factors.ndim == 2:
        return slopes / factors, curvatures / factors**2
    inverse = np.linalg.inv(factors)
    transposed = inverse.transpose(0, 2, 1)
    return np.einsum("kij,kj->ki", transposed, slopes), transposed @ curvatures @ inverse


def temperature() -> Any:
    """Returns beta = 1, where the published code is right."""
    return jnp.asarray(1.0, jnp.float32)
