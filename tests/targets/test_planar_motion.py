"""The arm's motions against scipy's spline, scipy's normal, and loops over links and circles."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import interpolate, stats

from gmmvi_jax.targets import planar_motion

evaluate = jax.jit(
    lambda target, x: (
        *jax.value_and_grad(target)(x),
        target.angles(x),
        target.trajectory(x),
        target.clearance(x),
        target.goal_distance(x),
    )
)

START = np.array([-math.pi / 2, 0, 0, 0, 0])
GOAL = 3.4j
CIRCLES = [(1.9j, 0.6), (3.9 + 0.6j, 0.5), (-3.9 + 0.6j, 0.5)]
SCALES = np.array([0.5, 0.2, 0.2, 0.2, 0.2])


def textbook_angles(x: np.ndarray) -> np.ndarray:
    """Return the joint angles [49, 5] on the spline that rests at both ends."""
    spline = interpolate.CubicSpline(np.arange(7), [START, *x.reshape(6, 5)], bc_type="clamped")
    return spline(np.arange(49) / 8)


def textbook_arm(angles: np.ndarray) -> list[complex]:
    """Return the base and the ends of the links as complex numbers."""
    ends = [0j]
    for joint in range(len(angles)):
        ends.append(ends[-1] + np.exp(1j * np.sum(angles[: joint + 1])))
    return ends


def distance(point: complex, begin: complex, end: complex) -> float:
    """Return how far the point is from the segment, by cases."""
    if ((point - begin) * (end - begin).conjugate()).real <= 0:
        return abs(point - begin)
    if ((point - end) * (begin - end).conjugate()).real <= 0:
        return abs(point - end)
    return abs(((point - begin) * (end - begin).conjugate()).imag) / abs(end - begin)


def textbook_distances(x: np.ndarray) -> np.ndarray:
    """Return [49, 5, 3] the distances of the links to the circles' centres."""
    return np.array(
        [
            [
                [distance(centre, arm[link], arm[link + 1]) for centre, _ in CIRCLES]
                for link in range(5)
            ]
            for arm in map(textbook_arm, textbook_angles(x))
        ]
    )


def prior_covariance() -> np.ndarray:
    """Return [30, 30], one joint at a time, from the second differences of unit vectors."""
    covariance = np.zeros((6, 5, 6, 5))
    path = np.zeros((9, 6))
    for via in range(6):
        path[via + 2, via] = 1
    path[8] = path[7]
    differences = path[2:] - 2 * path[1:-1] + path[:-2]
    for joint, scale in enumerate(SCALES):
        precision = differences.T @ differences / scale**2
        covariance[:, joint, :, joint] = np.linalg.inv(precision)
    return covariance.reshape(30, 30)


def textbook_log_density(x: np.ndarray) -> float:
    """Return the unnormalised log density, term by term."""
    hand = textbook_arm(textbook_angles(x)[-1])[-1]
    normal: Any = stats.multivariate_normal
    value = normal.logpdf(x, np.tile(START, 6), prior_covariance())
    value += stats.norm.logpdf((hand - GOAL).real, 0, 0.05)
    value += stats.norm.logpdf((hand - GOAL).imag, 0, 0.05)
    distances = textbook_distances(x)
    for obstacle, (_, radius) in enumerate(CIRCLES):
        safe = radius + 0.1
        for d in distances[..., obstacle].ravel():
            if d < safe:
                value -= ((safe**2 - d**2) / (2 * safe) / 0.03) ** 2 / 2
    return float(value)


def motions() -> np.ndarray:
    """Return [4, 30]: from the prior, about the start, and a swing through an obstacle."""
    noise = np.random.default_rng(0).normal(size=(2, 30))
    drawn = np.tile(START, 6) + noise @ np.linalg.cholesky(prior_covariance()).T
    near = np.tile(START, 6) + 0.05 * noise[:1]
    swing = np.tile(START, (6, 1))
    swing[:, 0] += np.linspace(0.3, math.pi, 6)
    return np.vstack([drawn, near, swing.reshape(1, 30)])


@pytest.mark.usefixtures("float64")
def test_density_and_helpers_are_the_textbook_ones() -> None:
    target = planar_motion()
    clearances = []
    for x in motions():
        value, _, angles, trajectory, clearance, goal_distance = evaluate(target, x)
        np.testing.assert_allclose(value, textbook_log_density(x), rtol=1e-10)
        np.testing.assert_allclose(angles, textbook_angles(x), atol=1e-12)
        arms = np.array([textbook_arm(posture) for posture in textbook_angles(x)])
        np.testing.assert_allclose(trajectory[..., 0] + 1j * trajectory[..., 1], arms, atol=1e-12)
        rims = textbook_distances(x) - np.array([radius for _, radius in CIRCLES])
        np.testing.assert_allclose(clearance, np.min(rims), atol=1e-12)
        np.testing.assert_allclose(goal_distance, abs(arms[-1, -1] - GOAL), atol=1e-12)
        clearances.append(float(clearance))
    assert max(clearances) > 0 > min(clearances)  # with and without collision


@pytest.mark.usefixtures("float64")
def test_left_and_right_are_alike() -> None:
    # Mirrored at the y axis, an arm that hangs down turns by the opposite angles.
    target = planar_motion()
    for x in motions():
        mirrored = 2 * np.tile(START, 6) - x
        np.testing.assert_allclose(evaluate(target, mirrored)[0], evaluate(target, x)[0])


@pytest.mark.usefixtures("float64")
def test_motions_pass_the_via_points() -> None:
    x = motions()[0]
    angles = np.asarray(evaluate(planar_motion(), x)[2])
    np.testing.assert_allclose(angles[0], START, rtol=1e-12)
    np.testing.assert_allclose(angles[8::8], x.reshape(6, 5), rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_initial_means_spread_as_the_prior() -> None:
    target = planar_motion()
    np.testing.assert_allclose(target.prior_mean, np.tile(START, 6))
    np.testing.assert_allclose(target.prior_scale**2, np.diagonal(prior_covariance()), rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_a_link_through_the_middle_of_an_obstacle_has_a_gradient() -> None:
    stretched = np.tile([0.0, 0, 0, 0, 0], 6)  # along the x axis, from the first via point on
    middles = np.array([[2.5, 0, 0.6], [3.9, 0, 0.5], [-3.9, 0.6, 0.5]])
    target = dataclasses.replace(planar_motion(), obstacles=middles)
    value, gradient, *_ = evaluate(target, stretched)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def test_without_obstacles() -> None:
    target = planar_motion(2, obstacles=np.zeros((0, 3)))
    assert target.dim == 10
    assert np.isfinite(target(jnp.asarray(target.prior_mean, jnp.float32)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_vias": 1}, "num_vias must be an integer of at least 2, got 1"),
        ({"start": 0.5}, r"start must be joint angles \[D\], got the shape \(\)"),
        ({"goal": [1, 2, 3]}, r"goal must have the shape \(2,\), got \(3,\)"),
        ({"acceleration_scale": [1.0]}, r"acceleration_scale must have the shape \(5,\)"),
        ({"acceleration_scale": [1, 1, 0, 1, 1]}, "acceleration_scale must be positive"),
        ({"obstacles": [[0, 2]]}, r"obstacles must be circles \[O, 3\]"),
        ({"obstacles": [[0, 2, -1]]}, "a positive radius"),
        ({"goal": [4, 4]}, "5.66 from the base, out of reach of 5 links"),
        ({"obstacles": [[0.2, -3, 0.5]]}, "start .* is in collision: a link is 0.3 inside"),
    ],
)
def test_scenes_that_cannot_be(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        planar_motion(**settings)
