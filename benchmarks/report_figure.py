"""The figure of a suite: the ELBO over evaluations and over seconds."""

from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
COSTS = ("evaluations", "seconds")
GRID = 60  # points of the axis at which seeds are compared


def curves(records: list[Record], cost: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns a grid of the cost, and the quartiles [3, n] over the seeds of the ELBO there.

    A run counts from its first snapshot to its last with what the latest snapshot said; the grid
    covers where all seeds have one. None if a run has no ELBO at all.
    """
    runs = []
    for record in records:
        rows = [row for row in record["rows"] if row["elbo"] is not None]
        if not rows:
            return None
        runs.append(np.array([[row[cost], row["elbo"]] for row in rows], dtype=float))
    first, last = max(run[0, 0] for run in runs), min(run[-1, 0] for run in runs)
    grid = np.geomspace(max(first, 1e-3), max(last, first, 1e-3), GRID)
    # geomspace may round its ends outwards; there the first snapshot counts.
    levels = [run[np.maximum(np.searchsorted(run[:, 0], grid, "right") - 1, 0), 1] for run in runs]
    return grid, np.quantile(levels, (0.25, 0.5, 0.75), axis=0)


def by_key(records: list[Record], key: str) -> dict[str, list[Record]]:
    """Returns the records of each target, or of each label."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["specification"][key], []).append(record)
    return dict(sorted(groups.items()))


def draw_figure(records: list[Record], path: Path) -> None:
    """Draws what each method lacks of the best ELBO seen: a row per target, over both costs."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter

    targets = by_key(records, "target")
    colours = dict(zip(by_key(records, "label"), range(1000), strict=False))
    figure, axes = plt.subplots(
        *(len(targets), len(COSTS)),
        figsize=(11.0, 1.0 + 3.2 * len(targets)),
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for row, (target, group) in zip(axes, targets.items(), strict=True):
        seen = [row["elbo"] for record in group for row in record["rows"]]
        best = max((elbo for elbo in seen if elbo is not None), default=0.0)
        for panel, cost in zip(row, COSTS, strict=True):
            for label, runs in by_key(group, "label").items():
                if curve := curves(runs, cost):
                    draw_curve(panel, *curve, best, label, colours[label])
            panel.set(xscale="log", yscale="log", xlabel=cost)
            panel.xaxis.set_minor_formatter(NullFormatter())  # they overlap on a short axis
        row[0].set_ylabel(f"{target}\n{best:.3f} - ELBO + 0.01, nats")
    handles = {
        label: handle
        for panel in axes[:, 0]
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    # Matplotlib's own types do not know the places outside of the panels.
    place: Any = "outside right"
    figure.legend(handles.values(), handles, loc=place, fontsize=7)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_curve(
    panel: Any, grid: np.ndarray, levels: np.ndarray, best: float, label: str, number: int
) -> None:
    """Draws the median over the seeds and the band of the quartiles [3, n]."""
    import matplotlib.pyplot as plt

    low, middle, high = best - levels + 1e-2  # the best itself stays on the logarithmic axis
    colour = plt.get_cmap("tab20")(number % 20)
    style = "-" if number < 20 else "--"
    # The end is marked: a run with a single snapshot has no line.
    end = {"marker": "o", "markersize": 4, "markevery": [-1]}
    panel.plot(grid, middle, style, label=label, color=colour, linewidth=1.4, **end)
    panel.fill_between(grid, high, low, color=colour, alpha=0.2, linewidth=0)
