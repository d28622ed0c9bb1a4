"""Figures of a mixture's marginal densities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.gmm import GMM
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.plotting.coordinates import as_posterior, draws_of, numbers_of, select
from gmmvi_jax.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_MARGINALS = 8  # two rows of four are still legible
MAX_CONTRIBUTIONS = 50  # components drawn individually under a marginal
NUM_BINS = 40  # of a histogram of draws
LIGHT = 1e-3  # lighter components do not extend the range of a plot

COMPONENT_COLOUR = "tab:gray"
MIXTURE_COLOUR = "tab:blue"


def extent(marginal: GMM) -> tuple[float, float]:
    """Returns the range of a one-dimensional mixture, four standard deviations to each side."""
    weights = np.asarray(marginal.weights)
    heavy = weights >= min(LIGHT, weights.max())
    means = np.asarray(marginal.means, float)[heavy, 0]
    deviations = np.sqrt(np.asarray(gaussians_of(marginal).variances, float))[heavy, 0]
    return float(np.min(means - 4.0 * deviations)), float(np.max(means + 4.0 * deviations))


def plot_marginals(axes: Any, posterior: Any, dims: Sequence[int | str] | None = None) -> Any:
    """Draws the marginal densities of single coordinates, and the heaviest components' parts.

    Of numbers with a domain these are histograms of 20,000 draws, without components.

    Args:
        axes: an array of axes, one per coordinate; unused axes are hidden.
        posterior: a result, its posterior, or a mixture.
        dims: the coordinates, see ``plot_corner``; by default those with the largest variances, one
            per axes.

    Raises:
        TypeError, ValueError: as of ``plot_corner``; or there are more coordinates than axes.
    """
    panels = np.ravel(axes)
    posterior = as_posterior(posterior)
    gmm = posterior.gmm
    chosen = select(posterior, dims, len(panels))
    if len(chosen) > len(panels):
        raise ValueError(f"{len(chosen)} dimensions need as many axes, got {len(panels)}.")
    for panel in panels[len(chosen) :]:
        panel.set_visible(False)
    heaviest = np.argsort(-np.asarray(gmm.weights), kind="stable")[:MAX_CONTRIBUTIONS]
    are_exact = all(own.free is not None for own in chosen)
    drawn = None if are_exact else draws_of(posterior, chosen)
    for column, (panel, own) in enumerate(zip(panels[: len(chosen)], chosen, strict=True)):
        if own.free is None:
            assert drawn is not None
            draws = drawn[:, column]
            low, high = np.quantile(draws[np.isfinite(draws)], (0.001, 0.999)).tolist()
            plot_drawn(panel, draws, (low, high))
        else:
            marginal = gmm.marginal(own.free)
            points = _marginal_grid(marginal, heaviest)
            parts = np.asarray(contributions(marginal, points))
            panel.plot(points, parts[:, heaviest], color=COMPONENT_COLOUR, linewidth=0.6, alpha=0.6)
            panel.plot(points, parts.sum(axis=1), color=MIXTURE_COLOUR, linewidth=1.4)
            panel.set_xlim(points[0], points[-1])
        panel.set(xlabel=own.name, ylim=(0.0, None))
        panel.set_yticks([])
        panel.locator_params(axis="x", nbins=4)
    for panel in np.atleast_2d(axes)[:, 0]:
        panel.set_ylabel("density")
    return axes


def plot_drawn(panel: "Axes", draws: np.ndarray, bounds: tuple[float, float]) -> None:
    """Draws the histogram of draws [N], in the colour of a mixture's density."""
    panel.hist(
        draws[np.isfinite(draws)],
        bins=NUM_BINS,
        range=bounds,
        density=True,
        histtype="step",
        color=MIXTURE_COLOUR,
        linewidth=1.4,
    )


@jax.jit
def contributions(marginal: GMM, points: Array) -> Array:
    """Returns [N, K] the weighted densities of the components at points [N]."""
    return marginal.weights * jnp.exp(marginal.component_log_probs(points[:, None]))


def _marginal_grid(marginal: GMM, heaviest: np.ndarray) -> np.ndarray:
    """Returns [N] points that resolve the heaviest components, even if they are narrow."""
    low, high = extent(marginal)
    means = np.asarray(marginal.means)[heaviest]
    deviations = np.sqrt(np.asarray(gaussians_of(marginal).variances))[heaviest]
    own = np.clip(means + deviations * np.linspace(-4.0, 4.0, 17), low, high)
    points = np.concatenate([np.linspace(low, high, 300), own.ravel()])
    return np.sort(points).astype(means.dtype)


def plot_widest_marginals(figure: "Figure | SubFigure", posterior: Posterior) -> np.ndarray:
    """Draws the marginal densities of the numbers of a position with the largest variances.

    Args:
        figure: empty; it gets up to eight panels, which are returned.
        posterior: the mixture.
    """
    chosen = select(posterior, None, MAX_MARGINALS)
    count, total = len(chosen), len(numbers_of(posterior))
    num_rows = 1 if count < 3 else 2
    panels = figure.subplots(num_rows, -(-count // num_rows), squeeze=False)
    plot_marginals(panels, posterior, [own.name for own in chosen])
    which = "" if count == total else f" of the {count} widest dimensions"
    heaviest = "heaviest " if posterior.gmm.num_components > MAX_CONTRIBUTIONS else ""
    are_exact = any(own.free is not None for own in chosen)
    figure.suptitle(f"Marginal densities{which}" + f" (gray: {heaviest}components)" * are_exact)
    return panels
