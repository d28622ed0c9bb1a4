"""The tree of a robot's moving joints, read from its description."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gmmvi_jax.targets.urdf import Robot

BASE_TURNS = ("yaw", "pitch", "roll")  # about the axes that each leaves to the next


class Skeleton(NamedTuple):
    """The tree of a robot's moving joints, the turns of the base first."""

    origin_of: dict[str, tuple[np.ndarray, np.ndarray]]  # joint: its frame in that of the last one
    chain_of: dict[str, tuple[str, ...]]  # link: the joints that move it
    place_of: dict[str, tuple[np.ndarray, np.ndarray]]  # link: its frame in that of its last joint


def read_skeleton(robot: Robot, joint_names: Sequence[str]) -> Skeleton:
    """Returns the tree of the named joints; the others stay at 0."""
    origin_of = {name: (np.eye(3), np.zeros(3)) for name in BASE_TURNS}
    chain_of: dict[str, tuple[str, ...]] = {robot.root: BASE_TURNS}
    place_of = {robot.root: (np.eye(3), np.zeros(3))}
    for joint in robot.joints.values():
        rotation, offset = place_of[joint.parent]
        place = (rotation @ joint.rotation, offset + rotation @ joint.offset)
        chain_of[joint.child] = chain_of[joint.parent]
        if joint.name in joint_names:
            origin_of[joint.name] = place
            chain_of[joint.child] += (joint.name,)
            place = (np.eye(3), np.zeros(3))
        place_of[joint.child] = place
    return Skeleton(origin_of, chain_of, place_of)


def mass_shares(
    robot: Robot,
    skeleton: Skeleton,
    joint_names: Iterable[str],
    multiplicities: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """Returns [4] for each joint, its share of the total mass, and the share times its centre.

    A joint moves the mass up to the next one.

    Args:
        robot: the description of the robot.
        skeleton: its tree of moving joints.
        joint_names: all moving joints, ``BASE_TURNS`` included.
        multiplicities: by link, how often its mass counts, if not once.

    Raises:
        ValueError: there is no mass.
    """
    mass_of = {name: np.zeros(4) for name in joint_names}
    for link in robot.links.values():
        rotation, offset = skeleton.place_of[link.name]
        mass = link.mass * multiplicities.get(link.name, 1.0)
        centre = offset + rotation @ link.centre
        mass_of[skeleton.chain_of[link.name][-1]] += mass * np.array([1.0, *centre])
    total = sum(mass[0] for mass in mass_of.values())
    if total <= 0:
        raise ValueError(f"the robot's mass must be positive, got {total}")
    return {name: mass / total for name, mass in mass_of.items()}


def check_names(
    robot: Robot, joint_names: Sequence[str], tip_names: Sequence[str], links: Iterable[str]
) -> None:
    """Raises a ValueError unless the joints and links exist and the joints are revolute."""
    for kind, wanted, known in (
        ("joint", joint_names, robot.joints),
        ("link", [*tip_names, *links], robot.links),
    ):
        for name in wanted:
            if name not in known:
                raise ValueError(f"the robot has no {kind} {name!r}; it has {', '.join(known)}")
    for name in joint_names:
        if robot.joints[name].kind not in ("revolute", "continuous"):
            raise ValueError(f"joint {name!r} is {robot.joints[name].kind}, not revolute")
