"""Collision-free motion of a planar robot arm, given by via points from a posture to a goal."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_int, require_number
from gmmvi_jax.targets.planar_robot import forward_kinematics
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Our own scene, symmetric about the y axis: the arm hangs down and must reach up behind an
# obstacle. It swings to the left or to the right, and has to draw in its hand during the motion.
START = np.array([-math.pi / 2, 0.0, 0.0, 0.0, 0.0])  # joint angles in radians
GOAL = np.array([0.0, 3.4])
OBSTACLES = np.array([[0.0, 1.9, 0.6], [3.9, 0.6, 0.5], [-3.9, 0.6, 0.5]])  # x, y, radius
ACCELERATION_SCALES = np.array([0.5, 0.2, 0.2, 0.2, 0.2])  # radians per via point, squared
NUM_VIAS = 6
CONFIGURATIONS_PER_VIA = 8
_MOST_VIAS = 1_000  # the spline is a matrix of 8 numbers for each pair of them

GOAL_SCALE = 0.05  # standard deviation of the hand about its goal, in link lengths
# The hinge loss of motion planning (Zucker et al., CHOMP, IJRR 2013; Mukadam et al., GPMP2, IJRR
# 2018): a configuration costs nothing beyond this distance,
MARGIN = 0.1
# and 0.5 (missing distance / this)^2 below it, so that contact costs 5.6 nats.
CLEARANCE_SCALE = 0.03


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class PlanarMotion(WithReferenceSamples):
    """Motions of a planar arm that are smooth, free of collisions, and reach a goal.

    x [T * D] are the joint angles at T via points, one via point after the other; the arm
    starts at rest in a given posture and comes to rest at the last one. In between, each joint
    follows the cubic spline through its via points, at C configurations. The links have length 1.

    log p~(x) = log prior + log likelihood of the goal + log likelihood of no collision:
     - the prior is normal, with its constant: the second differences of a joint's angles, rest
       before the start and after the end included, are N(0, acceleration_scale^2);
     - the hand's last position is N(goal, 0.05^2 I), with its constant;
     - -0.5 sum (h / 0.03)^2 over configurations, links and obstacles, where h is how much the
       link is closer to the obstacle than the margin of 0.1, else 0. For a link at distance d from
       the centre and R = radius + margin, h = (R^2 - d^2) / (2 R): R - d to first order, and
       differentiable also where the link passes through the centre.

    Different ways around the obstacles, and different ways to bend, are different modes. Links may
    cross one another.

    Attributes:
        name: of the target.
        start: [D] joint angles in radians, each relative to the link before it.
        goal: [2].
        obstacles: [O, 3], circles: the centre and the radius.
        acceleration_scale: [D].
        interpolation: [C, T + 1], from the start and the via points to the configurations, of which
            the first is the start and the last the last via point.
    """

    name: str = dataclasses.field(metadata={"static": True})
    start: np.ndarray | Array
    goal: np.ndarray | Array
    obstacles: np.ndarray | Array
    acceleration_scale: np.ndarray | Array
    interpolation: np.ndarray | Array

    @property
    def num_vias(self) -> int:
        """The number of via points T."""
        return self.interpolation.shape[-1] - 1

    @property
    def dim(self) -> int:
        """The number of dimensions, T * D."""
        return self.num_vias * self.start.shape[-1]

    @property
    def prior_mean(self) -> np.ndarray:
        """Initial means are drawn around the arm that does not move, [T * D]."""
        return np.tile(self.start, self.num_vias)

    @property
    def prior_scale(self) -> np.ndarray:
        """Standard deviations of the prior [T * D], which increase over time."""
        deviations = np.sqrt(np.diagonal(np.linalg.inv(_smoothness(self.num_vias))))
        return np.outer(deviations, self.acceleration_scale).reshape(-1)

    @property
    def initial_covariance(self) -> np.ndarray:
        """Variances [T * D]: initial components are a quarter as wide as the prior."""
        return (0.25 * self.prior_scale) ** 2

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at the via points ``x`` [T * D], a scalar of its dtype."""
        goal = jnp.asarray(self.goal, x.dtype)
        obstacles = jnp.asarray(self.obstacles, x.dtype)

        ends = self.trajectory(x)
        reach = (obstacles[:, 2] + MARGIN)[:, None, None]
        missing = jax.nn.relu((reach**2 - _squared_distances(ends, obstacles)) / (2 * reach))
        log_free = -0.5 * jnp.sum((missing / CLEARANCE_SCALE) ** 2)
        log_goal = -0.5 * jnp.sum(((ends[-1, -1] - goal) / GOAL_SCALE) ** 2)
        log_goal = log_goal - math.log(2 * math.pi * GOAL_SCALE**2)
        return self._log_prior(x) + log_goal + log_free

    def angles(self, x: Array) -> Array:
        """Returns the joint angles [C, D] of all configurations, the start's first."""
        path = jnp.concatenate([jnp.asarray(self.start, x.dtype)[None], self._vias(x)])
        interpolation = jnp.asarray(self.interpolation, x.dtype)
        # HIGHEST: on recent GPUs the default rounds the factors of a product to 10 bits.
        return jnp.matmul(interpolation, path, precision=PRECISION)

    def trajectory(self, x: Array) -> Array:
        """Returns [C, D + 1, 2] where the base and the ends of the links are, for drawing, too."""
        return jax.vmap(forward_kinematics)(self.angles(x))

    def clearance(self, x: Array) -> Array:
        """Returns the smallest distance of any link to any obstacle; negative in a collision."""
        obstacles = jnp.asarray(self.obstacles, x.dtype)
        distances = jnp.sqrt(_squared_distances(self.trajectory(x), obstacles))
        return jnp.min(distances - obstacles[:, 2, None, None])

    def goal_distance(self, x: Array) -> Array:
        """Returns the final distance of the hand from its goal."""
        hand = self.trajectory(x)[-1, -1]
        return jnp.linalg.norm(hand - jnp.asarray(self.goal, x.dtype))

    def _vias(self, x: Array) -> Array:
        return x.reshape(self.num_vias, self.start.shape[-1])

    def _log_prior(self, x: Array) -> Array:
        start = jnp.asarray(self.start, x.dtype)[None]
        scale = jnp.asarray(self.acceleration_scale, x.dtype)
        vias = self._vias(x)
        # Repeat the angles at both ends: the arm is at rest.
        path = jnp.concatenate([start, start, vias, vias[-1:]])
        accelerations = jnp.diff(path, n=2, axis=0) / scale[None]  # [T + 1, D]
        log_determinant = np.linalg.slogdet(_smoothness(self.num_vias))[1]
        return (
            -0.5 * jnp.sum(accelerations**2)
            - self.num_vias * jnp.sum(jnp.log(scale))
            + 0.5 * scale.size * float(log_determinant)
            - 0.5 * self.dim * math.log(2 * math.pi)
        )


