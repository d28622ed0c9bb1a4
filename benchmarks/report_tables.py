"""Tables of a group of records: quality and cost, a row per label."""

from collections.abc import Callable
from typing import Any

import numpy as np

Record = dict[str, Any]


def by_label(records: list[Record]) -> dict[str, list[Record]]:
    """Returns the runs of each label."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["specification"]["label"], []).append(record)
    return groups


def median_of(records: list[Record], value: Callable[[Record], float | None]) -> float | None:
    """Returns the median over the seeds; None if any run lacks the value."""
    values = [value(record) for record in records]
    known = [each for each in values if each is not None]
    return float(np.median(known)) if len(known) == len(values) else None


def spread_of(records: list[Record], value: Callable[[Record], float | None], pattern: str) -> str:
    """Returns median and quartiles as text; a dash where there is nothing."""
    values = [each for record in records if (each := value(record)) is not None]
    if not values:
        return "-"
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    text = format(middle, pattern)
    if len(values) > 1:
        text += f" [{format(low, pattern)}, {format(high, pattern)}]"
    if len(values) < len(records):
        text += f" ({len(values)} of {len(records)} runs)"
    return text


def final(name: str) -> Callable[[Record], float | None]:
    """Returns what reads one of the final metrics."""
    return lambda record: record["final"].get(name)


def log_z(record: Record) -> float | None:
    """Returns a sampler's own log Z, or that by importance sampling from the approximation."""
    return record["said"].get("log_z", record["final"].get("log_z"))


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def quality_table(records: list[Record]) -> list[str]:
    """Returns the table of quality, the best ELBO first; then those without one."""
    groups = by_label(records)

    def order(label: str) -> tuple[bool, float]:
        elbo = median_of(groups[label], final("elbo"))
        return elbo is None, 0.0 if elbo is None else -elbo

    rows = []
    for rank, label in enumerate(sorted(groups, key=order), 1):
        runs = groups[label]
        modes = spread_of(runs, final("modes"), ".0f")
        if modes != "-":
            modes += f" of {runs[0]['final']['num_modes']}"
        rows.append(
            [
                label,
                str(rank) if not order(label)[0] else "-",
                spread_of(runs, final("elbo"), ".4f"),
                spread_of(runs, final("elbo_stderr"), ".4f"),
                spread_of(runs, log_z, ".4f"),
                spread_of(runs, final("k_hat"), ".2f"),
                spread_of(runs, final("mmd"), ".4f"),
                spread_of(runs, final("median_error"), ".3f"),
                spread_of(runs, final("scale_error"), ".3f"),
                modes,
                str(len(runs)),
            ]
        )
    header = ["method", "rank", "ELBO", "standard error", "log Z", "k-hat", "MMD"]
    return table([*header, "median off", "scale off", "modes", "seeds"], rows)


def step_milliseconds(record: Record) -> float:
    """Returns the time per iteration without importing and compiling."""
    last = record["rows"][-1]
    said = record["said"]
    # What another process did is not in this one's clock: its first step holds the tracing.
    imported = said.get("import_seconds", record["import_seconds"])
    compiled = said.get("first_step_seconds", last["compile_seconds"])
    return 1e3 * max(0.0, last["seconds"] - imported - compiled) / max(1, last["iteration"])


def cost_table(records: list[Record]) -> list[str]:
    """Returns the table of cost: importing, compiling and stepping are columns of their own."""

    def last(name: str) -> Callable[[Record], float | None]:
        return lambda record: record["rows"][-1].get(name)

    rows = []
    for label, runs in sorted(by_label(records).items()):
        rows.append(
            [
                label,
                spread_of(runs, last("evaluations"), ",.0f"),
                spread_of(runs, last("iteration"), ",.0f"),
                spread_of(runs, last("seconds"), ".1f"),
                spread_of(
                    runs, lambda r: r["said"].get("import_seconds", r["import_seconds"]), ".1f"
                ),
                spread_of(
                    runs,
                    lambda r: r["said"].get("first_step_seconds", r["rows"][-1]["compile_seconds"]),
                    ".1f",
                ),
                spread_of(runs, step_milliseconds, ".2f"),
                spread_of(runs, last("components"), ".0f"),
            ]
        )
    header = ["method", "evaluations", "iterations", "seconds", "importing, s", "compiling, s"]
    return table([*header, "a step, ms", "components"], rows)


def skipped_lines(records: list[Record]) -> list[str]:
    """Returns a line for each run that was skipped or failed."""
    return [
        f"- {record['status']}: {record['specification']['label']}, "
        f"seed {record['specification']['seed']}: {record['reason']}"
        for record in records
        if record["status"] != "done"
    ]
