"""TALOS against a plain loop over its limbs, and against yourdfpy where that is installed."""

import math
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial.transform import Rotation

from gmmvi_jax import targets
from gmmvi_jax.cli.main import main
from gmmvi_jax.targets import Talos, talos
from gmmvi_jax.targets.talos import DISTRIBUTION, JOINTS, TIPS, description
from gmmvi_jax.targets.urdf import Robot, parse_urdf

needs_talos = pytest.mark.skipif(
    not any(metadata.distributions(name=DISTRIBUTION)),
    reason=f"{DISTRIBUTION} (131 MB) is not installed: pip install gmmvi_jax[talos]",
)
evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))
summarise = jax.jit(lambda target, x: (target.gripper(x), target.feet(x), target.centre_of_mass(x)))


def textbook_frames(robot: Robot, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the frame [4, 4] of every link at the posture x [34]."""
    angles = dict(zip(JOINTS, x, strict=False))
    base = np.eye(4)
    base[:3, :3] = Rotation.from_euler("xyz", x[31:]).as_matrix()
    base[:3, 3] = x[28:31]
    frames = {robot.root: base}
    for joint in robot.joints.values():
        step = np.eye(4)
        turn = Rotation.from_rotvec(angles.get(joint.name, 0.0) * joint.axis)
        step[:3, :3] = joint.rotation @ turn.as_matrix()
        step[:3, 3] = joint.offset
        frames[joint.child] = frames[joint.parent] @ step
    return frames


def textbook_centre(robot: Robot, x: np.ndarray, counts: dict[str, int] | None) -> np.ndarray:
    """Return the centre of mass [3]."""
    frames, total, moment = textbook_frames(robot, x), 0.0, np.zeros(3)
    for name, link in robot.links.items():
        mass = link.mass * (1 if counts is None else counts.get(name, 0))
        total += mass
        moment += mass * (frames[name] @ [*link.centre, 1.0])[:3]
    return moment / total


def textbook_log_density(
    robot: Robot, x: np.ndarray, context: list[float], counts: dict[str, int] | None
) -> float:
    """Return log p~, term by term."""
    frames = textbook_frames(robot, x)
    value = 0.0
    for angle, name in zip(x[:28], JOINTS, strict=True):
        lower, upper = robot.joints[name].limits
        value += special.log_ndtr((angle - lower) / 0.05)
        value += special.log_ndtr((upper - angle) / 0.05)
    offset = textbook_centre(robot, x, counts) - frames["left_sole_link"][:3, 3]
    for i in range(2):
        value += special.log_ndtr((offset[i] + 0.14) / 0.01)
        value += special.log_ndtr((0.14 - offset[i]) / 0.01)
    for side, y in (("left", 0.09), ("right", -0.09)):
        sole = frames[f"{side}_sole_link"]
        value += np.sum(stats.norm.logpdf(sole[:3, 3], [-0.02, y, 0.0], 0.02))
        value += np.sum(stats.norm.logpdf(sole[:3, :3], np.eye(3), 0.1))
    gripper = frames["gripper_left_base_link"][:3, 3]
    return float(value + np.sum(stats.norm.logpdf(gripper, context, 0.02)))


def published_counts(robot: Robot) -> dict[str, int]:
    """Count the links on the way from the base, which is left out, to each of the four tips."""
    counts: dict[str, int] = {}
    for tip in TIPS:
        link = tip
        while link != "base_link":
            counts[link] = counts.get(link, 0) + 1
            (link,) = (joint.parent for joint in robot.joints.values() if joint.child == link)
    return counts


@pytest.fixture(scope="module")
def robot() -> Robot:
    """Return TALOS as its description has it."""
    return parse_urdf(description())


def postures(num: int) -> np.ndarray:
    """Return [num, 34] postures, from next to standing to where a run starts."""
    scales = np.linspace(0.05, 1.0, num)[:, None]
    points = scales * np.random.default_rng(0).normal(size=(num, 34))
    points[:, 30] += 1.08
    return points


@needs_talos
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("published_mass", [False, True])
def test_density_is_the_textbook_one(robot: Robot, published_mass: bool) -> None:
    counts = published_counts(robot) if published_mass else None
    context = [0.3, 0.2, 0.9]
    target = talos(context, published_mass=published_mass)
    points = postures(6)
    values, gradients = map(np.asarray, evaluate(target, points))
    expected = [textbook_log_density(robot, x, context, counts) for x in points]
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert np.ptp(values) > 1000
    assert np.all(np.isfinite(gradients))


@needs_talos
@pytest.mark.usefixtures("float64")
def test_masses(robot: Robot) -> None:
    # The sum of the description's masses, fingers, head and sensors included.
    assert sum(link.mass for link in robot.links.values()) == pytest.approx(90.272192)
    counts = published_counts(robot)
    assert counts["torso_1_link"] == counts["torso_2_link"] == 2
    assert set(counts.values()) == {1, 2}
    assert not {"base_link", "head_1_link", "gripper_left_motor_double_link"} & set(counts)
    x = postures(1)[0]
    own = summarise(talos(), x)[2]
    published = summarise(talos(published_mass=True), x)[2]
    np.testing.assert_allclose(own, textbook_centre(robot, x, None), atol=1e-14)
    np.testing.assert_allclose(published, textbook_centre(robot, x, counts), atol=1e-14)
    assert np.linalg.norm(np.asarray(own) - published) > 0.01


@needs_talos
@pytest.mark.usefixtures("float64")
def test_links_are_where_yourdfpy_has_them(tmp_path: Path) -> None:
    yourdfpy = pytest.importorskip("yourdfpy")
    path = tmp_path / "talos.urdf"
    path.write_text(description())
    other = yourdfpy.URDF.load(str(path), load_meshes=False)
    target = talos()
    for x in postures(3):
        other.update_cfg(
            dict.fromkeys(other.actuated_joint_names, 0.0) | dict(zip(JOINTS, x, strict=False))
        )
        turn = Rotation.from_euler("xyz", x[31:]).as_matrix()
        found = target.posture(jnp.asarray(x))
        for limb, tip in enumerate(TIPS):
            frame = other.get_transform(tip, "base_link")
            np.testing.assert_allclose(found.rotations[limb], turn @ frame[:3, :3], atol=1e-14)
            position = turn @ frame[:3, 3] + x[28:31]
            np.testing.assert_allclose(found.positions[limb], position, atol=1e-14)
        total, moment = 0.0, np.zeros(3)
        for name, link in other.link_map.items():
            if link.inertial is None or link.inertial.mass is None:
                continue
            origin = np.eye(4) if link.inertial.origin is None else link.inertial.origin
            frame = other.get_transform(name, "base_link") @ origin
            total += link.inertial.mass
            moment += link.inertial.mass * frame[:3, 3]
        centre = turn @ moment / total + x[28:31]
        np.testing.assert_allclose(found.centre_of_mass, centre, atol=1e-14)


@needs_talos
def test_what_a_posture_is_asked_for(robot: Robot) -> None:
    target = talos([0.1, 0.4, 1.0])
    x = postures(1)[0].astype(np.float32)
    frames = textbook_frames(robot, x.astype(float))
    gripper, (rotations, positions), _ = summarise(target, x)
    hand = frames["gripper_left_base_link"][:3, 3]
    np.testing.assert_allclose(gripper, hand, atol=1e-6)
    for i, side in enumerate(("right", "left")):
        np.testing.assert_allclose(rotations[i], frames[f"{side}_sole_link"][:3, :3], atol=1e-6)
        np.testing.assert_allclose(positions[i], frames[f"{side}_sole_link"][:3, 3], atol=1e-6)
    np.testing.assert_allclose(
        target.goal_distance(jnp.asarray(x)), np.linalg.norm(hand - [0.1, 0.4, 1.0]), rtol=1e-5
    )
    stations = np.asarray(target.positions(jnp.asarray(x)))
    assert stations.shape == (4, 13, 3)
    for limb, tip in enumerate(TIPS):
        np.testing.assert_allclose(stations[limb, 0], x[28:31], atol=1e-6)
        np.testing.assert_allclose(stations[limb, -1], frames[tip][:3, 3], atol=1e-6)
        elbow_or_knee = ("leg_right_4", "leg_left_4", "arm_left_4", "arm_right_4")[limb]
        place = frames[f"{elbow_or_knee}_link"][:3, 3]
        assert np.min(np.linalg.norm(stations[limb] - place, axis=1)) < 1e-6


@needs_talos
def test_limits_of_the_joints() -> None:
    target = talos()
    lower, upper = np.asarray(target.lower), np.asarray(target.upper)
    x = np.zeros(34, np.float32)
    x[:28] = (lower + upper) / 2
    assert bool(target.within_limits(jnp.asarray(x)))
    for joint, angle in ((5, lower[5] - 0.1), (27, upper[27] + 0.1)):
        beyond = jnp.asarray(x).at[joint].set(angle)
        assert not bool(target.within_limits(beyond))
        assert not bool(target.within_limits(beyond, 0.09))
        assert bool(target.within_limits(beyond, 0.11))
        assert float(target.limit_excess(beyond)) == pytest.approx(0.1, rel=1e-4)


@needs_talos
@pytest.mark.usefixtures("float64")
def test_another_scale_of_the_goal() -> None:
    x = postures(6)  # as many as above: no new program
    distance = float(talos().goal_distance(jnp.asarray(x[0])))
    wide, narrow = (float(evaluate(talos(goal_scale=s), x)[0][0]) for s in (0.02, 0.01))
    change = -0.5 * distance**2 * (1e4 - 2500) + 3 * math.log(2)
    assert narrow - wide == pytest.approx(change, rel=1e-9)


@pytest.mark.parametrize(
    ("context", "options", "message"),
    [
        ([0.1, 0.5], {}, r"context must be three finite numbers.*got \[0.1, 0.5\]"),
        ([0.1, 0.5, math.nan], {}, "context must be three finite"),
        ([0.1, 0.5, 1.0], {"goal_scale": 0.0}, "goal_scale must be positive, got 0.0"),
    ],
)
def test_arguments_that_make_no_sense(context: list[float], options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        talos(context, **options)


def test_missing_package_is_told_in_one_line_with_the_cure(monkeypatch, capsys) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(ImportError, match=r'pip install "gmmvi_jax\[talos\]"'):
        targets.get("talos")
    assert main(["fit", "talos", "--iterations", "1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gmmvi-jax: error: ")
    assert 'pip install "gmmvi_jax[talos]"' in line


@needs_talos
def test_is_a_talos() -> None:
    assert isinstance(targets.get("talos"), Talos)