def _squared_distances(ends: Array, obstacles: Array) -> Array:
    """Returns [O, C, D] the squared distances of the links to the obstacles' centres.

    Args:
        ends: [C, D + 1, 2], of links of length 1.
        obstacles: [O, 3].
    """
    # By coordinate, since arrays [C, D, 2] with an axis of length 2 take twice as long.
    x, y = ends[:, :-1, 0], ends[:, :-1, 1]
    link_x, link_y = ends[:, 1:, 0] - x, ends[:, 1:, 1] - y

    def from_one(obstacle: Array) -> Array:
        offset_x, offset_y = obstacle[0] - x, obstacle[1] - y
        along = jnp.clip(offset_x * link_x + offset_y * link_y, 0, 1)
        return (offset_x - along * link_x) ** 2 + (offset_y - along * link_y) ** 2

    return jax.vmap(from_one)(obstacles)


def _clearance_of_posture(angles: np.ndarray, obstacles: np.ndarray) -> float:
    """Returns the clearance of one posture; on the host, to check a scene without compiling."""
    links = np.exp(1j * np.cumsum(angles))  # the plane as complex numbers
    offsets = (obstacles[:, 0] + 1j * obstacles[:, 1])[:, None] - (np.cumsum(links) - links)
    along = np.clip((offsets * links.conj()).real, 0, 1)
    return float(np.min(np.abs(offsets - along * links) - obstacles[:, 2:], initial=np.inf))


