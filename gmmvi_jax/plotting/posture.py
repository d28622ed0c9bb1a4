"""Figures of a humanoid robot: the postures that a mixture has found, in two views."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.plotting.motion import distinct_paths
from gmmvi_jax.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NUM_SAMPLES = 40
NUM_POSTURES = 4
LIGHT = 1e-3  # lighter components are not shown as separate postures

# Projections of (x ahead, y left, z up): in the front view the robot's left is on the right; in the
# side view it faces right.
VIEWS = {"front": (1, 2), "side": (0, 2)}
FIRST_SHOULDER = 5  # of an arm's stations: base (3 turns), torso (2), shoulder
NECK = 0.25  # metres from between the shoulders to the middle of the head
HALF_FOOT = 0.1  # metres, of the sole drawn to each side of its frame's origin

RIGHT_COLOUR, LEFT_COLOUR, TRUNK_COLOUR = "tab:green", "tab:blue", "0.25"
GOAL_COLOUR = "tab:red"


def plot_posture(axes: "Axes", target: Any, x: Array, view: str, alpha: float = 1.0) -> "Axes":
    """Draws a posture as a stick figure, the left limbs in blue and the right ones in green.

    Args:
        axes: to draw on.
        target: a ``Talos``.
        x: [34].
        view: "front" or "side".
        alpha: opacity.

    Raises:
        ValueError: no such view.
    """
    if view not in VIEWS:
        raise ValueError(f"view must be one of {', '.join(VIEWS)}, got {view!r}")
    plane = list(VIEWS[view])
    limbs, soles, centre = (np.asarray(part)[0] for part in _figures(target, jnp.asarray(x)[None]))
    right_leg, left_leg, left_arm, right_arm = limbs
    shoulders = np.stack([left_arm[FIRST_SHOULDER], right_arm[FIRST_SHOULDER]])
    chest = shoulders.mean(axis=0)
    spine = chest - right_arm[FIRST_SHOULDER - 1]
    head = chest + NECK * spine / np.linalg.norm(spine)
    lines = [
        (np.stack([left_arm[0], right_arm[FIRST_SHOULDER - 1], chest, head]), TRUNK_COLOUR),
        (shoulders, TRUNK_COLOUR),
        (right_leg, RIGHT_COLOUR),
        (soles[0], RIGHT_COLOUR),
        (right_arm[FIRST_SHOULDER:], RIGHT_COLOUR),
        (left_leg, LEFT_COLOUR),
        (soles[1], LEFT_COLOUR),
        (left_arm[FIRST_SHOULDER:], LEFT_COLOUR),
    ]
    for points, colour in lines:
        axes.plot(
            *points[:, plane].T, ".-", color=colour, alpha=alpha, linewidth=1.6, markersize=3.0
        )
    axes.plot(*head[plane], "o", color=TRUNK_COLOUR, alpha=alpha, markersize=8.0)
    axes.plot(
        *centre[plane], "+", color="black", alpha=alpha, markersize=7.0, label="centre of mass"
    )
    return axes


def plot_postures(figure: "Figure | SubFigure", target: Any, gmm: GMM) -> np.ndarray:
    """Draws sampled postures, and the means of the components that differ the most, in two views.

    The heaviest component is the first; each next one has the joints that are farthest from those
    already shown. Titles have its weight and the distance of its gripper from the goal.

    Args:
        figure: empty; it gets two rows of panels, front and side, which are returned.
        target: a ``Talos``.
        gmm: over its postures.
    """
    weights = np.asarray(gmm.weights)
    heavy = np.flatnonzero(weights >= min(LIGHT, weights.max()))
    means = jnp.asarray(gmm.means)[heavy]
    stations = np.asarray(_figures(target, means)[0]).reshape(len(heavy), -1, 3)
    shown = distinct_paths(stations, int(np.argmax(weights[heavy])), NUM_POSTURES)
    distances = 100.0 * np.asarray(_distances(target, means))
    samples = _sample(gmm)

    panels: Any = figure.subplots(2, 1 + len(shown), sharex=True, sharey=True, squeeze=False)
    panels[0, 0].set_title(f"{len(samples)} samples")
    for view, row in zip(VIEWS, panels, strict=True):
        for x in samples:
            plot_posture(row[0], target, x, view, alpha=0.08)
        for panel, which in zip(row[1:], shown, strict=True):
            plot_posture(panel, target, means[which], view)
        for panel in row:
            _draw_scene(panel, target, view)
        row[len(row) // 2].set_xlabel(f"{'to its left' if view == 'front' else 'ahead'} [m]")
        row[0].set_ylabel(f"{view} view, height [m]")
    for panel, which in zip(panels[0, 1:], shown, strict=True):
        panel.set_title(f"weight {weights[heavy][which]:.2f},\n{distances[which]:.1f} cm off")
    return panels


def _draw_scene(axes: "Axes", target: Any, view: str) -> None:
    plane = list(VIEWS[view])
    axes.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    goal = np.asarray(target.context)[plane]
    axes.plot(*goal, "x", color=GOAL_COLOUR, markersize=9.0, markeredgewidth=2.0, label="goal")
    axes.set_aspect("equal")


@jax.jit
def _figures(target: Any, postures: Array) -> tuple[Array, Array, Array]:
    """Returns limbs [N, 4, S + 1, 3], heels and toes [N, 2, 2, 3], centres of mass [N, 3]."""

    def figure(x: Array) -> tuple[Array, Array, Array]:
        rotations, positions = target.feet(x)
        ahead = HALF_FOOT * rotations[:, :, 0]
        soles = jnp.stack([positions - ahead, positions + ahead], axis=1)
        return target.positions(x), soles, target.centre_of_mass(x)

    return jax.vmap(figure)(postures)


@jax.jit
def _distances(target: Any, postures: Array) -> Array:
    return jax.vmap(target.goal_distance)(postures)


@jax.jit
def _sample(gmm: GMM) -> Array:
    return gmm.sample(jax.random.key(0), NUM_SAMPLES)
