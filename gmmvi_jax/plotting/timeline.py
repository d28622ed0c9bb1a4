"""A figure of the components of a run: when they were born, what they weighed, when they died."""

from typing import TYPE_CHECKING

import numpy as np

from gmmvi_jax.evaluation.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THICKNESS = 0.8  # of a bar; 1 leaves no gap
LIGHTEST = 1e-4  # weights from here on have the lightest shade


def plot_timeline(axes: "Axes", timeline: Timeline) -> "Axes":
    """Draws a bar for every component from its birth to its death, darker where it is heavier.

    Args:
        axes: to draw on.
        timeline: that was a callback of the run, see ``callbacks.timeline``.

    Raises:
        TypeError: ``timeline`` is something else.
    """
    if not isinstance(timeline, Timeline):
        raise TypeError(
            f"timeline must be a callbacks.timeline() that was a callback of the run, got "
            f"{type(timeline).__name__}."
        )
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.ticker import MaxNLocator

    axes.set(title="Components from birth to death", xlabel="iterations", ylabel="component")
    weights = timeline.weights  # [rows, C]
    if not weights.size:
        axes.text(0.5, 0.5, "no record", ha="center", va="center", transform=axes.transAxes)
        return axes
    ends = timeline.iterations
    rows, components = np.nonzero(np.isfinite(weights))
    previous = np.concatenate([[0], ends[:-1]])
    left, right = np.maximum(previous[rows], timeline.births[components]), ends[rows]
    half = 0.5 * THICKNESS
    corners = [(left, -half), (right, -half), (right, half), (left, half)]
    boxes = np.stack([np.stack([x, components + y], axis=-1) for x, y in corners], axis=1)
    shades = ListedColormap(colormaps["Blues"](np.linspace(0.25, 1.0, 256)))
    bars = PolyCollection(
        list(boxes),
        array=np.maximum(weights[rows, components], LIGHTEST),
        cmap=shades,
        norm=LogNorm(LIGHTEST, 1.0),
        linewidths=0.0,
    )
    axes.add_collection(bars)
    axes.figure.colorbar(bars, ax=axes, label="weight", extend="min")
    axes.set(
        xlim=(min(left.min(), timeline.births.min()), ends[-1]),
        ylim=(weights.shape[1] - 0.5, -0.5),  # the oldest on top
    )
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True))
    return axes
