"""Figures of a run: its history, its mixture, and ``report``, one PNG of both.

The functions draw on axes of the caller. ``report`` creates its figure without pyplot, so that it
needs no display and changes no global state. matplotlib is an optional dependency, imported when a
figure is created.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import deterministic_density
from gmmvi_jax.gmm import GMM
from gmmvi_jax.plotting.motion import plot_ways
from gmmvi_jax.plotting.posture import plot_postures
from gmmvi_jax.targets import forward_kinematics
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import Array, LogDensity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MAX_MARGINALS = 8  # two rows of four are still legible
LOG_SPAN = 10.0  # growth of the target evaluations above which their axis is logarithmic
NUM_ARMS = 200
GRID_SIZE = 160  # points along each side of a contour plot
CONTOUR_RADII = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])  # of a Gaussian, in standard deviations
LIGHT = 1e-3  # lighter components do not extend the range of a plot
MAX_CONTRIBUTIONS = 50  # components drawn individually under a marginal
FEW_ROWS = 30  # histories up to this length show their rows as dots
DPI = 130

CONTOUR_COLOURS = ("0.96", "0.92", "0.87", "0.81", "0.74")  # grays, under ellipses in colour
COMPONENT_COLOUR = "tab:gray"
MIXTURE_COLOUR = "tab:blue"
GOAL_COLOUR = "tab:red"


def new_figure(width: float, height: float) -> "Figure":
    """Returns an empty matplotlib figure of ``width`` by ``height`` inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plotting needs matplotlib; install it with pip install "gmmvi_jax[plot]"'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def plot_elbo(axes: "Axes", history: dict[str, np.ndarray]) -> None:
    """Draws the ELBO over target evaluations, with a band of two standard errors.

    The first estimates are often thousands of nats below the last. The vertical range is therefore
    that of the last 80% of the run, and the horizontal range begins where the ELBO enters it.

    Args:
        axes: to draw on.
        history: of a ``TrainResult``.
    """
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set(title="Evidence lower bound", xlabel="target evaluations", ylabel="ELBO [nats]")
    known = np.isfinite(history["elbo"])
    if not known.any():
        axes.text(0.5, 0.5, "not estimated", ha="center", va="center", transform=axes.transAxes)
        return
    evaluations = history["num_target_evaluations"][known]
    elbo = history["elbo"][known]
    margin = 2.0 * np.nan_to_num(history["elbo_stderr"][known])
    axes.fill_between(
        evaluations,
        elbo - margin,
        elbo + margin,
        alpha=0.25,
        linewidth=0.0,
        color=MIXTURE_COLOUR,
        label="2 standard errors",
    )
    axes.plot(evaluations, elbo, color=MIXTURE_COLOUR, marker=_marker(elbo), label="estimate")
    axes.legend(loc="lower right", frameon=False)
    late = slice(len(elbo) // 5, None)
    low, high = np.min((elbo - margin)[late]), np.max((elbo + margin)[late])
    padding = 0.06 * (high - low) or 1.0
    axes.set_ylim(low - padding, high + padding)

    seen = np.flatnonzero(elbo >= low)[0]
    if evaluations[-1] > LOG_SPAN * evaluations[seen]:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if seen > 0:
        axes.set_xlim(left=float(evaluations[seen - 1]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def plot_num_components(axes: "Axes", history: dict[str, np.ndarray]) -> None:
    """Draws the number of components over iterations.

    Args:
        axes: to draw on.
        history: of a ``TrainResult``.
    """
    from matplotlib.ticker import MaxNLocator

    counts = history["num_components"]
    axes.plot(history["iteration"], counts, color=MIXTURE_COLOUR, marker=_marker(counts))
    axes.set(
        title="Number of components",
        xlabel="iterations",
        ylabel="components",
        ylim=(0.0, 1.15 * max(counts)),
    )
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))


def _marker(values: np.ndarray) -> str:
    return "." if len(values) <= FEW_ROWS else ""


def plot_mixture_2d(
    axes: "Axes",
    gmm: GMM,
    log_density: LogDensity | None = None,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Draws a mixture in two dimensions, and the density it approximates.

    Args:
        axes: to draw on.
        gmm: of dimension 2. An ellipse encloses two standard deviations of a component; lighter
            components are fainter.
        log_density: of one point [2], drawn as filled contours.
        bounds: the lower and the upper end of each axis; by default all but the lightest components
            are visible.

    Raises:
        ValueError: ``gmm`` is not two-dimensional.
    """
    if gmm.dim != 2:
        raise ValueError(
            f"plot_mixture_2d draws mixtures of dimension 2, got {gmm.dim}; take gmm.marginal((i, "
            f"j)) without log_density, or plot_marginals."
        )
    bounds = [_extent(gmm.marginal(dim)) for dim in range(2)] if bounds is None else bounds
    if log_density is not None:
        _plot_contours(axes, log_density, bounds)
    weights = np.asarray(gmm.weights)
    means, factors = np.asarray(gmm.means), np.asarray(gmm.factors)
    angles = np.linspace(0.0, 2.0 * np.pi, 100)
    circle = 2.0 * np.stack([np.cos(angles), np.sin(angles)])
    for weight, mean, factor in zip(weights / weights.max(), means, factors, strict=True):
        root = np.diag(factor) if factor.ndim == 1 else np.tril(factor)
        axes.plot(
            *(mean[:, None] + root @ circle),
            color=MIXTURE_COLOUR,
            alpha=0.4 + 0.6 * weight,
            linewidth=0.8 + 1.2 * weight,
        )
    subject = "Components" if log_density is None else "Target density and components"
    axes.set(
        title=f"{subject} (two standard deviations)",
        xlabel="$x_0$",
        ylabel="$x_1$",
        xlim=bounds[0],
        ylim=bounds[1],
    )


@jax.jit
def _values_at(log_density: LogDensity, points: Array) -> Array:
    # In batches, since a target may need much memory per point.
    return jax.lax.map(deterministic_density(log_density), points, batch_size=1000)


def _plot_contours(
    axes: "Axes", log_density: LogDensity, bounds: Sequence[tuple[float, float]]
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
    axes.figure.colorbar(contours, ax=axes, label="target's log density below its maximum [nats]")


def _extent(marginal: GMM) -> tuple[float, float]:
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


def plot_marginals(axes: Any, gmm: GMM, dims: Sequence[int] | None = None) -> None:
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
        contributions = np.asarray(_contributions(marginal, points))
        panel.plot(
            points, contributions[:, heaviest], color=COMPONENT_COLOUR, linewidth=0.6, alpha=0.6
        )
        panel.plot(points, contributions.sum(axis=1), color=MIXTURE_COLOUR, linewidth=1.4)
        panel.set(xlabel=f"$x_{{{dim}}}$", ylim=(0.0, None), xlim=(points[0], points[-1]))
        panel.set_yticks([])
        panel.locator_params(axis="x", nbins=4)
    for panel in np.atleast_2d(axes)[:, 0]:
        panel.set_ylabel("density")


@jax.jit
def _contributions(marginal: GMM, points: Array) -> Array:
    """Returns [N, K] the weighted densities of the components at points [N]."""
    return marginal.weights * jnp.exp(marginal.component_log_probs(points[:, None]))


def _marginal_grid(marginal: GMM, heaviest: np.ndarray) -> np.ndarray:
    """Returns [N] points that resolve the heaviest components, even if they are narrow."""
    low, high = _extent(marginal)
    means = np.asarray(marginal.means)[heaviest]
    deviations = np.sqrt(np.asarray(marginal.variances))[heaviest]
    own = np.clip(means + deviations * np.linspace(-4.0, 4.0, 17), low, high)
    points = np.concatenate([np.linspace(low, high, 300), own.ravel()])
    return np.sort(points).astype(means.dtype)


def plot_arms(axes: "Axes", target: Any, samples: Array) -> None:
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


def report(result: TrainResult, log_target: LogDensity, path: str | Path) -> None:
    """Writes a PNG that shows a run: its ELBO, the size of its mixture, and the mixture.

    The mixture is shown as sampled arms or motions for planar robots, as stick figures for the
    humanoid, as ellipses over the target's density in two dimensions, and else by its marginals.

    Args:
        result: of ``train``.
        log_target: what it was trained on.
        path: of the PNG; overwritten.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = new_figure(13.0, 6.5)
    gmm, history = result.gmm, result.history
    name = str(getattr(log_target, "name", getattr(log_target, "__name__", "")))
    name = name if name.isidentifier() else "log_target"
    figure.suptitle(
        f"{name}: {gmm.num_components} component{'s' * (gmm.num_components != 1)} in {gmm.dim} "
        f"dimension{'s' * (gmm.dim != 1)} after {history['iteration'][-1]:,} iterations"
    )
    parts: Any = figure.subfigures(1, 2, width_ratios=(2, 3), wspace=0.04)
    left, right = parts
    upper, lower = left.subplots(2, 1)
    plot_elbo(upper, history)
    plot_num_components(lower, history)
    if hasattr(log_target, "goals"):
        plot_arms(right.subplots(), log_target, _sample(gmm))
    elif hasattr(log_target, "trajectory"):
        plot_ways(right, log_target, gmm)
    elif hasattr(log_target, "limbs"):
        plot_postures(right, log_target, gmm)
    elif gmm.dim == 2:
        plot_mixture_2d(right.subplots(), gmm, log_target)
    else:
        _plot_marginal_grid(right, gmm)
    figure.savefig(path, format="png", dpi=DPI)


@jax.jit
def _sample(gmm: GMM) -> Array:
    return gmm.sample(jax.random.key(0), NUM_ARMS)


def _plot_marginal_grid(figure: "SubFigure", gmm: GMM) -> None:
    count = min(gmm.dim, MAX_MARGINALS)
    num_rows = 1 if count < 3 else 2
    panels = figure.subplots(num_rows, -(-count // num_rows), squeeze=False)
    plot_marginals(panels, gmm, widest_dims(gmm, count))
    which = "" if count == gmm.dim else f" of the {count} widest dimensions"
    heaviest = "heaviest " if gmm.num_components > MAX_CONTRIBUTIONS else ""
    figure.suptitle(f"Marginal densities{which} (gray: {heaviest}components)")
