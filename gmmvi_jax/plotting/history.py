"""Figures of a run's history: the ELBO and the number of components."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_SPAN = 10.0  # growth of the target evaluations above which their axis is logarithmic
MIN_SPAN = 0.01  # nats that the ELBO's axis spans at least; less is noise
FEW_ROWS = 30  # histories up to this length show their rows as dots
MIXTURE_COLOUR = "tab:blue"


def plot_elbo(axes: "Axes", history: dict[str, np.ndarray]) -> "Axes":
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
        return axes
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
    padding = max(padding, 0.5 * (MIN_SPAN - (high - low)))
    axes.set_ylim(low - padding, high + padding)
    axes.ticklabel_format(axis="y", useOffset=False)

    seen = np.flatnonzero(elbo >= low)[0]
    if evaluations[-1] > LOG_SPAN * evaluations[seen]:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if seen > 0:
        axes.set_xlim(left=float(evaluations[seen - 1]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    return axes


def plot_num_components(axes: "Axes", history: dict[str, np.ndarray]) -> "Axes":
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
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))
    return axes


def _marker(values: np.ndarray) -> str:
    return "." if len(values) <= FEW_ROWS else ""
