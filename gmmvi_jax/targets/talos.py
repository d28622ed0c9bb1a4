"""Inverse kinematics of the humanoid robot TALOS: standing postures that reach a goal."""

import dataclasses
import math
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import (
    require_bool,
    require_host_array,
    require_one_number,
    require_positive,
)
from gmmvi_jax.targets.limbs import Limbs, Posture, limbs
from gmmvi_jax.targets.log_normal_cdf import log_normal_cdf
from gmmvi_jax.targets.urdf import Robot, parse_urdf
from gmmvi_jax.typing import Array

# Arenz et al. (TMLR 2023), the experiment TALOS. Metres and radians.
CONTEXT = (0.1, 0.5, 1.0)  # goal of the left gripper
GOAL_SCALE = 0.02
LIMIT_SCALE = 0.05
BALANCE_LIMIT, BALANCE_SCALE = 0.14, 0.01
FOOT_POSITION_SCALE, FOOT_ROTATION_SCALE = 0.02, 0.1
FOOT_GOALS = np.array([[-0.02, -0.09, 0.0], [-0.02, 0.09, 0.0]])  # right, left

JOINTS = (
    *(f"torso_{i}_joint" for i in range(1, 3)),
    *(f"arm_right_{i}_joint" for i in range(1, 8)),
    *(f"arm_left_{i}_joint" for i in range(1, 8)),
    *(f"leg_right_{i}_joint" for i in range(1, 7)),
    *(f"leg_left_{i}_joint" for i in range(1, 7)),
)
TIPS = (
    "right_sole_link",
    "left_sole_link",
    "gripper_left_base_link",
    "gripper_right_base_link",
)
_LEFT_FOOT, _LEFT_GRIPPER = 1, 2

