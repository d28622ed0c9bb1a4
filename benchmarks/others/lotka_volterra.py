"""Hares and lynxes 1900 to 1920: a posterior of an ordinary differential equation."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from gmmvi_jax.typing import Array

# Hudson's Bay Company, thousands of pelts: hares, lynxes. Model and priors as in Carpenter,
# "Predator-Prey Population Dynamics: the Lotka-Volterra model in Stan", 2018.
PELTS = np.array(
    [
        (30.0, 4.0),
        (47.2, 6.1),
        (70.2, 9.8),
        (77.4, 35.2),
        (36.3, 59.4),
        (20.6, 41.7),
        (18.1, 19.0),
        (21.4, 13.0),
        (22.0, 8.3),
        (25.4, 9.1),
        (27.1, 7.4),
        (40.3, 8.0),
        (57.0, 12.3),
        (76.6, 19.5),
        (52.3, 45.7),
        (19.5, 51.1),
        (11.2, 29.7),
        (7.6, 15.8),
        (14.6, 9.7),
        (16.2, 10.1),
        (24.7, 8.6),
    ]
)
STEPS_PER_YEAR = 10
PRIOR_MEANS = np.array([1.0, 0.05, 1.0, 0.05])  # normal, of the rates
PRIOR_SCALES = np.array([0.5, 0.05, 0.5, 0.05])


def log_density(x: Array) -> Array:
    """Posterior in 8-D: logs of four rates, of two initial populations and of two noises."""
    rates = jnp.exp(x[:4])

    def slope(log_populations: Array) -> Array:
        hares, lynxes = jnp.exp(log_populations)
        return jnp.stack([rates[0] - rates[1] * lynxes, -rates[2] + rates[3] * hares])

    def step(populations: Array, _: None) -> tuple[Array, Array]:  # Runge-Kutta
        size = 1.0 / STEPS_PER_YEAR
        first = slope(populations)
        second = slope(populations + 0.5 * size * first)
        third = slope(populations + 0.5 * size * second)
        fourth = slope(populations + size * third)
        populations += size / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
        return populations, populations

    _, path = jax.lax.scan(step, x[4:6], None, length=STEPS_PER_YEAR * (len(PELTS) - 1))
    expected = jnp.concatenate([x[None, 4:6], path[STEPS_PER_YEAR - 1 :: STEPS_PER_YEAR]])
    prior = jnp.sum(norm.logpdf(rates, PRIOR_MEANS, PRIOR_SCALES) + x[:4])
    prior += jnp.sum(norm.logpdf(x[4:6], jnp.log(10.0), 1.0) + norm.logpdf(x[6:], -1.0, 1.0))
    return prior + jnp.sum(norm.logpdf(np.log(PELTS), expected, jnp.exp(x[6:])))
