"""The cluster against a loop over pairs, its symmetries, and its known ground state.

Always four points in float64: one program serves them all.
"""

import math

import jax
import numpy as np
import pytest
from scipy import optimize, stats

from gmmvi_jax.targets import lennard_jones
from gmmvi_jax.targets.lennard_jones import pair_energy

evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))

GOLDEN = (1 + np.sqrt(5)) / 2


def pair_energies(positions: np.ndarray) -> float:
    """Return the energy of all pairs, looping over them."""
    energy = 0.0
    for i in range(len(positions)):
        for j in range(i):
            distance = math.dist(positions[i], positions[j])
            energy += distance**-12 - 2 * distance**-6
    return energy


def lattice(num_points: int) -> np.ndarray:
    """Return perturbed lattices [num_points, 13, 3], no two particles closer than 0.7."""
    corners = np.stack(np.meshgrid(*3 * [np.arange(3.0)], indexing="ij"), -1).reshape(-1, 3)[:13]
    noise = np.random.default_rng(0).uniform(-0.08, 0.08, (num_points, 13, 3))
    return 1.1 * corners - 1.0 + noise


@pytest.mark.usefixtures("float64")
def test_density_is_the_loop_over_pairs() -> None:
    positions = lattice(4)
    values, _ = evaluate(lennard_jones(), positions.reshape(4, 39))
    expected = [-pair_energies(x) - 0.5 * np.sum(x**2) for x in positions]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_symmetries_and_the_centre_of_mass() -> None:
    target = lennard_jones()
    positions = lattice(1)[0]
    positions -= np.mean(positions, axis=0)
    rotation = stats.special_ortho_group.rvs(3, random_state=0)
    permuted = positions[np.random.default_rng(1).permutation(13)]
    shift = np.array([0.3, -0.2, 0.5])
    variants = np.stack([positions, positions @ rotation.T, permuted, positions + shift])
    values, _ = map(np.asarray, evaluate(target, variants.reshape(4, 39)))
    np.testing.assert_allclose(values[1:3], values[0], rtol=1e-11)
    np.testing.assert_allclose(values[3], values[0] - 6.5 * np.sum(shift**2), rtol=1e-11)


@pytest.mark.usefixtures("float64")
def test_ground_state_of_thirteen_particles() -> None:
    # An icosahedron and its centre, -44.326801 without a trap (Wales & Doye 1997).
    ring = [(0.0, s, t * GOLDEN) for s in (-1, 1) for t in (-1, 1)]
    corners = np.array([np.roll(corner, k) for corner in ring for k in range(3)])
    shape = np.concatenate([np.zeros((1, 3)), corners / np.linalg.norm(corners[0])])

    def energy(radius: float) -> float:
        points = np.tile(radius * shape.ravel(), (4, 1))
        return -evaluate(lennard_jones(), points)[0][0] - 0.5 * np.sum(points[0] ** 2)

    found = optimize.minimize_scalar(energy, bounds=(0.9, 1.0), method="bounded")
    np.testing.assert_allclose(energy(found.x), -44.326801, atol=1e-6)


@pytest.mark.usefixtures("float64")
def test_coinciding_particles_are_finite() -> None:
    target = lennard_jones()
    points = np.random.default_rng(0).normal(scale=0.3, size=(4, 39))
    points[0] = 0  # all in one place
    points[1, 3:6] = points[1, :3]
    values, gradients = map(np.asarray, evaluate(target, points))
    # What fits into float32 many times over.
    assert np.max(np.abs(values)) < 1e6
    assert np.max(np.abs(gradients)) < 1e6


@pytest.mark.usefixtures("float64")
def test_energy_goes_on_straight_at_close_quarters() -> None:
    squares = np.array([0.0, 0.2, 0.65**2 - 1e-9, 0.65**2 + 1e-9, 1.0])
    energies = np.asarray(jax.jit(pair_energy)(squares))
    np.testing.assert_allclose(energies[2], energies[3], rtol=1e-7)
    np.testing.assert_allclose(energies[4], -1)
    slope = -6 * (0.65**-14 - 0.65**-8)
    np.testing.assert_allclose(np.diff(energies[:3]), slope * np.diff(squares[:3]), rtol=1e-6)


def test_number_of_particles_is_the_callers() -> None:
    assert lennard_jones(3).dim == 9
    with pytest.raises(ValueError, match=r"num_particles must be at least 2 \(a pair\), got 1"):
        lennard_jones(1)
