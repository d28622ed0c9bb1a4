"""The numbers on the pages are those of ``benchmarks/results``.

Each case is what a page must say, written with the figures as they are now: where a benchmark was
run anew, the message of the test shows the line to write.
"""

import csv
import json
import re
import statistics
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@cache
def page(name: str) -> str:
    return re.sub(r"\s+", " ", (ROOT / name).read_text(encoding="utf-8"))


@cache
def runs(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["runs"]


@cache
def peers(target: str) -> dict[str, dict[str, float]]:
    with (RESULTS / "peers-small.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["target"] == target]
    numbers = ("elbo", "mmd", "seconds")
    return {row["label"]: {key: float(row[key] or "nan") for key in numbers} for row in rows}


def others(density: str, way: str, key: str) -> list[float]:
    return [run[key] for run in runs("others") if (run["density"], run["way"]) == (density, way)]


def fits(target: str, budget: int | None, key: str) -> list[float]:
    return [run[key] for run in runs("fit") if (run["target"], run["budget"]) == (target, budget)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def thousands(values: Sequence[float]) -> str:
    return f"{round(median(values) / 1000):,},000"


def of_peers() -> list[str]:
    cells = ["**`fit`**, no settings"]
    for target, mmd in (("breast_cancer", "**{:.3f}**"), ("planar_robot_4", "{:.3f}")):
        own = [run for run in runs("seconds") if (run["target"], run["way"]) == (target, "fit")]
        cells.append(f"**{median([run['negative_elbo'] for run in own]):.2f}**")
        cells.append(mmd.format(median([run["mmd"] for run in own])))
    lines = ["| " + " | ".join(cells) + " |"]
    for label, label_on_page, elbos in (
        ("SAMTRON", "**SAMTRON**", ("**{:.2f}**", "{:.2f}")),
        ("SAMTRON, TensorFlow", "SAMTRON, published TensorFlow code", ("{:.2f}", "{:.1f}")),
        ("GSM-VI", "one Gaussian (GSM-VI)", ("{:.2f}", "diverges")),
        ("BlackJAX NUTS", "NUTS (BlackJAX)", ("samples only",) * 2),
        ("BlackJAX SMC", "tempered SMC (BlackJAX)", ("samples only",) * 2),
    ):
        cells = [label_on_page]
        for target, elbo in zip(("breast_cancer", "planar_robot_4"), elbos, strict=True):
            row = peers(target)[label]
            is_best = (target, label) == ("planar_robot_4", "BlackJAX SMC")
            mmd = f"**{row['mmd']:.3f}**" if is_best else f"{row['mmd']:.3f}"
            cells += [elbo.format(-row["elbo"]), mmd]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def when_not() -> list[str]:
    spent = {
        (density, way): thousands(others(density, way, "evaluations"))
        for density in ("schools_noncentred", "logistic")
        for way in ("fit", "nuts")
    }
    smc = peers("planar_robot_4")["BlackJAX SMC"]
    robot = {key: fits("planar_robot_4", 700_000, key) for key in ("mmd", "seconds", "evaluations")}
    (narrow,) = (axis for axis in runs("scaling") if axis.get("axis") == "D")
    wide = narrow["rows"][-1]
    assert (wide["dim"], wide["components"]) == (1000, 4)
    tails = fits("stm20", 250_000, "components")
    return [
        f"`fit` took {spent['schools_noncentred', 'fit']} evaluations and NUTS "
        f"{spent['schools_noncentred', 'nuts']} to 400 effective draws",
        f"`fit` took {spent['logistic', 'fit']} and NUTS {spent['logistic', 'nuts']}",
        f"an MMD of {smc['mmd']:.3f} in {smc['seconds']:.0f} s, where `fit` reaches "
        f"{median(robot['mmd']):.3f} after {median(robot['seconds']):.0f} s, with "
        f"{thousands(robot['evaluations'])} evaluations",
        f"takes {wide['seconds']:.1f} s on two cores",
        f"{min(tails)} to {max(tails)} of them are "
        f"{median(fits('stm20', 250_000, 'negative_elbo')):.2f} nats below log Z",
    ]


def of_others() -> list[str]:
    lines = []
    for density in dict.fromkeys(run["density"] for run in runs("others")):
        spent = [round(count / 1000) for count in others(density, "fit", "evaluations")]
        nuts = round(median(others(density, "nuts", "evaluations")) / 1000)
        lines += [
            f"| {median(others(density, 'fit', 'elbo')):.2f} | {round(median(spent))} k "
            f"({min(spent)} to {max(spent)}); {median(others(density, 'fit', 'seconds')):.0f} s "
            f"| {nuts} k; {median(others(density, 'nuts', 'seconds')):.0f} s;"
        ]
    return lines


def of_fits() -> list[str]:
    lines = []
    for target, budget, digits in (
        ("breast_cancer", 100_000, 3),
        ("breast_cancer", 250_000, 3),
        ("gmm20", None, 4),
        ("gmm100", None, 4),
        ("stm20", 250_000, 3),
        ("planar_robot_4", 200_000, 3),
        ("planar_robot_4", 700_000, 3),
        ("planar_robot_4", 2_000_000, 3),
        ("funnel", None, 3),
    ):
        elbo = abs(median(fits(target, budget, "negative_elbo")))
        spent = median(fits(target, budget, "evaluations")) / 1e6
        modes = ", 10 modes" if target.startswith("gmm") else ""
        lines.append(f"{elbo:.{digits}f}{modes} @ {spent:.{3 if spent > 0.02 else 4}f} M")
    return lines


def of_seconds() -> list[str]:
    lines = []
    for target in dict.fromkeys(run["target"] for run in runs("seconds")):
        cells = []
        for way in ("published", "fit"):
            own = [run for run in runs("seconds") if (run["target"], run["way"]) == (target, way)]
            elbo, spent, seconds = (
                median([run[key] for run in own])
                for key in ("negative_elbo", "evaluations", "seconds")
            )
            cells.append(f"{abs(elbo):.3f}, {spent / 1e6:.3f} M, {seconds:.0f} s")
        lines.append(f"| {target} | {' | '.join(cells)}")
    return lines


CASES = [
    *(("README.md", text) for text in of_peers()),
    *(("docs/when_not.md", text) for text in when_not()),
    *(("benchmarks/README.md", text) for text in of_others()),
    *(("docs/performance.md", text) for text in (*of_fits(), *of_seconds())),
]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_the_page_says_what_was_measured(name, text):
    assert text in page(name), f"{name} has to say: {text}"
