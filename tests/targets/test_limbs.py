"""Forward kinematics of a small robot against homogeneous transforms, link by link."""

from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gmmvi_jax.targets.limbs import Limbs, limbs
from gmmvi_jax.targets.urdf import parse_urdf

# A torso with two arms of different lengths and a head; skew axes, turned frames, masses off the
# joints, a link without inertia, one without an origin of its own.
URDF = """
<robot name="small">
  <link name="base"><inertial><mass value="3"/><origin xyz=".1 0 -.2"/></inertial></link>
  <link name="torso"><inertial><mass value="2"/><origin xyz="0 .1 .3"/></inertial></link>
  <link name="head"><inertial><mass value="1.5"/><origin xyz="0 0 .1"/></inertial></link>
  <link name="upper"><inertial><mass value="1"/><origin xyz=".2 0 0"/></inertial></link>
  <link name="lower"><inertial><mass value=".5"/></inertial></link>
  <link name="hand"/>
  <link name="stump"><inertial><mass value=".7"/><origin xyz="-.1 .2 0"/></inertial></link>
  <link name="hook"><inertial><mass value=".2"/><origin xyz="0 .2 .1"/></inertial></link>
  <joint name="wrist" type="fixed"><parent link="lower"/><child link="hand"/>
    <origin xyz=".3 .1 0" rpy=".4 -.2 1"/></joint>
  <joint name="waist" type="revolute"><parent link="base"/><child link="torso"/>
    <origin xyz="0 .1 .4" rpy=".1 .2 .3"/><axis xyz="0 0 2"/><limit lower="-1" upper="1.5"/></joint>
  <joint name="neck" type="revolute"><parent link="torso"/><child link="head"/>
    <origin xyz="0 0 .5"/><axis xyz="0 1 0"/><limit upper="1"/></joint>
  <joint name="shoulder" type="revolute"><parent link="torso"/><child link="upper"/>
    <origin xyz=".2 0 .4" rpy="1 0 0"/><axis xyz="1 2 -1"/><limit lower="-2" upper="2"/></joint>
  <joint name="elbow" type="continuous"><parent link="upper"/><child link="lower"/>
    <origin xyz=".4 0 0" rpy="0 -.5 0"/></joint>
  <joint name="left" type="revolute"><parent link="torso"/><child link="stump"/>
    <origin xyz="-.2 0 .4"/><axis xyz="0 1 1"/><limit lower="0" upper="2"/></joint>
  <joint name="end" type="fixed"><parent link="stump"/><child link="hook"/>
    <origin xyz="0 0 -.3" rpy="0 1 0"/></joint>
</robot>
"""
JOINTS = ("waist", "left", "shoulder", "elbow")
TIPS = ("hand", "hook")


