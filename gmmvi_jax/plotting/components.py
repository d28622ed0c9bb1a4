"""Figures of a mixture in two dimensions, over the density it approximates."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import deterministic_density
from gmmvi_jax.gmm import GMM
from gmmvi_jax.plotting.coordinates import as_posterior
from gmmvi_jax.plotting.marginals import extent
from gmmvi_jax.typing import Array, LogDensity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID_SIZE = 160  # points along each side of a contour plot
CONTOUR_RADII = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])  # of a Gaussian, in standard deviations

CONTOUR_COLOURS = ("0.96", "0.92", "0.87", "0.81", "0.74")  # grays, under ellipses in colour
MIXTURE_COLOUR = "tab:blue"
LIGHTEST = 1e-3  # relative to the heaviest component


def plot_mixture_2d(
    axes: "Axes",
    posterior: Any,
    log_density: LogDensity | None = None,
    bounds: Sequence[tuple[float, float]] | None = None,
    color_bar: bool = True,
) -> "Axes":
    """Draws a mixture in two dimensions, and the density it approximates.

    Args:
        axes: to draw on.
        posterior: a mixture of dimension 2, or a result or posterior with one, drawn in its free
            coordinates. An ellipse encloses two standard deviations of a component; lighter
            components are fainter, and those below a thousandth of the heaviest are left out.
        log_density: of one point [2] (of free coordinates: ``result.target``), drawn as filled
            contours.
        bounds: the lower and the upper end of each axis; by default all but the lightest components
            are visible.
        color_bar: whether a bar beside the axes tells the contours' levels.

    Raises:
        TypeError: it is no mixture.
        ValueError: it is not two-dimensional.
    """
    posterior = as_posterior(posterior)
    gmm, layout = posterior.gmm, posterior.layout
    names = posterior.value_names if layout is None else layout.free_names
    if gmm.dim != 2:
        raise ValueError(
            f"plot_mixture_2d draws mixtures of dimension 2, got {gmm.dim}; take gmm.marginal((i, "
            f"j)) without log_density, or plot_marginals."
        )
    bounds = [extent(gmm.marginal(dim)) for dim in range(2)] if bounds is None else bounds
    if log_density is not None:
        _plot_contours(axes, log_density, bounds, color_bar)
    weights = np.asarray(gmm.weights / gmm.weights.max())
    heavy = weights >= LIGHTEST
    for weight, ellipse in zip(weights[heavy], ellipses(gmm)[heavy], strict=True):
        axes.plot(
            *ellipse,
            color=MIXTURE_COLOUR,
            alpha=0.4 + 0.6 * weight,
            linewidth=0.8 + 1.2 * weight,
        )
    subject = "Components" if log_density is None else "Target density and components"
    axes.set(
        title=f"{subject} ({gmm.ellipse_noun})",
        xlabel=names[0],
        ylabel=names[1],
        xlim=bounds[0],
        ylim=bounds[1],
    )
    return axes


def ellipses(gmm: GMM) -> np.ndarray:
    """Returns [K, 2, 100] points two standard deviations around the means of a mixture in 2-D."""
    angles = np.linspace(0.0, 2.0 * np.pi, 100)
    circle = 2.0 * np.stack([np.cos(angles), np.sin(angles)])
    means, factors = np.asarray(gmm.means), np.asarray(gmm.factors)
    roots = factors[..., None] * np.eye(2) if factors.ndim == 2 else np.tril(factors)
    return means[..., None] + roots @ circle


@jax.jit
def _values_at(log_density: LogDensity, points: Array) -> Array:
    # In batches, since a target may need much memory per point.
    return jax.lax.map(deterministic_density(log_density), points, batch_size=1000)


def _plot_contours(
    axes: "Axes",
    log_density: LogDensity,
    bounds: Sequence[tuple[float, float]],
    color_bar: bool,
) -> None:
    sides = [np.linspace(*bound, GRID_SIZE, dtype=np.float32) for bound in bounds]
    points = np.stack(np.meshgrid(*sides), axis=-1)  # [rows, columns, 2]
    values = np.asarray(_values_at(as_log_density(log_density), points.reshape(-1, 2)))
    values = np.ma.masked_invalid(values.reshape(GRID_SIZE, GRID_SIZE))
    if values.mask.all():
        return
    contours = axes.contourf(
        *sides, values - values.max(), levels=-0.5 * CONTOUR_RADII**2, colors=CONTOUR_COLOURS
    )
    if color_bar:
        label = "target's log density below its maximum [nats]"
        axes.figure.colorbar(contours, ax=axes, label=label)
