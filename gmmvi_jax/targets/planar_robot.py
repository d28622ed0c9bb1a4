"""Inverse kinematics of a planar robot arm: joint angles that reach a goal."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Arenz, Zhong, Neumann (JMLR 2020), the experiment with ten links of length one.
JOINT_SCALES = np.array([1.0] + [0.2] * 9)  # prior standard deviations, radians
GOAL_SCALE = 0.01  # standard deviation of the end effector about its goal, in link lengths
GOALS = np.array([[7.0, 0.0], [0.0, 7.0], [-7.0, 0.0], [0.0, -7.0]])


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class PlanarRobot(WithReferenceSamples):
    """Joint angles of a smooth posture whose end effector is at one of several goals.

    log p~(x) = log N(x | 0, diag(prior_scale^2)) + max_g log N(hand(x) | goal_g, 0.01^2 I), both
    with their constants. x [D] are the angles of the joints in radians, each relative to the link
    before it, the first to the x axis. Only the nearest goal counts, so that each goal has its own
    region, with many modes, since the arm can bend in many ways.
    """

    name: str = dataclasses.field(metadata={"static": True})
    goals: np.ndarray | Array  # [G, 2]
    prior_scale: np.ndarray | Array  # [D], standard deviations in radians

    @property
    def dim(self) -> int:
        """The number of joints D."""
        return self.prior_scale.shape[-1]

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn from the prior, around the arm stretched along the x axis."""
        return 0.0

    @property
    def initial_covariance(self) -> np.ndarray | Array:
        """Variances [D]: initial components are a quarter as wide as the prior, in each joint."""
        return (0.25 * self.prior_scale) ** 2

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at the joint angles ``x`` [D], a scalar of its dtype."""
        prior_scale = jnp.asarray(self.prior_scale, x.dtype)
        goals = jnp.asarray(self.goals, x.dtype)

        log_prior = -0.5 * jnp.sum((x / prior_scale) ** 2) - (
            jnp.sum(jnp.log(prior_scale)) + 0.5 * self.dim * math.log(2 * math.pi)
        )
        hand = forward_kinematics(x)[-1]
        offsets = (hand[None] - goals) / GOAL_SCALE  # [G, 2]
        nearest = jnp.min(jnp.sum(offsets**2, axis=-1))
        log_likelihood = -0.5 * nearest - math.log(2 * math.pi * GOAL_SCALE**2)
        return log_prior + log_likelihood

    def forward_kinematics(self, x: Array) -> Array:
        """Returns [D + 1, 2] the positions of the joints and the end effector; see the function."""
        return forward_kinematics(x)


def forward_kinematics(x: Array) -> Array:
    """Returns the positions of the arm's joints and end effector.

    Args:
        x: [D], joint angles in radians, each relative to the link before it.

    Returns:
        [D + 1, 2]: the base (the origin), then the end of every link; links have length 1.
    """
    directions = jnp.cumsum(x)
    links = jnp.stack([jnp.cos(directions), jnp.sin(directions)], axis=-1)  # [D, 2]
    base = jnp.zeros((1, 2), links.dtype)
    return jnp.concatenate([base, jnp.cumsum(links, axis=0)])


def planar_robot(num_goals: int = 4) -> PlanarRobot:
    """Returns the 10-D planar robot with one goal, (7, 0), or four, (+-7, 0) and (0, +-7).

    Raises:
        ValueError: ``num_goals`` is neither 1 nor 4.
    """
    if require_int("num_goals", num_goals) not in (1, 4):
        raise ValueError(
            f"num_goals must be 1 or 4, got {num_goals}; for other goals build a PlanarRobot"
        )
    return PlanarRobot(f"planar_robot_{num_goals}", GOALS[:num_goals], JOINT_SCALES)
