"""Makes the report of a suite: a CSV file with a row per run, a figure, and tables to read."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.report_figure import draw_figure
from benchmarks.report_rows import Row, read_rows, rows_of, write_rows
from benchmarks.run_record import read_records
from benchmarks.table import RESULTS

# Header, column, format.
QUALITY = (
    *(("ELBO", "elbo", ".4f"), ("standard error", "elbo_stderr", ".4f"), ("log Z", "log_z", ".4f")),
    *(("k-hat", "k_hat", ".2f"), ("MMD", "mmd", ".4f"), ("median off", "median_error", ".3f")),
    *(("scale off", "scale_error", ".3f"), ("modes", "modes", ".0f"), ("of", "num_modes", ".0f")),
)
COST = (
    *(("evaluations", "evaluations", ",.0f"), ("iterations", "iterations", ",.0f")),
    *(("seconds", "seconds", ".1f"), ("importing, s", "import_seconds", ".1f")),
    *(("compiling, s", "compile_seconds", ".1f"), ("a step, ms", "step_ms", ".2f")),
    *(("components", "components", ".0f"), ("s to the reference", "seconds_to_reference", ".1f")),
)


def spread_of(rows: list[Row], column: str, pattern: str) -> str:
    """Returns median and quartiles over the seeds as text; a dash where there is nothing."""
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return "-"
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    text = format(middle, pattern)
    if low != high:
        text += f" [{format(low, pattern)}, {format(high, pattern)}]"
    if len(values) < len(rows):
        text += f" ({len(values)} of {len(rows)} runs)"
    return text


def by_label(rows: list[Row]) -> dict[str, list[Row]]:
    """Returns the runs of each label, the best median ELBO first, then those without one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["label"], []).append(row)

    def order(label: str) -> float:
        elbos = [row["elbo"] for row in groups[label]]
        return np.inf if None in elbos else -float(np.median(elbos))

    return {label: groups[label] for label in sorted(groups, key=order)}


def table(rows: list[Row], columns: tuple[tuple[str, str, str], ...]) -> list[str]:
    """Returns the lines of a Markdown table, a line per label."""
    header = ["method", *(name for name, _, _ in columns), "seeds"]
    lines = [
        [label, *(spread_of(runs, *column[1:]) for column in columns), str(len(runs))]
        for label, runs in by_label(rows).items()
    ]
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *lines)]


def report_lines(rows: list[Row]) -> list[str]:
    """Returns the tables of all targets, and a line for each run that was skipped or failed."""
    lines = []
    for target in dict.fromkeys(row["target"] for row in rows):
        group = [row for row in rows if row["target"] == target]
        done = [row for row in group if row["status"] == "done"]
        lines += [f"## {target}", ""]
        for columns in (QUALITY, COST) if done else ():
            lines += [*table(done, columns), ""]
        for row in group:
            if row["status"] != "done":
                lines.append(
                    f"{row['status']}: {row['label']}, seed {row['seed']:g}: {row['reason']}\n"
                )
    return lines


def main(arguments: list[str]) -> int:
    """Writes the table and the figure of a folder of runs, or reads a stored table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of `run --out`, or a stored CSV file")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of NAME.csv, NAME.png")
    given = parser.parse_args(arguments)
    if given.source.suffix == ".csv":
        rows = read_rows(given.source)
    else:
        records = read_records(given.source)
        if not records:
            parser.error(
                f"{given.source} has no records; make some with "
                f"`python -m benchmarks run SUITE --out {given.source}`."
            )
        rows = rows_of(records)
        given.out.mkdir(parents=True, exist_ok=True)
        write_rows(rows, given.out / f"{given.source.name}.csv")
        done = [record for record in records if record["status"] == "done"]
        if done:
            draw_figure(done, given.out / f"{given.source.name}.png")
    print("Medians over the seeds, quartiles in brackets; the ELBO is from 20,000 draws.\n")
    print("\n".join(report_lines(rows)))
    return 0
