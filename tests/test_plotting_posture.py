"""What the figures of a humanoid show, read back from the axes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from gmmvi_jax import GMM, targets
from gmmvi_jax.plotting import posture as plotting_posture
from gmmvi_jax.targets import Talos


@pytest.fixture(scope="module")
def target() -> Talos:
    """Return TALOS, or skip the test where its package is not installed."""
    try:
        return targets.talos()
    except ImportError as error:
        pytest.skip(str(error))


def postures(count: int) -> Any:
    """Return [count, 34] postures at random."""
    points = np.random.default_rng(0).normal(0.0, 0.3, (count, 34))
    points[:, 30] += 1.0
    return jnp.asarray(points, jnp.float32)


def drawn(panel: Any) -> list[np.ndarray]:
    return [np.stack(line.get_data(), axis=-1) for line in panel.lines]


@pytest.mark.parametrize(("view", "plane"), [("front", [1, 2]), ("side", [0, 2])])
def test_posture_is_drawn_from_two_sides(target, view, plane):
    panel: Any = Figure().subplots()
    x = postures(3)[0]
    plotting_posture.plot_posture(panel, target, x, view)
    limbs = np.asarray(target.positions(x))[..., plane]
    rotations, soles = map(np.asarray, target.feet(x))
    _, _, *sides, head, centre = drawn(panel)
    for number, (lines, limb) in enumerate(zip((sides[:3], sides[3:]), (0, 1), strict=True)):
        leg, foot, arm = lines
        assert leg == pytest.approx(limbs[limb], abs=1e-6)
        ahead = 0.1 * rotations[number][plane, 0]
        assert foot[1] - foot[0] == pytest.approx(2 * ahead, abs=1e-6)
        assert foot.mean(axis=0) == pytest.approx(soles[number][plane], abs=1e-6)
        assert arm[-1] == pytest.approx(limbs[3 - limb][-1], abs=1e-6)  # left arm is limb 2
    assert same_color(panel.lines[2].get_color(), plotting_posture.RIGHT_COLOUR)
    assert centre == pytest.approx(np.asarray(target.centre_of_mass(x))[None, plane], abs=1e-6)
    assert np.isfinite(head).all()


def test_panels_show_samples_and_distinct_means(target):
    means = postures(3)
    gmm = GMM.from_moments([0.5, 0.3, 0.2], means, 1e-4 * jnp.ones((3, 34)))
    figure = Figure()
    plotting_posture.plot_postures(figure, target, gmm)
    assert len(figure.axes) == 2 * (1 + 3)
    titles = [panel.get_title() for panel in figure.axes[:4]]
    assert titles[0] == f"{plotting_posture.NUM_SAMPLES} samples"
    distances = {
        f"weight {weight:.2f},\n{100 * float(target.goal_distance(mean)):.1f} cm off"
        for weight, mean in zip((0.5, 0.3, 0.2), means, strict=True)
    }
    assert set(titles[1:]) == distances
    assert titles[1].startswith("weight 0.50")  # the heaviest comes first
    for panel, plane in ((figure.axes[1], [1, 2]), (figure.axes[5], [0, 2])):
        goal = np.asarray(target.context)[plane]
        assert any(np.allclose(line, goal) for line in drawn(panel) if len(line) == 1)


def test_another_view_is_refused(target):
    with pytest.raises(ValueError, match="one of front, side, got 'top'"):
        plotting_posture.plot_posture(Figure().subplots(), target, postures(1)[0], "top")