DISTRIBUTION = "example-robot-data"
URDF = "share/example-robot-data/robots/talos_data/robots/talos_reduced.urdf"


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Talos:
    """Postures that stand on both feet, in balance, with the left gripper at a goal.

    x [34] are 28 joint angles (torso 2, right arm 7, left arm 7, right leg 6, left leg 6; the
    head and the fingers stay at 0), the position of the base [3] and its roll, pitch and yaw [3].
    log p~(x) is the sum of

     - soft limits of the joints, log Phi((q - lower) / .05) + log Phi((upper - q) / .05);
     - the same of the horizontal offset of the centre of mass from the left foot, limits +-.14,
       scale .01, in x and in y;
     - both feet: log N of position (scale .02) and rotation matrix (scale .1, entry by entry)
       about their goals, not rotated;
     - log N(left gripper | context, .02^2 I), all with their constants.

    Roll, pitch and yaw are not bounded, so the density is periodic and has no finite integral; a
    mixture covers the copies that its initial components reach.
    """

    name: str = dataclasses.field(metadata={"static": True})
    limbs: Limbs
    lower: np.ndarray | Array  # [28]
    upper: np.ndarray | Array  # [28]
    context: np.ndarray | Array  # [3]
    foot_goals: np.ndarray | Array  # [2, 3], right, left
    goal_scale: float = GOAL_SCALE

    @property
    def dim(self) -> int:
        """34."""
        return self.lower.shape[-1] + 6

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn around the upright robot, arms down, its base at the origin."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """One radian or metre in every dimension."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as their means are spread."""
        return 1.0

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at the posture ``x`` [34], a scalar of its dtype."""
        dtype = x.dtype
        posture = self.posture(x)

        angles = x[: self.limbs.num_joints]
        above = (angles - jnp.asarray(self.lower, dtype)) / LIMIT_SCALE
        below = (jnp.asarray(self.upper, dtype) - angles) / LIMIT_SCALE
        offset = (posture.centre_of_mass - posture.positions[_LEFT_FOOT])[:2]
        balance = jnp.concatenate([BALANCE_LIMIT + offset, BALANCE_LIMIT - offset]) / BALANCE_SCALE
        limits = log_normal_cdf(jnp.concatenate([above, below, balance]))

        errors = (posture.positions[:2] - jnp.asarray(self.foot_goals, dtype)) / FOOT_POSITION_SCALE
        turns = (posture.rotations[:2] - jnp.eye(3, dtype=dtype)[None]) / FOOT_ROTATION_SCALE
        goal_scale = jnp.asarray(self.goal_scale, dtype)
        reach = (posture.positions[_LEFT_GRIPPER] - jnp.asarray(self.context, dtype)) / goal_scale
        squares = jnp.sum(errors**2) + jnp.sum(turns**2) + jnp.sum(reach**2)
        log_scales = (
            6 * math.log(FOOT_POSITION_SCALE)
            + 18 * math.log(FOOT_ROTATION_SCALE)
            + 3 * jnp.log(goal_scale)
        )
        return jnp.sum(limits) - 0.5 * squares - log_scales - 13.5 * math.log(2 * math.pi)

    def posture(self, x: Array) -> Posture:
        """Returns the positions of the tips of the limbs (``TIPS``) and of the centre of mass."""
        return self.limbs.posture(*self._split(x))

    def positions(self, x: Array) -> Array:
        """Returns [4, 13, 3] the joints of each limb from the base to the tip, for drawing.

        The limbs are in the order of ``TIPS``. An arm begins with the torso; the last joints of a
        leg are the same point.
        """
        return self.limbs.stations(*self._split(x))

    def gripper(self, x: Array) -> Array:
        """Returns [3] the position of the left gripper."""
        return self.posture(x).positions[_LEFT_GRIPPER]

    def feet(self, x: Array) -> tuple[Array, Array]:
        """Returns the rotations [2, 3, 3] and positions [2, 3] of the right and the left sole."""
        posture = self.posture(x)
        return posture.rotations[:2], posture.positions[:2]

    def centre_of_mass(self, x: Array) -> Array:
        """Returns [3] the position of the centre of mass."""
        return self.posture(x).centre_of_mass

    def goal_distance(self, x: Array) -> Array:
        """Returns the distance of the left gripper from its goal, in metres."""
        offset = self.gripper(x) - jnp.asarray(self.context, x.dtype)
        return jnp.sqrt(jnp.sum(offset**2))

    def limit_excess(self, x: Array) -> Array:
        """Returns the largest violation of a joint limit in radians, 0 if there is none."""
        angles = x[: self.limbs.num_joints]
        below = jnp.asarray(self.lower, x.dtype) - angles
        above = angles - jnp.asarray(self.upper, x.dtype)
        return jnp.maximum(jnp.max(jnp.maximum(below, above)), 0)

    def within_limits(self, x: Array, tolerance: float = 0.0) -> Array:
        """Returns whether no joint exceeds its limits by more than ``tolerance``."""
        return self.limit_excess(x) <= tolerance

    def _split(self, x: Array) -> tuple[Array, Array]:
        """Returns the angles [31], with the base's at the end, and the base's position [3]."""
        joints, base, rpy = jnp.split(x, [self.limbs.num_joints, self.limbs.num_joints + 3])
        return jnp.concatenate([joints, rpy]), base


def talos(
    context: Sequence[float] | np.ndarray | Array = CONTEXT,
    *,
    published_mass: bool = False,
    goal_scale: float = GOAL_SCALE,
) -> Talos:
    """Returns the 34-D inverse kinematics of TALOS, with the description of an optional package.

    Args:
        context: [3] goal of the left gripper, in metres; x is ahead, y to the left, z up, the
            origin on the floor between the feet.
        published_mass: compute the centre of mass as the published code of Arenz et al. (TMLR
            2023), which counts the torso twice and omits the base, the head and the fingers; else
            all masses count once.
        goal_scale: standard deviation of the gripper about its goal in each direction, in metres.
            At the published 0.02 a fifth of the exact posterior is within 2 cm; at 0.007, 95%.

    Raises:
        ImportError: the package with TALOS's description is not installed.
        TypeError: ``context`` has no numbers.
        ValueError: ``context`` is not three finite numbers, ``goal_scale`` is not positive, or
            ``published_mass`` is no boolean.
    """
    goal = require_host_array("context", context).astype(np.float64)
    if goal.shape != (3,) or not np.all(np.isfinite(goal)):
        raise ValueError(f"context must be three finite numbers, x, y and z, got {context}")
    require_positive("goal_scale", require_one_number("goal_scale", goal_scale))
    require_bool("published_mass", published_mass)
    robot = parse_urdf(description())
    multiplicities = _published_multiplicities(robot) if published_mass else None
    limits = np.array([robot.joints[name].limits for name in JOINTS])
    return Talos(
        "talos",
        limbs(robot, JOINTS, TIPS, multiplicities),
        limits[:, 0],
        limits[:, 1],
        goal,
        FOOT_GOALS,
        goal_scale,
    )


def _published_multiplicities(robot: Robot) -> dict[str, float]:
    """Returns for each link the number of limbs, from the base to a tip, that it is on."""
    carriers = {joint.child: joint.parent for joint in robot.joints.values()}
    counts = dict.fromkeys(robot.links, 0.0)
    for tip in TIPS:
        link = tip
        while link != robot.root:
            counts[link] += 1
            link = carriers[link]
    return counts


def description() -> str:
    """Returns the text of TALOS's URDF from the installed package, without importing it."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix().endswith(URDF):
            path = Path(str(file.locate()))
            if path.is_file():
                return path.read_text(encoding="utf-8")
    raise ImportError(
        f"talos() reads the robot's description of the package {DISTRIBUTION}; install it with "
        f'pip install "gmmvi_jax[talos]"'
    )
