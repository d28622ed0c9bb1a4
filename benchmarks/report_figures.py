"""Figures of a group of records: the ELBO over evaluations and over seconds."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report_tables import by_label

GRID = 60  # points of the axis at which seeds are compared


def curves(records: list[dict[str, Any]], cost: str) -> tuple[np.ndarray, np.ndarray] | None:
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


def draw_figure(records: list[dict[str, Any]], path: Path, title: str) -> None:
    """Draws both panels into a PNG: what each method lacks of the best ELBO seen, logarithmic."""
    import matplotlib.pyplot as plt

    groups = by_label(records)
    drawn = {
        cost: {label: curve for label, runs in groups.items() if (curve := curves(runs, cost))}
        for cost in ("evaluations", "seconds")
    }
    seen = [row["elbo"] for record in records for row in record["rows"]]
    best = max((elbo for elbo in seen if elbo is not None), default=0.0)
    figure, panels = plt.subplots(1, 2, figsize=(11.0, 4.5), sharey=True, layout="constrained")
    colours = plt.get_cmap("tab20")
    for panel, (cost, by_name) in zip(panels, drawn.items(), strict=True):
        for number, (label, (grid, levels)) in enumerate(sorted(by_name.items())):
            low, middle, high = (
                best - levels + 1e-2
            )  # the best itself stays on the logarithmic axis
            style = "-" if number < 20 else "--"
            colour = colours(number % 20)
            # The end is marked: a run with a single snapshot has no line.
            end = {"marker": "o", "markersize": 4, "markevery": [-1]}
            panel.plot(grid, middle, style, label=label, color=colour, linewidth=1.4, **end)
            panel.fill_between(grid, high, low, color=colour, alpha=0.2, linewidth=0)
        panel.set(xscale="log", yscale="log", xlabel=cost)
    panels[0].set_ylabel(f"{best:.3f} - ELBO + 0.01, nats")
    if drawn["evaluations"]:
        handles, labels = panels[0].get_legend_handles_labels()
        # Matplotlib's own types do not know the places outside of the panels.
        place: Any = "outside right"
        figure.legend(handles, labels, loc=place, fontsize=7)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)
