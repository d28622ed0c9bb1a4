"""Where the limbs of a robot are, given the angles of its joints."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.targets.skeleton import BASE_TURNS, check_names, mass_shares, read_skeleton
from gmmvi_jax.targets.urdf import Robot
from gmmvi_jax.typing import Array


class Posture(NamedTuple):
    """Where the tips of the limbs are, in the world."""

    rotations: Array  # [L, 3, 3]
    positions: Array  # [L, 3]
    centre_of_mass: Array  # [3], of the whole robot


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Limbs:
    """L limbs of at most S revolute joints each, from a floating base to their tips.

    The angles are those of J joints, then the base's roll, pitch and yaw, which are the first three
    joints of every limb. Shared joints (of a torso) belong to several limbs. A limb with fewer than
    S joints is padded with joints that do nothing. ``limbs`` builds one from a description.
    """

    selection: np.ndarray | Array  # [S, L, J + 3], 1 for the angle of each joint
    rotations: np.ndarray | Array  # [S, L, 3, 3], the joint's frame in its parent's at angle 0
    offsets: np.ndarray | Array  # [S, L, 3]
    axes: np.ndarray | Array  # [S, L, 3], unit length
    # The mass that a joint moves, up to the next joint: its share of the total mass, and this share
    # times its centre. Masses shared by several limbs count in one of them.
    shares: np.ndarray | Array  # [S, L]
    moments: np.ndarray | Array  # [S, L, 3]
    tip_rotations: np.ndarray | Array  # [L, 3, 3]
    tip_offsets: np.ndarray | Array  # [L, 3]

    @property
    def num_joints(self) -> int:
        """J."""
        return self.selection.shape[-1] - 3

    def posture(self, angles: Array, base: Array) -> Posture:
        """Returns the positions of the tips and of the centre of mass.

        There is no derivative with respect to the robot's description.

        Args:
            angles: [J + 3], radians.
            base: [3], position of its origin.
        """
        rotations, positions, centre = _from_base(self, angles)
        return Posture(rotations, base[None] + positions, base + centre)

    def stations(self, angles: Array, base: Array) -> Array:
        """Returns [L, S + 1, 3] the positions of each limb's joints and tip, for drawing."""
        walk = _walk(self, angles)
        return base + jnp.swapaxes(jnp.concatenate([walk.origins, walk.tips[1][None]]), 0, 1)


class _Walk(NamedTuple):
    """The results of a walk along the limbs, relative to the base's position."""

    tips: tuple[Array, Array]  # rotations [L, 3, 3], positions [L, 3]
    axes: Array  # [S, L, 3], axes of the joints
    origins: Array  # [S, L, 3], positions of the joints
    moments_before: Array  # [S, L, 3], share of mass times position, summed up to the joint
    moments: Array  # [L, 3], up to the tip


def _walk(limbs: Limbs, angles: Array) -> _Walk:
    data: Any = jax.tree.map(lambda leaf: jnp.asarray(leaf, angles.dtype), limbs)
    num_limbs = data.offsets.shape[1]

    # A scan over the joints of all limbs at once; unrolled, it takes several times as long to
    # compile.
    def next_joint(
        carry: tuple[Array, Array, Array], joint: tuple[Array, Any]
    ) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
        rotation, position, before = carry
        angle, own = joint
        position = position + _apply(rotation, own.offsets)
        turn = _product(own.rotations, _rotations_about(own.axes, angle))
        rotation = _product(rotation, turn)
        after = before + own.shares[:, None] * position + _apply(rotation, own.moments)
        return (rotation, position, after), (_apply(rotation, own.axes), position, before)

    start = (
        jnp.broadcast_to(jnp.eye(3, dtype=angles.dtype)[None], (num_limbs, 3, 3)),
        jnp.zeros((num_limbs, 3), angles.dtype),
        jnp.zeros((num_limbs, 3), angles.dtype),
    )
    tip_rotations, tip_offsets = data.tip_rotations, data.tip_offsets
    joints = dataclasses.replace(data, tip_rotations=None, tip_offsets=None)
    (rotation, position, moments), (axes, origins, moments_before) = jax.lax.scan(
        next_joint, start, (_of_joints(data, angles), joints)
    )
    tips = (_product(rotation, tip_rotations), position + _apply(rotation, tip_offsets))
    return _Walk(tips, axes, origins, moments_before, moments)


def _of_joints(limbs: Limbs, angles: Array) -> Array:
    """Returns [S, L] the angles of the joints."""
    # As a product, since the transpose of a gather is a scatter, which is slow. HIGHEST: on recent
    # GPUs the default rounds the angles to 10 bits.
    selection = jnp.asarray(limbs.selection, angles.dtype)
    return jnp.einsum("slj,j->sl", selection, angles, precision=PRECISION)


@jax.custom_jvp
def _from_base(limbs: Limbs, angles: Array) -> tuple[Array, Array, Array]:
    """Returns rotations and positions of the tips, and the centre of mass; the base is at 0."""
    walk = _walk(limbs, angles)
    return (*walk.tips, jnp.sum(walk.moments, axis=0))


