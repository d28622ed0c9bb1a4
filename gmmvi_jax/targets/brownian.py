"""A noisily observed random walk with a gap in the observations and two unknown scales."""

import dataclasses
import math
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_num_samples, require_seed
from gmmvi_jax.typing import Array, PRNGKey

# Sountsov, Radul et al., "Inference Gym" (2020), Brownian motion with unknown scales and missing
# middle observations, as in Blessing et al., "Beyond ELBOs" (ICML 2024). We generate the data.
NUM_STEPS = 30
GAP = (10, 20)  # first unobserved step, first observed again
LOG_SCALE_PRIOR = 2.0  # both scales are log-normal(0, 2)
TRUE_INNOVATION_SCALE = 0.1
TRUE_OBSERVATION_SCALE = 0.15

# Covariance of the walk per squared innovation scale: min(i, j) for steps counted from 1.
_STEPS = np.arange(1.0, NUM_STEPS + 1)
_OBSERVED_STEPS = np.concatenate([_STEPS[: GAP[0]], _STEPS[GAP[1] :]])
_EIGENVALUES, _EIGENVECTORS = np.linalg.eigh(
    np.minimum(_OBSERVED_STEPS[:, None], _OBSERVED_STEPS[None])
)
_CROSS_COVARIANCE = np.minimum(_OBSERVED_STEPS[:, None], _STEPS[None])  # [observed, all]

# Range over which the posterior of the log scales is integrated; the prior has 1e-8 beyond it.
_LOG_SCALE_BOUNDS = (-14.0, 5.0)
_GRID_STEP = 0.05


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Brownian:
    """The unnormalised posterior of a random walk's scales and positions.

    x = (log s, log o, l_1, ..., l_30): log s and log o ~ N(0, 2^2), l_t ~ N(l_{t-1}, s^2) with
    l_0 = 0, and observations y_t ~ N(l_t, o^2) at the steps 1-10 and 21-30. All constants are
    included, so that the integral is the evidence of the observations.

    Given the scales everything is Gaussian. The posterior of the scales is computed on a grid,
    which gives ``log_z`` and exact samples.
    """

    name: str = dataclasses.field(metadata={"static": True})
    observations: np.ndarray | Array  # [20]

    @property
    def dim(self) -> int:
        """Two scales and 30 positions: D = 32."""
        return 2 + NUM_STEPS

    @property
    def prior_mean(self) -> float:
        """Scales of 1 and a constant walk."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """For the scales half of the prior's; for the walk more than the spread of the data."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as their means are spread."""
        return 1.0

    @property
    def log_z(self) -> float:
        """The log evidence by quadrature over the two scales, to ten digits."""
        _, log_joint = self._scale_grid(np, np.float64)
        largest = np.max(log_joint)
        return float(largest + np.log(np.sum(np.exp(log_joint - largest)) * _GRID_STEP**2))

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D], a scalar of its dtype."""
        observations = jnp.asarray(self.observations, x.dtype)
        log_innovation, log_noise, positions = x[0], x[1], x[2:]
        observed = jnp.concatenate([positions[: GAP[0]], positions[GAP[1] :]])
        increments = jnp.diff(positions, prepend=jnp.zeros(1, x.dtype)) * jnp.exp(-log_innovation)
        residuals = (observations - observed) * jnp.exp(-log_noise)
        log_prior_scales = -0.5 * jnp.sum((x[:2] / LOG_SCALE_PRIOR) ** 2)
        log_walk = -0.5 * jnp.sum(increments**2) - NUM_STEPS * log_innovation
        log_likelihood = -0.5 * jnp.sum(residuals**2) - len(observations) * log_noise
        num_normals = 2 + NUM_STEPS + len(observations)
        constant = 2 * math.log(LOG_SCALE_PRIOR) + 0.5 * num_normals * math.log(2 * math.pi)
        return log_prior_scales + log_walk + log_likelihood - constant

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns independent samples [num_samples, D] in JAX's default precision.

        The log scales are drawn from a grid with steps of 0.05, uniformly within each cell, which
        increases their variances by a thousandth; the walks are exact given the scales.
        """
        require_num_samples(num_samples, least=0)
        key_scales, key_walk = jax.random.split(typed_key(rng_key))
        # Few calls with many numbers each, since every call takes time to compile.
        uniform = jax.random.uniform(key_scales, (4, num_samples))
        noises = jax.random.normal(key_walk, (num_samples, NUM_STEPS + len(self.observations)))
        dtype = uniform.dtype
        logs, log_joint = self._scale_grid(jnp, dtype)
        masses = jax.nn.softmax(log_joint, axis=(0, 1))
        first = jnp.zeros(num_samples, jnp.int32)
        rows = _invert(jnp.sum(masses, axis=1)[None], first, uniform[0])
        columns = _invert(masses, rows, uniform[1])
        jitter = _GRID_STEP * (uniform[2:].T - 0.5)
        log_scales = jnp.stack([logs[rows], logs[columns]], axis=1) + jitter
        innovation, noise = jnp.exp(log_scales[:, :1]), jnp.exp(log_scales[:, 1:])  # [N, 1]

        # A walk and observations from the prior, corrected by the difference to the true
        # observations: Matheron's rule (Journel, Huijbregts, "Mining Geostatistics" 1978).
        walk = innovation * jnp.cumsum(noises[:, :NUM_STEPS], axis=1)
        observations = jnp.asarray(self.observations, dtype)
        errors = noise * noises[:, NUM_STEPS:]
        seen = jnp.concatenate([walk[:, : GAP[0]], walk[:, GAP[1] :]], axis=1) + errors
        eigenvalues = jnp.asarray(_EIGENVALUES, dtype)[None]
        eigenvectors = jnp.asarray(_EIGENVECTORS, dtype)
        coordinates = jnp.matmul(observations[None] - seen, eigenvectors, precision=PRECISION)
        weights = coordinates / (eigenvalues + (noise / innovation) ** 2)
        gain = jnp.matmul(eigenvectors.T, jnp.asarray(_CROSS_COVARIANCE, dtype))
        moved = walk + jnp.matmul(weights, gain, precision=PRECISION)
        return jnp.concatenate([log_scales, moved], axis=1)

    def _scale_grid(self, xp: ModuleType, dtype: Any) -> tuple[Any, Any]:
        """Returns the grid [G] of log scales and [G, G] the log joint density with the data.

        Rows: log s, columns: log o. The observations' covariance s^2 K + o^2 I has the eigenvectors
        of K for all scales.
        """
        low, high = _LOG_SCALE_BOUNDS
        num_nodes = round((high - low) / _GRID_STEP) + 1
        logs = xp.linspace(low, high, num_nodes, dtype=dtype)
        observations = xp.asarray(self.observations, dtype)
        squares = xp.square(xp.asarray(_EIGENVECTORS.T, dtype) @ observations)
        log_prior = -0.5 * xp.square(logs / LOG_SCALE_PRIOR)
        log_prior = log_prior[:, None] + log_prior[None] - 2 * math.log(LOG_SCALE_PRIOR)
        eigenvalues = xp.asarray(_EIGENVALUES, dtype)
        innovations, noises = xp.exp(2 * logs)[:, None, None], xp.exp(2 * logs)[None, :, None]
        variances = innovations * eigenvalues[None, None] + noises  # [G, G, 20]
        terms = xp.log(variances) + squares[None, None] / variances
        constant = 0.5 * (2 + len(squares)) * math.log(2 * math.pi)
        return logs, log_prior - 0.5 * xp.sum(terms, axis=-1) - constant


