"""Figures of a planar robot's arm: the postures that a mixture has found."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.targets import forward_kinematics
from gmmvi_jax.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_ARMS = 200

MIXTURE_COLOUR = "tab:blue"
GOAL_COLOUR = "tab:red"


def plot_arms(axes: "Axes", target: Any, samples: Array) -> "Axes":
    """Draws a planar robot's arm at each of the sampled joint angles.

    Args:
        axes: to draw on.
        target: a ``PlanarRobot``: it has ``goals`` [G, 2].
        samples: [N, D] joint angles in radians.
    """
    kinematics = getattr(target, "forward_kinematics", forward_kinematics)
    arms = np.asarray(jax.jit(jax.vmap(kinematics))(samples))  # [N, D + 1, 2]
    goals = np.asarray(target.goals)
    axes.plot(arms[..., 0].T, arms[..., 1].T, color=MIXTURE_COLOUR, alpha=0.15, linewidth=0.8)
    axes.plot(*goals.T, "x", color=GOAL_COLOUR, markersize=11.0, markeredgewidth=2.0, label="goal")
    axes.plot(*arms[:, -1].T, ".", color="black", markersize=2.0, label="end effector")
    axes.plot(*arms[0, 0], "s", color="black", markersize=7.0, label="base")
    axes.set(
        title=f"{len(arms)} arms sampled from the mixture",
        xlabel="[link lengths]",
        ylabel="[link lengths]",
    )
    axes.set_aspect("equal")
    axes.legend(loc="upper right")
    return axes


def plot_sampled_arms(axes: "Axes", target: Any, gmm: GMM) -> "Axes":
    """Draws the arm at samples of the mixture; see ``plot_arms``."""
    return plot_arms(axes, target, _sample(gmm))


@jax.jit
def _sample(gmm: GMM) -> Array:
    return gmm.sample(jax.random.key(0), NUM_ARMS)
