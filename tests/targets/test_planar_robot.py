"""The planar robot against plain trigonometry."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from gmmvi_jax.targets import forward_kinematics, planar_robot

value = jax.jit(lambda target, x: target(x))

GOALS = {1: [(7.0, 0.0)], 4: [(7.0, 0.0), (-7.0, 0.0), (0.0, 7.0), (0.0, -7.0)]}


def normal_log_density(x: float, mean: float, scale: float) -> float:
    """Return log N(x | mean, scale^2)."""
    return -0.5 * ((x - mean) / scale) ** 2 - math.log(scale * math.sqrt(2 * math.pi))


def textbook_hand(angles: np.ndarray) -> complex:
    """Return where the end effector is, as a complex number."""
    position, direction = 0j, 1 + 0j
    for angle in angles:
        direction *= complex(math.cos(angle), math.sin(angle))
        position += direction
    return position


def textbook_log_density(angles: np.ndarray, num_goals: int) -> float:
    """Return the unnormalised log density, term by term."""
    log_prior = sum(
        normal_log_density(angle, 0.0, 1.0 if joint == 0 else 0.2)
        for joint, angle in enumerate(angles)
    )
    hand = textbook_hand(angles)
    return log_prior + max(
        normal_log_density(hand.real, x, 0.01) + normal_log_density(hand.imag, y, 0.01)
        for x, y in GOALS[num_goals]
    )


def arc_posture(reach: float, heading: float) -> np.ndarray:
    """Return angles [10] of equal bends that put the hand at this distance and direction.

    The links are chords of a circle: with a bend of b the hand is at sin(5 b) / sin(b / 2), in the
    direction of the first link plus 4.5 b.
    """
    solution = optimize.root_scalar(
        lambda b: math.sin(5 * b) / math.sin(b / 2) - reach, bracket=(1e-3, 0.6)
    )
    bend = solution.root
    return np.array([heading - 4.5 * bend] + 9 * [bend])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_goals", [1, 4])
def test_density_is_the_textbook_one(num_goals: int) -> None:
    target = planar_robot(num_goals)
    generator = np.random.default_rng(0)
    postures = [np.asarray(target.prior_scale) * generator.normal(size=10) for _ in range(10)]
    postures += [3 * generator.normal(size=10) for _ in range(10)]
    postures += [
        arc_posture(7.0, heading) + 0.003 * generator.normal(size=10)
        for heading in (0.0, math.pi / 2, math.pi, -math.pi / 2)
    ]
    for x in postures:
        expected = textbook_log_density(x, num_goals)
        np.testing.assert_allclose(value(target, x), expected, rtol=1e-11, atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_every_goal_counts_when_reached() -> None:
    single, four = planar_robot(1), planar_robot(4)
    for heading in (0.0, math.pi / 2, math.pi, -math.pi / 2):
        x = arc_posture(7.0, heading)
        prior = normal_log_density(x[0], 0.0, 1.0) + sum(
            normal_log_density(angle, 0.0, 0.2) for angle in x[1:]
        )
        at_goal = prior + 2 * normal_log_density(0.0, 0.0, 0.01)
        np.testing.assert_allclose(value(four, x), at_goal, rtol=1e-9)
        if heading == 0.0:
            np.testing.assert_allclose(value(single, x), at_goal, rtol=1e-9)
        else:
            assert value(single, x) < at_goal - 1e5


@pytest.mark.usefixtures("float64")
def test_the_best_goal_counts_alone() -> None:
    # Half way between two goals a sum over goals would be log 2 higher.
    x = arc_posture(7 / math.sqrt(2), math.pi / 4)
    hand = textbook_hand(x)
    np.testing.assert_allclose([hand.real, hand.imag], [3.5, 3.5], atol=1e-9)
    expected = textbook_log_density(x, 1)
    np.testing.assert_allclose(value(planar_robot(4), x), expected, atol=1e-3)


def test_single_precision_at_a_goal() -> None:
    # The likelihood is 100 times steeper than the links are long: errors of 1e-6 in the
    # position are of 1e-4 standard deviations.
    generator = np.random.default_rng(0)
    postures = arc_posture(7.0, 0.0) + 0.002 * generator.normal(size=(100, 10))
    points = postures.astype(np.float32)
    expected = [textbook_log_density(x, 4) for x in points.astype(np.float64)]
    assert np.median(expected) > -20
    values = jax.jit(jax.vmap(planar_robot(4)))(points)
    np.testing.assert_allclose(values, expected, rtol=0, atol=5e-3)


@pytest.mark.usefixtures("float64")
def test_forward_kinematics() -> None:
    stretched = forward_kinematics(jnp.zeros(10))
    np.testing.assert_allclose(stretched, np.stack([np.arange(11), np.zeros(11)], axis=1))
    # Four right turns close a square.
    square = forward_kinematics(jnp.asarray([0.0, np.pi / 2, np.pi / 2, np.pi / 2]))
    np.testing.assert_allclose(square, [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], atol=1e-15)

    x = np.random.default_rng(0).normal(size=10)
    ends = np.asarray(forward_kinematics(jnp.asarray(x)))
    assert ends.shape == (11, 2)
    np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=0), axis=1), 1.0)
    for joint in range(11):
        np.testing.assert_allclose(complex(*ends[joint]), textbook_hand(x[:joint]), atol=1e-14)


def test_goals() -> None:
    for num_goals, goals in GOALS.items():
        assert {(x, y) for x, y in np.asarray(planar_robot(num_goals).goals).tolist()} == set(goals)
    with pytest.raises(ValueError, match="must be 1 or 4, got 3"):
        planar_robot(3)