def _invert(masses: Array, rows: Array, uniform: Array) -> Array:
    """Draws from discrete distributions by the inverse of their distribution functions.

    By bisection: ``jax.random.categorical`` takes a random number for every sample and value, which
    is slow and large.

    Args:
        masses: [R, G], of which each row is a distribution, up to a factor.
        rows: [N], from which of them to draw.
        uniform: [N], in [0, 1).

    Returns:
        [N], from 0 to G - 1.
    """
    cumulative = jnp.cumsum(masses, axis=1)
    num_values = masses.shape[1]
    uniform = uniform * cumulative[rows, -1]
    num_bits = num_values.bit_length()

    def set_bit(i: int, values: Array) -> Array:
        above = jnp.minimum(values + (2 ** (num_bits - 1) >> i), num_values - 1)
        return jnp.where(cumulative[rows, above - 1] < uniform, above, values)

    return jax.lax.fori_loop(0, num_bits, set_bit, jnp.zeros_like(rows))


def brownian(seed: int = 0) -> Brownian:
    """Returns the 32-D posterior of a random walk that is observed at 20 of its 30 steps.

    Args:
        seed: of the data, which have innovations of scale 0.1 and noise of scale 0.15. They do not
            depend on JAX's precision or generators.

    Raises:
        ValueError: ``seed`` is no integer from 0 to 2**32 - 1.
    """
    require_seed("seed", seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    positions = np.cumsum(generator.normal(0.0, TRUE_INNOVATION_SCALE, NUM_STEPS))
    observed = np.concatenate([positions[: GAP[0]], positions[GAP[1] :]])
    noise = generator.normal(0.0, TRUE_OBSERVATION_SCALE, len(observed))
    return Brownian("brownian", observed + noise)
