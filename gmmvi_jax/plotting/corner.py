"""A corner plot: the marginals of a mixture in one and in two coordinates of the position."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.gmm import GMM
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.plotting.components import ellipses
from gmmvi_jax.plotting.coordinates import Coordinate, as_posterior, draws_of, samples_in, select
from gmmvi_jax.plotting.marginals import contributions, plot_drawn
from gmmvi_jax.typing import Array, PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_COORDINATES = 5
LIGHT = 0.01  # lighter components are not drawn
MASSES = (0.9, 0.5)  # of the regions
NUM_DOTS = 1_000  # of the reference, at most, in a panel
SIDE = 80  # points of an even grid
NUM_BINS = 30  # along each side of a pair without an exact density
NUM_RESOLVED = 20  # heaviest components that have points of their own

MIXTURE_COLOUR = "tab:blue"
REGION_COLOURS = ("#c6dbef", "#6baed6")
COMPONENT_COLOUR = "0.35"
REFERENCE_COLOUR = "tab:orange"


def plot_corner(
    figure: "Figure | SubFigure",
    posterior: Any,
    coordinates: Sequence[int | str] | None = None,
    *,
    reference_samples: PyTree | None = None,
) -> np.ndarray:
    """Draws the marginals of a mixture in single coordinates and in pairs of them.

    On the diagonal are the exact densities, below it the regions of highest density with 50 % and
    90 % of the mass of the mixture, and ellipses of two standard deviations of the components that
    weigh at least a percent. Numbers of the position that have a domain are drawn as histograms of
    20,000 draws, without components; their free coordinates, in which the mixture lives, have exact
    densities and are named ``sigma.free``.

    Args:
        figure: empty; it gets M x M panels.
        posterior: a result, its posterior, or a mixture.
        coordinates: names, or indices, of M numbers of the position, such as ``["mu", "w[0]"]``, of
            a vector ``x[0]``; or of free coordinates. By default the five of the largest variances.
        reference_samples: [N, D] or as ``Posterior.sample`` returns them, e.g. from MCMC, drawn in
            orange: histograms, and at most 1,000 of them as dots.

    Returns:
        [M, M] the panels; those above the diagonal are hidden.

    Raises:
        TypeError: an argument is of another type.
        ValueError: there is no such coordinate, or it is given twice; or samples have another
            shape.
    """
    if not hasattr(figure, "subplots"):
        raise TypeError(f"figure must be a matplotlib Figure, got {type(figure).__name__}.")
    posterior = as_posterior(posterior)
    chosen = select(posterior, coordinates, MAX_COORDINATES)
    draws = draws_of(posterior, chosen)
    reference = None
    if reference_samples is not None:
        reference = samples_in(posterior, reference_samples, chosen)
    has_domain = np.array([own.free is None for own in chosen])
    bounds = _bounds(draws, reference, has_domain)
    panels = figure.subplots(len(chosen), len(chosen), sharex="col", squeeze=False)
    for (row, column), panel in np.ndenumerate(panels):
        if column > row:
            panel.set_axis_off()
            continue
        panel.set_xlim(bounds[column])
        panel.locator_params(nbins=3)
        pair = [column, row]
        own = [chosen[index] for index in sorted(set(pair))]
        if row == column:
            if reference is not None:
                _plot_histogram(panel, reference[:, row], bounds[row])
            _plot_marginal(panel, _exact(posterior, own), draws[:, row], bounds[row])
        else:
            _plot_pair(panel, _exact(posterior, own), draws[:, pair], bounds[pair])
            if reference is not None:
                _plot_dots(panel, reference[:, pair])
            panel.set_ylim(bounds[row])
        if row == len(chosen) - 1:
            panel.set_xlabel(chosen[column].name)
        if column == 0 and row > 0:
            panel.set_ylabel(chosen[row].name)
        elif column < row:
            panel.tick_params(labelleft=False)
    _add_legend(panels, None if reference is None else len(reference), not has_domain.all())
    return panels


def _exact(posterior: Posterior, coordinates: Sequence[Coordinate]) -> GMM | None:
    """Returns the mixture in some coordinates, None where one of them has a domain."""
    free = [own.free for own in coordinates if own.free is not None]
    return posterior.gmm.marginal(free) if len(free) == len(coordinates) else None


def _bounds(draws: np.ndarray, reference: np.ndarray | None, has_domain: np.ndarray) -> np.ndarray:
    """Returns [M, 2] the range of each coordinate that shows nearly all of the mass.

    A coordinate with a domain (``has_domain`` [M]) is not shown beyond its draws and samples.
    """
    finite = np.where(np.isfinite(draws), draws, np.nan)
    ranges = [np.nanquantile(finite, (0.001, 0.999), axis=0)]
    ranges += [] if reference is None else [np.quantile(reference, (0.005, 0.995), axis=0)]
    low, high = np.min(ranges, axis=(0, 1)), np.max(ranges, axis=(0, 1))
    margin = np.where(high > low, 0.08 * (high - low), 0.5)  # of a constant there is no range
    bounds = np.stack([low - margin, high + margin], axis=1)
    shown = finite if reference is None else np.concatenate([finite, reference])
    inside = np.stack([np.nanmin(shown, axis=0), np.nanmax(shown, axis=0)], axis=1)
    is_cut = has_domain & (inside[:, 0] < inside[:, 1])
    return np.where(is_cut[:, None], np.clip(bounds, inside[:, :1], inside[:, 1:]), bounds)


def _grid(marginal: GMM, bounds: np.ndarray) -> np.ndarray:
    """Returns [N] increasing points of one coordinate, closer where heavy components are narrow."""
    low, high = map(float, bounds)
    heaviest = np.argsort(-np.asarray(marginal.weights), kind="stable")[:NUM_RESOLVED]
    means = np.asarray(marginal.means, float)[heaviest]
    deviations = np.sqrt(np.asarray(gaussians_of(marginal).variances, float))[heaviest]
    own = np.clip(means + deviations * np.linspace(-3.0, 3.0, 9), low, high)
    points = np.sort(np.concatenate([np.linspace(low, high, SIDE), own.ravel()]))
    # Contours need points that differ.
    return points + np.linspace(0.0, 1e-4, len(points)) * (high - low)


def _plot_histogram(panel: "Axes", reference: np.ndarray, bounds: np.ndarray) -> None:
    low, high = map(float, bounds)
    panel.hist(
        reference, bins=40, range=(low, high), density=True, color=REFERENCE_COLOUR, alpha=0.35
    )


def _plot_marginal(
    panel: "Axes", marginal: GMM | None, draws: np.ndarray, bounds: np.ndarray
) -> None:
    if marginal is None:
        plot_drawn(panel, draws, (float(bounds[0]), float(bounds[1])))
    else:
        points = _grid(marginal, bounds)
        parts = np.asarray(contributions(marginal, points.astype(marginal.means.dtype)))
        heavy = np.asarray(marginal.weights) >= LIGHT
        panel.plot(points, parts[:, heavy], color=COMPONENT_COLOUR, linewidth=0.5, alpha=0.7)
        panel.plot(points, parts.sum(axis=1), color=MIXTURE_COLOUR, linewidth=1.4)
    panel.set_ylim(bottom=0.0)
    panel.set_yticks([])


@jax.jit
def _log_prob(gmm: GMM, points: Array) -> Array:
    return gmm.log_prob(points)


def _plot_pair(panel: "Axes", pair: GMM | None, draws: np.ndarray, bounds: np.ndarray) -> None:
    if pair is None:
        _plot_drawn_pair(panel, draws, bounds)
        return
    dtype = pair.means.dtype
    at_draws = np.asarray(_log_prob(pair, draws.astype(dtype)), float)
    # So much of the mass is where the density is above this quantile of its values at draws.
    levels = np.quantile(at_draws, 1.0 - np.array(MASSES))
    sides = [_grid(pair.marginal(dim), own) for dim, own in enumerate(bounds)]
    points = np.stack(np.meshgrid(*sides), axis=-1).astype(dtype)
    values = np.asarray(_log_prob(pair, points), float)
    top = max(values.max(), at_draws.max()) + 1.0
    panel.contourf(*sides, values, levels=[*levels, top], colors=REGION_COLOURS, alpha=0.8)
    for ellipse in ellipses(pair)[np.asarray(pair.weights) >= LIGHT]:
        panel.plot(*ellipse, color=COMPONENT_COLOUR, linewidth=0.5, alpha=0.7)


def _plot_drawn_pair(panel: "Axes", draws: np.ndarray, bounds: np.ndarray) -> None:
    """Draws the fewest cells of a grid that hold 50 % and 90 % of the draws."""
    from matplotlib.colors import ListedColormap

    counts, *edges = np.histogram2d(*draws.T, bins=NUM_BINS, range=bounds.tolist())
    order = np.argsort(-counts, axis=None, kind="stable")
    held = np.cumsum(counts.ravel()[order]) - counts.ravel()[order]  # by denser cells
    is_within = np.zeros((len(MASSES), counts.size), bool)
    for row, mass in enumerate(MASSES):
        is_within[row, order] = held < mass * len(draws)
    levels = np.where(counts > 0.0, is_within.sum(axis=0).reshape(counts.shape), 0)
    shown = np.ma.masked_equal(levels, 0)
    colours = ListedColormap(list(REGION_COLOURS))
    panel.pcolormesh(*edges, shown.T, cmap=colours, vmin=0.5, vmax=len(MASSES) + 0.5, alpha=0.8)


def _plot_dots(panel: "Axes", reference: np.ndarray) -> None:
    rows = np.linspace(0, len(reference) - 1, min(NUM_DOTS, len(reference))).astype(int)
    panel.scatter(*reference[rows].T, s=2.0, color=REFERENCE_COLOUR, alpha=0.35, linewidths=0.0)


def _add_legend(panels: np.ndarray, num_reference: int | None, has_components: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Line2D([], [], color=MIXTURE_COLOUR, label="density of the mixture")]
    if len(panels) > 1:
        handles += [
            Patch(color=colour, label=f"{mass:.0%} of its mass")
            for mass, colour in zip(MASSES, REGION_COLOURS, strict=True)
        ]
    if has_components:
        label = f"components of at least {LIGHT:.0%}"
        handles.append(Line2D([], [], color=COMPONENT_COLOUR, linewidth=0.5, label=label))
    if num_reference is not None:
        label = f"reference, {num_reference:,} samples"
        handles.append(Patch(color=REFERENCE_COLOUR, alpha=0.5, label=label))
    legend = panels[0, -1].legend(handles=handles, loc="upper right", fontsize="small")
    legend.set_in_layout(False)  # there is room to its left
