"""What the figures of planar motions show, read back from the axes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from gmmvi_jax import GMM, targets
from gmmvi_jax.plotting import motion as plotting_motion

TARGET = targets.planar_motion()


def swing(turn: float) -> np.ndarray:
    """Returns the via points [30] of the stretched arm turning about its base."""
    vias = np.tile(np.asarray(TARGET.start), (6, 1))
    vias[:, 0] += turn * np.linspace(1 / 6, 1, 6)
    return vias.ravel().astype(np.float32)


def drawn(panel: Any) -> list[np.ndarray]:
    """Returns every line of the panel as [N, 2]."""
    return [np.stack(line.get_data(), axis=-1) for line in panel.lines]


def test_motion_is_the_arm_in_postures_from_the_start_to_the_end_and_the_path_of_the_hand():
    panel: Any = Figure().subplots()
    plotting_motion.plot_motion(panel, TARGET, jnp.asarray(swing(np.pi / 2)))
    *postures, path, goal, base = drawn(panel)
    assert len(postures) == plotting_motion.NUM_POSTURES
    stretched = np.arange(6.0)
    assert postures[0] == pytest.approx(np.stack([0 * stretched, -stretched], axis=-1), abs=1e-5)
    assert postures[-1] == pytest.approx(np.stack([stretched, 0 * stretched], axis=-1), abs=1e-5)
    assert np.linalg.norm(path, axis=-1) == pytest.approx(np.full(49, 5.0), rel=1e-5)
    opacities = [line.get_alpha() for line in panel.lines[: len(postures)]]
    assert opacities == sorted(opacities)
    assert goal == pytest.approx(np.asarray(TARGET.goal)[None])
    assert base.tolist() == [[0.0, 0.0]]
    circles = [(*patch.center, patch.radius) for patch in panel.patches]
    assert circles == [tuple(row) for row in np.asarray(TARGET.obstacles).tolist()]
    assert panel.get_aspect() == 1.0


def test_motions_in_collision_are_counted_and_have_a_colour_of_their_own():
    panel: Any = Figure().subplots()
    # A quarter of a turn below the obstacles, and a half that goes through two of them.
    samples = jnp.asarray(np.stack([swing(1.0), swing(np.pi), swing(-1.0)]))
    plotting_motion.plot_hand_paths(panel, TARGET, samples)
    assert panel.get_title() == "3 motions, 1 collide"
    colours = [to_rgb(line.get_color()) for line in panel.lines[:3]]
    free, collision = (
        to_rgb(colour)
        for colour in (plotting_motion.MOTION_COLOUR, plotting_motion.COLLISION_COLOUR)
    )
    assert colours == [free, free, collision]
    assert drawn(panel)[2][-1] == pytest.approx([0.0, 5.0], abs=1e-4)


def test_distinct_paths_are_each_the_farthest_from_those_before():
    offsets = np.array([0.0, 0.1, 5.0, 4.9, -3.0])
    paths = np.zeros((5, 4, 2))
    paths[:, 2, 0] = offsets  # they differ in one place
    assert plotting_motion.distinct_paths(paths, 1, 3) == [1, 2, 4]
    assert plotting_motion.distinct_paths(paths[:1], 0, 3) == [0]


def test_ways_are_shown_with_their_share_of_the_motions():
    figure = Figure()
    means = np.stack([swing(0.8), swing(-0.8), swing(-0.8), swing(3.0)])
    gmm = GMM.from_moments([0.5, 0.25, 0.25 - 1e-6, 1e-6], means, np.full((4, 30), 1e-6))
    plotting_motion.plot_ways(figure, TARGET, gmm)
    overview, *ways = (panel for panel in figure.axes if panel.get_visible())
    assert overview.get_title() == "200 motions, 0 collide"
    shares = [float(panel.get_title().split("%")[0]) for panel in ways]
    assert len(shares) == 2  # alike ones are one way, the lightest is none
    assert sum(shares) == pytest.approx(100.0, abs=1.0)
    assert shares[0] == pytest.approx(50.0, abs=5 * 100 * np.sqrt(0.25 / 200))