def _smoothness(num_vias: int) -> np.ndarray:
    """Returns [T, T] the precision of a joint's angles minus the start's, for unit accelerations.

    The sum of squared second differences of 0, 0, q_1, ..., q_T, q_T is a quadratic form in q.
    """
    path = np.vstack([np.zeros((2, num_vias)), np.eye(num_vias), np.eye(num_vias)[-1:]])
    accelerations = np.diff(path, n=2, axis=0)
    return accelerations.T @ accelerations


def _spline(num_vias: int, steps: int) -> np.ndarray:
    """Returns [T * steps + 1, T + 1] the cubic spline at rest at both ends, as a linear map.

    Source: de Boor, "A Practical Guide to Splines", 1978, chapter IV: on knots one apart the
    slopes s meet s_(k-1) + 4 s_k + s_(k+1) = 3 (q_(k+1) - q_(k-1)).
    """
    knots = num_vias + 1
    system, differences = np.eye(knots), np.zeros((knots, knots))
    for knot in range(1, num_vias):
        system[knot, knot - 1 : knot + 2] = 1, 4, 1
        differences[knot, [knot - 1, knot + 1]] = -3, 3
    slopes = np.linalg.solve(system, differences)  # [T + 1, T + 1], from the values at the knots
    values = np.eye(knots)
    u = (np.arange(1, steps + 1) / steps)[None, :, None]  # within a segment
    segments = (
        (1 + 2 * u) * (1 - u) ** 2 * values[:-1, None]
        + u * (1 - u) ** 2 * slopes[:-1, None]
        + u**2 * (3 - 2 * u) * values[1:, None]
        + u**2 * (u - 1) * slopes[1:, None]
    )  # [T, steps, T + 1]
    return np.vstack([values[:1], segments.reshape(-1, knots)])


def _numbers(name: str, value: Any) -> np.ndarray:
    """Returns finite numbers in float64."""
    return np.asarray(require_number(name, value), np.float64)


def planar_motion(
    num_vias: int = NUM_VIAS,
    *,
    start: np.ndarray | list[float] = START,
    goal: np.ndarray | list[float] = GOAL,
    obstacles: np.ndarray | list[list[float]] = OBSTACLES,
    acceleration_scale: np.ndarray | list[float] = ACCELERATION_SCALES,
) -> PlanarMotion:
    """Returns a motion of the planar arm; by default of 5 joints at 6 via points, 30-D.

    Args:
        num_vias: T, at least 2; the spline passes 8 configurations from one to the next.
        start: [D] joint angles in radians, each relative to the link before it.
        goal: [2], where the hand is to come to rest, in link lengths from the base.
        obstacles: [O, 3], circles: the centre and the radius.
        acceleration_scale: [D] standard deviations of the joints' second differences.

    Raises:
        ValueError: a wrong shape or sign, a number that is not finite, a goal out of reach, or a
            start in collision.

    Example:
        >>> planar_motion(3, obstacles=[[0.0, 2.0, 0.5]]).dim
        15
    """
    require_int("num_vias", num_vias, 2, _MOST_VIAS)
    start = _numbers("start", start)
    if start.ndim != 1 or not len(start):
        raise ValueError(f"start must be joint angles [D], got the shape {start.shape}")
    goal, scale = _numbers("goal", goal), _numbers("acceleration_scale", acceleration_scale)
    shapes = {"goal": (goal, (2,)), "acceleration_scale": (scale, start.shape)}
    for name, (value, shape) in shapes.items():
        if value.shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, got {value.shape}")
    if np.min(scale) <= 0:
        raise ValueError(f"acceleration_scale must be positive, got {scale}")
    circles = _numbers("obstacles", obstacles)
    if circles.ndim != 2 or circles.shape[1] != 3 or np.min(circles[:, 2], initial=1) <= 0:
        raise ValueError(
            f"obstacles must be circles [O, 3], each x, y and a positive radius; got {obstacles}"
        )
    if np.hypot(*goal) > len(start):
        raise ValueError(
            f"goal {goal} is {np.hypot(*goal):.3g} from the base, out of reach of {len(start)} "
            f"links of length 1; take a closer one"
        )
    resting = _clearance_of_posture(start, circles)
    if resting < 0:
        raise ValueError(
            f"start {start} is in collision: a link is {-resting:.3g} inside of an obstacle; move "
            f"the obstacle or start elsewhere"
        )
    spline = _spline(num_vias, CONFIGURATIONS_PER_VIA)
    return PlanarMotion("planar_motion", start, goal, circles, scale, spline)