def transform(xyz: list[float], rotation: Rotation) -> np.ndarray:
    """Return [4, 4]."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation.as_matrix(), xyz
    return matrix


def numbers(
    element: ElementTree.Element, tag: str, attribute: str, default: str = "0 0 0"
) -> list[float]:
    """Return the numbers of an attribute, or the default where there is no such element."""
    found = element.find(tag)
    text = default if found is None else found.get(attribute, default)
    return [float(entry) for entry in text.split()]


def textbook_links(text: str, angles: dict[str, float], base: np.ndarray) -> dict[str, np.ndarray]:
    """Return the frame [4, 4] of every link, by walking from each to the root."""
    robot = ElementTree.fromstring(text)
    carriers = {}
    for joint in robot.findall("joint"):
        step = transform(
            numbers(joint, "origin", "xyz"),
            Rotation.from_euler("xyz", numbers(joint, "origin", "rpy")),
        )
        if joint.get("type") != "fixed":
            axis = np.array(numbers(joint, "axis", "xyz", "1 0 0"))
            turn = angles.get(joint.get("name", ""), 0.0) * axis / np.linalg.norm(axis)
            step = step @ transform([0, 0, 0], Rotation.from_rotvec(turn))
        ends = {element.tag: element.get("link", "") for element in joint}
        carriers[ends["child"]] = (ends["parent"], step)

    def frame(link: str) -> np.ndarray:
        if link not in carriers:
            return base
        parent, step = carriers[link]
        return frame(parent) @ step

    return {name: frame(name) for name in (link.get("name", "") for link in robot.findall("link"))}


def textbook_centre(
    text: str, frames: dict[str, np.ndarray], counts: dict[str, float] | None = None
) -> np.ndarray:
    """Return the centre of mass [3]."""
    total, moment = 0.0, np.zeros(3)
    for link in ElementTree.fromstring(text).findall("link"):
        name = link.get("name", "")
        mass = link.find("inertial/mass")
        if mass is None:
            continue
        centre = numbers(link, "inertial/origin", "xyz")
        weight = float(mass.get("value", "")) * (counts or {}).get(name, 1.0)
        point = frames[name] @ [*centre, 1.0]
        total, moment = total + weight, moment + weight * point[:3]
    return moment / total


def small(counts: dict[str, float] | None = None) -> Limbs:
    """Return the limbs of the robot above."""
    return limbs(parse_urdf(URDF), JOINTS, TIPS, counts)


posture = jax.jit(lambda robot, angles, base: robot.posture(angles, base))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("counts", [None, {"base": 0.0, "torso": 2.0, "hook": 0.0}])
def test_tips_and_centre_of_mass_are_the_textbook_ones(counts: dict[str, float] | None) -> None:
    generator = np.random.default_rng(0)
    for _ in range(3):
        angles, position = generator.normal(size=7), generator.normal(size=3)
        base = transform(position.tolist(), Rotation.from_euler("xyz", angles[4:]))
        frames = textbook_links(URDF, dict(zip(JOINTS, angles, strict=False)), base)
        found = posture(small(counts), angles, position)
        for limb, tip in enumerate(TIPS):
            np.testing.assert_allclose(found.rotations[limb], frames[tip][:3, :3], atol=1e-14)
            np.testing.assert_allclose(found.positions[limb], frames[tip][:3, 3], atol=1e-14)
        centre = textbook_centre(URDF, frames, counts)
        np.testing.assert_allclose(found.centre_of_mass, centre, atol=1e-14)


@pytest.mark.usefixtures("float64")
def test_derivatives_of_every_kind_are_those_of_finite_differences() -> None:
    robot, angles = small(), jnp.asarray(np.random.default_rng(0).normal(size=7))

    def flat(angles: jax.Array) -> jax.Array:
        found = robot.posture(angles, jnp.ones(3))
        return jnp.concatenate([jnp.ravel(part) for part in found])

    def energy(angles: jax.Array) -> jax.Array:
        return jnp.sum(jnp.cos(flat(angles)))

    shifts = 1e-5 * np.eye(7)
    many = jax.jit(jax.vmap(flat))
    values = many(np.concatenate([angles + shifts, angles - shifts]))
    forward, backward = np.split(np.asarray(values), 2)
    differences = (forward - backward).T / 2e-5
    np.testing.assert_allclose(jax.jit(jax.jacfwd(flat))(angles), differences, atol=1e-9)
    gradients = jax.jit(jax.vmap(jax.grad(energy)))
    forward, backward = (np.asarray(gradients(angles + sign * shifts)) for sign in (1, -1))
    expected = -np.sin(flat(angles)) @ differences
    np.testing.assert_allclose((forward + backward)[0] / 2, expected, atol=1e-8)
    hessian = jax.jit(jax.hessian(energy))(angles)
    np.testing.assert_allclose(hessian, (forward - backward) / 2e-5, atol=1e-8)


@pytest.mark.usefixtures("float64")
def test_stations_go_from_the_base_along_the_joints_to_the_tips() -> None:
    angles, position = np.random.default_rng(0).normal(size=7), np.array([1.0, 2.0, 3.0])
    base = transform(position.tolist(), Rotation.from_euler("xyz", angles[4:]))
    frames = textbook_links(URDF, dict(zip(JOINTS, angles, strict=False)), base)
    at = {name: frame[:3, 3] for name, frame in frames.items()}
    stations = jax.jit(lambda robot, *x: robot.stations(*x))(small(), angles, position)
    start = [at["base"]] * 3  # yaw, pitch, roll
    long = [*start, at["torso"], at["upper"], at["lower"], at["hand"]]
    short = [*start, at["torso"], at["stump"], at["stump"], at["hook"]]
    np.testing.assert_allclose(stations, [long, short], atol=1e-14)


def test_limits_and_masses_are_read() -> None:
    robot = parse_urdf(URDF)
    assert robot.root == "base"
    assert robot.joints["waist"].limits == (-1.0, 1.5)
    assert robot.joints["neck"].limits == (0.0, 1.0)
    assert robot.joints["elbow"].limits == (-np.inf, np.inf)
    assert sum(link.mass for link in robot.links.values()) == pytest.approx(8.9)
    assert np.sum(small().shares) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</robot>", "", "not XML"),
        ('<link name="hand"/>', "", "one tree.*7 links, 7 joints"),
        ('<child link="hand"/>', '<child link="upper"/>', "one tree"),
        ('<parent link="base"/>', '<parent link="hand"/>', "loop|one tree"),
        ('<child link="hand"/>', '<child link="foot"/>', "one tree|must have both"),
        ('type="continuous"', 'type="planar"', "'elbow' is planar"),
        ('<axis xyz="0 0 2"/>', '<axis xyz="0 0 0"/>', "'waist' is revolute, but its axis is zero"),
        ('rpy="1 0 0"', 'rpy="1 0"', "rpy must be three numbers, got '1 0'"),
        ('<mass value="3"/>', "<mass/>", "<mass> of the URDF has no 'value'"),
        ('<child link="hook"/>', "", "'end' has no child"),
    ],
)
def test_a_description_that_is_wrong_is_refused(old: str, new: str, message: str) -> None:
    assert old in URDF
    with pytest.raises(ValueError, match=message):
        parse_urdf(URDF.replace(old, new))


@pytest.mark.parametrize(
    ("joints", "tips", "counts", "message"),
    [
        (("knee",), TIPS, None, "no joint 'knee'; it has waist"),
        (JOINTS, ("foot",), None, "no link 'foot'"),
        (JOINTS, TIPS, {"foot": 1.0}, "no link 'foot'"),
        ((*JOINTS, "wrist"), TIPS, None, "'wrist' is fixed, not revolute"),
        ((*JOINTS, "neck"), TIPS, None, "'neck' is on no limb; they end at hand, hook"),
        (JOINTS, TIPS, dict.fromkeys(parse_urdf(URDF).links, 0.0), "mass must be positive, got 0"),
    ],
)
def test_limbs_that_are_not_there_are_refused(joints, tips, counts, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        limbs(parse_urdf(URDF), joints, tips, counts)
