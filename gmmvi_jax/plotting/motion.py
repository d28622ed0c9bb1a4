"""Figures of a planar arm's motions: the paths around the obstacles that a mixture has found."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NUM_MOTIONS = 200
NUM_POSTURES = 9  # of a motion drawn in one panel
NUM_WAYS = 5
LIGHT = 1e-3  # lighter components are not shown as separate paths

MOTION_COLOUR = "tab:blue"
COLLISION_COLOUR = "tab:orange"
OBSTACLE_COLOUR = "0.8"
GOAL_COLOUR = "tab:red"


def plot_hand_paths(axes: "Axes", target: Any, samples: Array) -> "Axes":
    """Draws the path of the hand in each of the sampled motions; collisions are orange.

    Args:
        axes: to draw on.
        target: a ``PlanarMotion``.
        samples: [N, T * D] via points.
    """
    arms, clearances = (np.asarray(values) for values in _motions(target, samples))
    collides = clearances < 0.0
    for subset, colour in ((~collides, MOTION_COLOUR), (collides, COLLISION_COLOUR)):
        paths = arms[subset, :, -1]  # [N', C, 2]
        axes.plot(paths[..., 0].T, paths[..., 1].T, color=colour, alpha=0.2, linewidth=0.8)
    _draw_scene(axes, target)
    axes.set_title(f"{len(arms)} motions, {np.sum(collides)} collide")
    return axes


def plot_motion(axes: "Axes", target: Any, x: Array) -> "Axes":
    """Draws one motion: the hand's path, and the arm in some postures, later ones darker.

    Args:
        axes: to draw on.
        target: a ``PlanarMotion``.
        x: [T * D] via points.
    """
    arms = np.asarray(_motions(target, jnp.asarray(x)[None])[0])[0]  # [C, D + 1, 2]
    shown = np.linspace(0, len(arms) - 1, min(NUM_POSTURES, len(arms))).round().astype(int)
    for opacity, posture in zip(np.linspace(0.2, 1.0, len(shown)), arms[shown], strict=True):
        axes.plot(*posture.T, ".-", color=MOTION_COLOUR, alpha=opacity, linewidth=1.4, markersize=3)
    axes.plot(*arms[:, -1].T, color="black", linewidth=0.8, linestyle="--")
    _draw_scene(axes, target)
    return axes


def plot_ways(figure: "Figure | SubFigure", target: Any, gmm: GMM) -> np.ndarray:
    """Draws sampled paths of the hand, and the means of the components that differ the most.

    The heaviest component is the first; each next one has the path that is farthest from those
    already shown. Panels show the share of the samples whose paths are closest to each.

    Args:
        figure: empty; it gets up to six panels, which are returned.
        target: a ``PlanarMotion``.
        gmm: over its via points.
    """
    samples = _sample(gmm)
    paths = np.asarray(_motions(target, samples)[0])[:, :, -1]
    weights = np.asarray(gmm.weights)
    heavy = weights >= min(LIGHT, weights.max())
    means = np.asarray(gmm.means)[heavy]
    mean_paths = np.asarray(_motions(target, jnp.asarray(means))[0])[:, :, -1]
    ways = distinct_paths(mean_paths, int(np.argmax(weights[heavy])), NUM_WAYS)
    distances = np.stack([_path_distances(paths, mean_paths[way]) for way in ways])
    shares = np.bincount(np.argmin(distances, axis=0), minlength=len(ways)) / len(paths)

    rows = 1 if len(ways) < 3 else 2
    panels = np.ravel(figure.subplots(rows, 3, sharex=True, sharey=True))
    plot_hand_paths(panels[0], target, samples)
    panels[0].legend(loc="lower right", fontsize="small")
    for panel, way, share in zip(panels[1:], ways, shares, strict=False):
        plot_motion(panel, target, means[way])
        panel.set_title(f"{share:.0%} like this")
    shown = 1 + len(ways)
    for panel in panels[shown:]:
        panel.set_visible(False)
    for number, panel in enumerate(panels[:shown]):
        panel.label_outer()
        if number + 3 >= shown:  # there is no panel below
            panel.set_xlabel("[link lengths]")
            panel.tick_params(labelbottom=True)
    return panels


def distinct_paths(paths: np.ndarray, first: int, count: int) -> list[int]:
    """Returns indices of distinct paths, each the farthest from those before it.

    Source: Gonzalez, Theoretical Computer Science 1985.

    Args:
        paths: [N, C, 2].
        first: index of the first path.
        count: maximum number of paths.
    """
    chosen, nearest = [first], _path_distances(paths, paths[first])
    while len(chosen) < count and nearest.max() > 0.0:
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, _path_distances(paths, paths[chosen[-1]]))
    return chosen


def _path_distances(paths: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Returns [N] the largest distances between the paths [N, C, 2] and a path [C, 2]."""
    return np.max(np.linalg.norm(paths - path, axis=-1), axis=-1)


def _draw_scene(axes: "Axes", target: Any) -> None:
    from matplotlib.patches import Circle

    for x, y, radius in np.asarray(target.obstacles).tolist():
        axes.add_patch(Circle((x, y), radius, facecolor=OBSTACLE_COLOUR, edgecolor="0.4"))
    goal = np.asarray(target.goal)
    axes.plot(*goal, "x", color=GOAL_COLOUR, markersize=9.0, markeredgewidth=2.0, label="goal")
    axes.plot(0.0, 0.0, "s", color="black", markersize=6.0, label="base")
    axes.set(xlabel="[link lengths]", ylabel="[link lengths]")
    axes.set_aspect("equal")


@jax.jit
def _motions(target: Any, samples: Array) -> tuple[Array, Array]:
    """Returns the arms [N, C, D + 1, 2] and the clearances [N] of the motions."""
    return jax.vmap(target.trajectory)(samples), jax.vmap(target.clearance)(samples)


@jax.jit
def _sample(gmm: GMM) -> Array:
    return gmm.sample(jax.random.key(0), NUM_MOTIONS)
