"""Figures of a mixture's marginal densities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

MAX_MARGINALS = 8  # two rows of four are still legible
MAX_CONTRIBUTIONS = 50  # components drawn individually under a marginal
LIGHT = 1e-3  # lighter components do not extend the range of a plot

COMPONENT_COLOUR = "tab:gray"
MIXTURE_COLOUR = "tab:blue"


def extent(marginal: GMM) -> tuple[float, float]:
    """Returns the range of a one-dimensional mixture, four standard deviations to each side."""
    weights = np.asarray(marginal.weights)
    heavy = weights >= min(LIGHT, weights.max())
    means = np.asarray(marginal.means, float)[heavy, 0]
    deviations = np.sqrt(np.asarray(marginal.variances, float))[heavy, 0]
    return float(np.min(means - 4.0 * deviations)), float(np.max(means + 4.0 * deviations))


def widest_dims(gmm: GMM, count: int = MAX_MARGINALS) -> list[int]:
    """Returns the ``count`` dimensions with the largest variances, in ascending order."""
    weights, means = np.asarray(gmm.weights), np.asarray(gmm.means)
    second_moments = weights @ (np.asarray(gmm.variances) + means**2)
    spread = second_moments - (weights @ means) ** 2
    return sorted(np.argsort(-spread, kind="stable")[:count].tolist())


def plot_marginals(axes: Any, gmm: GMM, dims: Sequence[int] | None = None) -> Any:
    """Draws the marginal densities of single dimensions, and the heaviest components' parts.

    Args:
        axes: an array of axes, one per dimension; unused axes are hidden.
        gmm: the mixture.
        dims: the dimensions; by default those with the largest variances, one per axes.

    Raises:
        ValueError: more dimensions than axes.
    """
    panels = np.ravel(axes)
    dims = widest_dims(gmm, len(panels)) if dims is None else dims
    if len(dims) > len(panels):
        raise ValueError(f"{len(dims)} dimensions need as many axes, got {len(panels)}.")
    for panel in panels[len(dims) :]:
        panel.set_visible(False)
    heaviest = np.argsort(-np.asarray(gmm.weights), kind="stable")[:MAX_CONTRIBUTIONS]
    for panel, dim in zip(panels[: len(dims)], dims, strict=True):
        marginal = gmm.marginal(dim)
        points = _marginal_grid(marginal, heaviest)
        parts = np.asarray(contributions(marginal, points))
        panel.plot(points, parts[:, heaviest], color=COMPONENT_COLOUR, linewidth=0.6, alpha=0.6)
        panel.plot(points, parts.sum(axis=1), color=MIXTURE_COLOUR, linewidth=1.4)
        panel.set(xlabel=f"$x_{{{dim}}}$", ylim=(0.0, None), xlim=(points[0], points[-1]))
        panel.set_yticks([])
        panel.locator_params(axis="x", nbins=4)
    for panel in np.atleast_2d(axes)[:, 0]:
        panel.set_ylabel("density")
    return axes


@jax.jit
def contributions(marginal: GMM, points: Array) -> Array:
    """Returns [N, K] the weighted densities of the components at points [N]."""
    return marginal.weights * jnp.exp(marginal.component_log_probs(points[:, None]))


def _marginal_grid(marginal: GMM, heaviest: np.ndarray) -> np.ndarray:
    """Returns [N] points that resolve the heaviest components, even if they are narrow."""
    low, high = extent(marginal)
    means = np.asarray(marginal.means)[heaviest]
    deviations = np.sqrt(np.asarray(marginal.variances))[heaviest]
    own = np.clip(means + deviations * np.linspace(-4.0, 4.0, 17), low, high)
    points = np.concatenate([np.linspace(low, high, 300), own.ravel()])
    return np.sort(points).astype(means.dtype)


def plot_widest_marginals(figure: "Figure | SubFigure", gmm: GMM) -> np.ndarray:
    """Draws the marginal densities of the dimensions with the largest variances.

    Args:
        figure: empty; it gets up to eight panels, which are returned.
        gmm: the mixture.
    """
    count = min(gmm.dim, MAX_MARGINALS)
    num_rows = 1 if count < 3 else 2
    panels = figure.subplots(num_rows, -(-count // num_rows), squeeze=False)
    plot_marginals(panels, gmm, widest_dims(gmm, count))
    which = "" if count == gmm.dim else f" of the {count} widest dimensions"
    heaviest = "heaviest " if gmm.num_components > MAX_CONTRIBUTIONS else ""
    figure.suptitle(f"Marginal densities{which} (gray: {heaviest}components)")
    return panels
