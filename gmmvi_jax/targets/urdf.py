"""A parser of URDF files: kinematics and masses of a robot's links and joints."""

import dataclasses
import xml.etree.ElementTree as ElementTree

import numpy as np

_MOVING = ("revolute", "continuous", "prismatic")


@dataclasses.dataclass(frozen=True, eq=False)
class Link:
    """A rigid body.

    Attributes:
        name: of the link.
        mass: in kg, 0 if the file has none.
        centre: [3] its centre of mass in the link's frame, in m.
    """

    name: str
    mass: float
    centre: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Joint:
    """The connection of a link to its parent.

    Attributes:
        name: of the joint.
        parent: the name of the link it is on.
        child: the name of the link that it moves.
        rotation: [3, 3], of the child's frame in the parent's, for the joint at 0.
        offset: [3], of the child's frame in the parent's, for the joint at 0.
        kind: as in the file: "revolute", "fixed", ...
        axis: [3] of unit length, in the child's frame; zeros if the joint is fixed.
        limits: lower and upper, infinite if the file has none.
    """

    name: str
    parent: str
    child: str
    rotation: np.ndarray
    offset: np.ndarray
    kind: str
    axis: np.ndarray
    limits: tuple[float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Robot:
    """A tree of links.

    Attributes:
        root: the name of the link that has no parent.
        links: by name.
        joints: by name, parents before children.
    """

    root: str
    links: dict[str, Link]
    joints: dict[str, Joint]


def parse_urdf(text: str) -> Robot:
    """Reads a robot's description.

    Args:
        text: XML, <https://wiki.ros.org/urdf/XML>.

    Raises:
        ValueError: the text is not XML, or the links and joints do not form one tree.
    """
    try:
        robot = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"the URDF is not XML: {error}") from error
    links = {link.name: link for link in map(_link, robot.findall("link"))}
    joints = [_joint(element) for element in robot.findall("joint")]
    children = {joint.child for joint in joints}
    roots = [name for name in links if name not in children]
    if len(roots) != 1 or len(children) != len(joints) or len(links) != len(joints) + 1:
        raise ValueError(
            f"the URDF must describe one tree; it has {len(links)} links, {len(joints)} joints, "
            f"and these links without a parent: {roots}"
        )
    on_link: dict[str, list[Joint]] = {name: [] for name in links}
    for joint in joints:
        if joint.parent not in on_link or joint.child not in links:
            raise ValueError(
                f"joint {joint.name!r} connects {joint.parent!r} to {joint.child!r}; the URDF must "
                f"have both links"
            )
        on_link[joint.parent].append(joint)

    ordered: dict[str, Joint] = {}
    waiting = [roots[0]]
    while waiting:
        for joint in on_link[waiting.pop(0)]:
            ordered[joint.name] = joint
            waiting.append(joint.child)
    if len(ordered) != len(joints):
        raise ValueError(f"the URDF has a loop: not every joint can be reached from {roots[0]!r}")
    return Robot(roots[0], links, ordered)


def rotation_from_rpy(rpy: np.ndarray) -> np.ndarray:
    """Returns [3, 3] the rotation by roll, pitch, yaw: about the fixed axes x, then y, then z."""
    (sr, sp, sy), (cr, cp, cy) = np.sin(rpy), np.cos(rpy)
    roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def _link(element: ElementTree.Element) -> Link:
    mass = element.find("inertial/mass")
    origin = element.find("inertial/origin")
    return Link(
        _required(element, "name"),
        0.0 if mass is None else float(_required(mass, "value")),
        _vector(origin, "xyz"),
    )


def _joint(element: ElementTree.Element) -> Joint:
    name, kind = _required(element, "name"), _required(element, "type")
    if kind not in (*_MOVING, "fixed"):
        raise ValueError(f"joint {name!r} is {kind}; only {', '.join(_MOVING)} and fixed are known")
    ends = {}
    for end in ("parent", "child"):
        found = element.find(end)
        if found is None:
            raise ValueError(f"joint {name!r} has no {end}")
        ends[end] = _required(found, "link")
    axis = np.zeros(3)
    if kind != "fixed":
        axis_element = element.find("axis")
        axis = np.array([1.0, 0, 0]) if axis_element is None else _vector(axis_element, "xyz")
        length = float(np.linalg.norm(axis))
        if length == 0:
            raise ValueError(f"joint {name!r} is {kind}, but its axis is zero")
        axis = axis / length
    origin = element.find("origin")
    limit = element.find("limit") if kind != "continuous" else None
    return Joint(
        name,
        ends["parent"],
        ends["child"],
        rotation_from_rpy(_vector(origin, "rpy")),
        _vector(origin, "xyz"),
        kind,
        axis,
        # The format's default for a missing bound is 0.
        (-np.inf, np.inf)
        if limit is None
        else (float(limit.get("lower", 0)), float(limit.get("upper", 0))),
    )


def _required(element: ElementTree.Element, attribute: str) -> str:
    value = element.get(attribute)
    if value is None:
        raise ValueError(f"a <{element.tag}> of the URDF has no {attribute!r}")
    return value


def _vector(element: ElementTree.Element | None, attribute: str) -> np.ndarray:
    if element is None:
        return np.zeros(3)
    vector = np.array([float(entry) for entry in element.get(attribute, "0 0 0").split()])
    if vector.shape != (3,):
        raise ValueError(f"{attribute} must be three numbers, got {element.get(attribute)!r}")
    return vector
