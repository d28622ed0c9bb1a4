"""A cluster of particles with Lennard-Jones interactions."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Köhler, Klein, Noé, "Equivariant flows" (ICML 2020): 13 particles in 3-D at temperature 1, every
# pair with a well of depth 1 at distance 1; the harmonic trap with the later papers' factor 1/2.
NUM_PARTICLES = 13
SPATIAL_DIM = 3
# Squared distance below which a pair's energy is linear in it. The energy there is 149, so that the
# change affects about exp(-149) of the mass, and all values are finite.
SOFT_SQUARE = 0.65**2


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class LennardJones(WithReferenceSamples):
    """P particles with Lennard-Jones energies in a harmonic trap, unnormalised.

    log p~(x) = -sum_{i<j} (d_ij^-12 - 2 d_ij^-6) - 1/2 sum_i |x_i|^2. The trap pulls towards the
    origin. This equals a trap about the centre of mass c (as in the papers on flows, which use the
    subspace of centred clusters) times exp(-P |c|^2 / 2), independent of the cluster's shape, and
    makes the density normalisable in all 3 P coordinates.

    The density is invariant under rotations and the P! permutations of the particles. A mixture of
    Gaussians fits a part of it, so that the ELBO is well below log Z.

    x [3 P] are the particles' coordinates, one particle after the other.
    """

    name: str = dataclasses.field(metadata={"static": True})
    num_particles: int = dataclasses.field(default=NUM_PARTICLES, metadata={"static": True})  # P

    @property
    def dim(self) -> int:
        """Three coordinates per particle: D = 3 P."""
        return SPATIAL_DIM * self.num_particles

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn around the origin, from the distribution of the trap alone."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """The standard deviation of the trap, which is also the distance of neighbours."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are a third of the distance of neighbours wide."""
        return 0.1

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D], a scalar of its dtype, finite everywhere."""
        positions = x.reshape(self.num_particles, SPATIAL_DIM)
        offsets = positions[:, None] - positions[None]
        # Every pair counts twice, without gathering pairs. The distance of a particle to itself is
        # set to 1, where the energy is finite, and masked afterwards.
        itself = jnp.eye(self.num_particles, dtype=x.dtype)
        energies = pair_energy(jnp.sum(offsets**2, axis=-1) + itself) * (1 - itself)
        return -0.5 * jnp.sum(energies) - 0.5 * jnp.sum(x**2)


def pair_energy(square: Array) -> Array:
    """Returns the energy of two particles at a squared distance s, elementwise.

    s^-6 - 2 s^-3, which is -1 at its minimum, s = 1; below 0.65^2 its tangent there, 1125 at s = 0.
    """
    cube = 1 / jnp.maximum(square, SOFT_SQUARE) ** 3
    slope = -6 * (SOFT_SQUARE**-7 - SOFT_SQUARE**-4)
    return cube * (cube - 2) + slope * jnp.minimum(square - SOFT_SQUARE, 0)


def lennard_jones(num_particles: int = NUM_PARTICLES) -> LennardJones:
    """Returns the Lennard-Jones cluster of ``num_particles`` particles; 13 are the benchmark's.

    Raises:
        ValueError: ``num_particles`` is less than 2.
    """
    require_int("num_particles", num_particles)
    if num_particles < 2:
        raise ValueError(f"num_particles must be at least 2 (a pair), got {num_particles}")
    return LennardJones("lennard_jones", num_particles)
