"""What ``python -m benchmarks settings`` measured, as a ranked table and a picture per module."""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from builder.places import GENERATED, ROOT, write_if_new

RESULTS = ROOT / "benchmarks" / "results" / "settings.json"
DEFAULTS = "SAMTRON"
# Module, in the order of a codename's letters -> its choices, from left to right.
LETTERS = {
    "natural_gradients": "ZS",
    "component_adaptation": "EA",
    "sample_selectors": "PM",
    "component_updaters": "IYT",
    "component_stepsizes": "FDR",
    "weight_updaters": "UO",
    "weight_stepsizes": "XGN",
}
_FEW_TICKS = 8.0  # range of an axis below which all of its ticks have numbers
_LEAST_GAP = 1e-3  # nats; what is closer to the best is drawn there

Runs = dict[str, dict[str, list[dict[str, Any]]]]  # target -> change -> a record per seed


def write() -> None:
    """Writes the table and the pictures that are older than the runs."""
    runs = _load()
    write_if_new(GENERATED / "settings_table.md", _table(runs))
    newest = max(RESULTS.stat().st_mtime, Path(__file__).stat().st_mtime)
    for position, (module, letters) in enumerate(LETTERS.items()):
        picture = GENERATED / "choices" / f"{module}.png"
        if not picture.exists() or picture.stat().st_mtime < newest:
            picture.parent.mkdir(parents=True, exist_ok=True)
            _draw(runs, position, letters, picture)


def _load() -> Runs:
    runs: Runs = defaultdict(lambda: defaultdict(list))
    for record in json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]:
        runs[record["target"]][record["change"]].append(record)
    return runs


def _elbo(records: list[dict[str, Any]]) -> float:
    """Returns the median ELBO of the seeds; minus infinity where a run had none."""
    values = (record["negative_elbo"] for record in records)
    return statistics.median(float("-inf") if value is None else -value for value in values)


def _setting(change: str) -> str:
    return change.partition("=")[0].partition(" x ")[0]


def _table(runs: Runs) -> str:
    """Returns a row per change: what it gains or costs on every target, the largest first."""
    changes = dict.fromkeys(change for own in runs.values() for change in own)
    gains = {
        change: [
            _elbo(own[change]) - _elbo(own[DEFAULTS]) if change in own else None
            for own in runs.values()
        ]
        for change in changes
        if not (change.isupper() and len(change) == len(DEFAULTS))  # a codename
    }
    effect: dict[str, float] = defaultdict(float)
    for change, own in gains.items():
        known = (abs(gain) for gain in own if gain is not None)
        effect[_setting(change)] = max(effect[_setting(change)], *known)
    ranked = sorted(gains, key=lambda change: (change != "fit", -effect[_setting(change)]))
    spent = [max(r["evaluations"] for r in own[DEFAULTS]) for own in runs.values()]
    spread = [_spread(own[DEFAULTS]) for own in runs.values()]
    head = [f"{name}, {count // 1000:,} k" for name, count in zip(runs, spent, strict=True)]
    lines = [
        f"| change | {' | '.join(head)} |",
        "|---|" + "---|" * len(head),
        f"| none: -ELBO | {' | '.join(f'{-_elbo(own[DEFAULTS]):.2f}' for own in runs.values())} |",
        f"| none: range of the seeds | {' | '.join(f'{value:.2f}' for value in spread)} |",
    ]
    lines += [
        f"| `{change}` | {' | '.join(_signed(value) for value in gains[change])} |"
        for change in ranked
    ]
    return "\n".join(lines) + "\n"


def _spread(records: list[dict[str, Any]]) -> float:
    values = [record["negative_elbo"] for record in records]
    return max(values) - min(values)


def _signed(value: float | None) -> str:
    if value is None:
        return "not run"
    text = f"{value:+.2f}" if abs(value) < 100 else f"{value:+,.0f}"
    return f"**{text}**" if abs(value) >= 0.1 else text


def _draw(runs: Runs, position: int, letters: str, picture: Path) -> None:
    figure, panels = plt.subplots(1, len(runs), figsize=(9, 2.8), layout="constrained")
    for axes, (target, own) in zip(panels, runs.items(), strict=True):
        best = max(-r["negative_elbo"] for records in own.values() for r in records)
        for place, letter in enumerate(letters):
            codename = DEFAULTS[:position] + letter + DEFAULTS[position + 1 :]
            if codename in own:
                _draw_choice(axes, place, own[codename], best)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        low, high = axes.get_ylim()
        axes.yaxis.set_minor_formatter("{x:g}" if high < _FEW_TICKS * low else NullFormatter())
        axes.set_xticks(range(len(letters)), list(letters))
        axes.set_xlim(-0.5, len(letters) - 0.5)
        evaluations = max(record["evaluations"] for record in own[DEFAULTS])
        axes.set_title(f"{target}, {evaluations // 1000} k evaluations", fontsize=10)
    panels[0].set_ylabel("ELBO below the best\nof all runs, nats")
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def _draw_choice(axes: Axes, place: int, records: list[dict[str, Any]], best: float) -> None:
    """Draws a point per seed, and a bar at their median."""
    gaps = [max(best + record["negative_elbo"], _LEAST_GAP) for record in records]
    axes.plot([place] * len(gaps), gaps, "o", color="C0", alpha=0.5, markersize=4)
    axes.hlines(statistics.median(gaps), place - 0.2, place + 0.2, color="C0")