@_from_base.defjvp
def _from_base_jvp(
    primals: tuple[Limbs, Array], tangents: tuple[Limbs, Array]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    # The geometric Jacobian: everything that a joint carries turns about its axis. Differentiating
    # the walk gives the same but takes four times as long, since it stores every step's matrices.
    (limbs, angles), (_, angles_dot) = primals, tangents
    walk = _walk(limbs, angles)
    rotations, positions = walk.tips
    speeds = _of_joints(limbs, angles_dot)[:, :, None]  # [S, L, 1]
    shares = jnp.asarray(limbs.shares, angles.dtype)
    # The parts after each joint, relative to it.
    shares_after = jnp.cumsum(shares[::-1], axis=0)[::-1][:, :, None]
    moments_after = walk.moments[None] - walk.moments_before - shares_after * walk.origins

    turns = jnp.sum(speeds * walk.axes, axis=0)  # [L, 3]
    rotations_dot = _cross(turns[:, None], jnp.swapaxes(rotations, 1, 2))  # columns as rows
    positions_dot = jnp.sum(speeds * _cross(walk.axes, positions[None] - walk.origins), axis=0)
    centre_dot = jnp.sum(speeds * _cross(walk.axes, moments_after), axis=(0, 1))
    values = (rotations, positions, jnp.sum(walk.moments, axis=0))
    return values, (jnp.swapaxes(rotations_dot, 1, 2), positions_dot, centre_dot)


def limbs(
    robot: Robot,
    joint_names: Sequence[str],
    tip_names: Sequence[str],
    multiplicities: Mapping[str, float] | None = None,
) -> Limbs:
    """Returns the limbs from a robot's root to some of its links; other joints stay at 0.

    Args:
        robot: the description of the robot.
        joint_names: the revolute joints that move, in the order of the angles; each on a limb.
        tip_names: the last links of the limbs.
        multiplicities: how often a link's mass counts, if not once.

    Raises:
        ValueError: a joint or link does not exist, a joint is not revolute or on no limb, or there
            is no mass.
    """
    multiplicities = multiplicities or {}
    check_names(robot, joint_names, tip_names, multiplicities)
    skeleton = read_skeleton(robot, joint_names)
    chains = [skeleton.chain_of[tip] for tip in tip_names]
    axis_of = dict(zip(BASE_TURNS, np.eye(3)[::-1], strict=True))
    axis_of |= {name: robot.joints[name].axis for name in joint_names}
    index_of = {name: i for i, name in enumerate([*joint_names, *BASE_TURNS[::-1]])}
    mass_of = mass_shares(robot, skeleton, index_of, multiplicities)

    shape = (max(len(chain) for chain in chains), len(chains))
    selection = np.zeros((*shape, len(index_of)))
    rotations, offsets = np.tile(np.eye(3), (*shape, 1, 1)), np.zeros((*shape, 3))
    axes, masses = np.tile([1.0, 0.0, 0.0], (*shape, 1)), np.zeros((*shape, 4))
    counted: set[str] = set()
    for limb, chain in enumerate(chains):
        for step, name in enumerate(chain):
            selection[step, limb, index_of[name]] = 1.0
            rotations[step, limb], offsets[step, limb] = skeleton.origin_of[name]
            axes[step, limb] = axis_of[name]
            if name not in counted:
                masses[step, limb] = mass_of[name]
                counted.add(name)
    for name in joint_names:
        if name not in counted:
            raise ValueError(f"joint {name!r} is on no limb; they end at {', '.join(tip_names)}")
    tip_rotations, tip_offsets = zip(*(skeleton.place_of[tip] for tip in tip_names), strict=True)
    return Limbs(
        selection,
        rotations,
        offsets,
        axes,
        masses[..., 0],
        masses[..., 1:],
        np.array(tip_rotations),
        np.array(tip_offsets),
    )


def _rotations_about(axes: Array, angles: Array) -> Array:
    """Returns [L, 3, 3] the rotations about unit axes [L, 3] by angles [L] (Rodrigues' formula)."""
    x, y, z = (axes[:, i] for i in range(3))
    zero = jnp.zeros_like(x)
    cross = jnp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    outer = axes[:, :, None] * axes[:, None, :]
    eye = jnp.eye(3, dtype=axes.dtype)[None]
    cosines, sines = jnp.cos(angles)[:, None, None], jnp.sin(angles)[:, None, None]
    return cosines * eye + sines * cross + (1 - cosines) * outer


# Products of 3 x 3 matrices as sums of three terms, which XLA fuses with the code around them.
# Matrix products are not fused, and on recent GPUs round their factors to 10 bits.
def _product(first: Array, second: Array) -> Array:
    terms = [first[..., :, i, None] * second[..., None, i, :] for i in range(3)]
    return terms[0] + terms[1] + terms[2]


def _apply(rotations: Array, vectors: Array) -> Array:
    terms = [rotations[..., :, i] * vectors[..., None, i] for i in range(3)]
    return terms[0] + terms[1] + terms[2]


def _cross(first: Array, second: Array) -> Array:
    (a, b, c), (x, y, z) = ([v[..., i] for i in range(3)] for v in (first, second))
    return jnp.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=-1)
