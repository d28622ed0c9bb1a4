"""What is claimed, set against the records: of the study (paper-3) and of this package (peers)."""

import numpy as np

from benchmarks.report_tables import Record, by_label, final, median_of, table

OURS, REFERENCE = "SAMTRON", "SAMTRON, TensorFlow"
OTHERS = {"ZAMTRUX": "VIPS", "SEPYFUX": "iBayes-GMM"}


def by_target(records: list[Record]) -> dict[str, list[Record]]:
    """Returns the runs of each target."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record["specification"]["target"], []).append(record)
    return groups


def elbo_within(record: Record, evaluations: float) -> float | None:
    """Returns the ELBO of the last snapshot within so many evaluations."""
    rows = [row for row in record["rows"] if row["evaluations"] <= evaluations]
    return rows[-1]["elbo"] if rows else None


def hybrid_table(records: list[Record]) -> list[str]:
    """Returns SAMTRON's rank and lead by target; the study says that it leads on every one.

    Runs may end at different numbers of evaluations: the last columns compare where the
    shorter of the two ended.
    """
    rows = []
    for target, group in sorted(by_target(records).items()):
        runs = by_label(group)
        elbos = {label: median_of(own, final("elbo")) for label, own in runs.items()}
        own = elbos.get(OURS)
        if own is None:
            continue
        known = [elbo for elbo in elbos.values() if elbo is not None]
        cells = [target, f"{1 + sum(elbo > own for elbo in known)} of {len(known)}"]
        for label in OTHERS:
            other = elbos.get(label)
            lead = None if other is None else own - other
            cells.append("-" if lead is None else f"{lead:+.4f}")
        for label in OTHERS:
            lead = lead_at_the_shorter(runs[OURS], runs.get(label, []))
            cells.append("-" if lead is None else f"{lead:+.4f}")
        rows.append(cells)
    names = list(OTHERS.values())
    header = ["target", "SAMTRON's rank", *(f"ahead of {name}" for name in names)]
    return table([*header, *(f"of {name}, same evaluations" for name in names)], rows)


def lead_at_the_shorter(ours: list[Record], theirs: list[Record]) -> float | None:
    """Returns by how much our median ELBO is ahead where the shorter runs end; None: unknown."""
    if not theirs:
        return None
    evaluations = min(record["rows"][-1]["evaluations"] for record in [*ours, *theirs])
    values = [[elbo_within(record, evaluations) for record in runs] for runs in (ours, theirs)]
    known = [[elbo for elbo in elbos if elbo is not None] for elbos in values]
    if not all(known):
        return None
    return float(np.median(known[0]) - np.median(known[1]))


def seconds_to_reach(record: Record, elbo: float) -> float | None:
    """Returns when a run's ELBO first was as good, within two standard errors; None: never."""
    for row in record["rows"]:
        if row["elbo"] is not None and row["elbo"] + 2.0 * row["elbo_stderr"] >= elbo:
            return row["seconds"]
    return None


def reference_table(records: list[Record]) -> list[str]:
    """Returns when SAMTRON here reaches what the TensorFlow reference ends with, by target."""
    rows = []
    for target, group in sorted(by_target(records).items()):
        runs = by_label(group)
        if OURS not in runs or REFERENCE not in runs:
            continue
        goal = median_of(runs[REFERENCE], final("elbo"))
        theirs = median_of(runs[REFERENCE], lambda record: record["rows"][-1]["seconds"])
        if goal is None or theirs is None:
            continue
        times = [seconds_to_reach(record, goal) for record in runs[OURS]]
        reached = [seconds for seconds in times if seconds is not None]
        middle = float(np.median(reached)) if len(reached) == len(times) else None
        rows.append(
            [
                target,
                f"{goal:.4f}",
                f"{theirs:.1f}",
                f"{len(reached)} of {len(times)}",
                "-" if middle is None else f"{middle:.1f}",
                "-" if middle is None else f"{middle / theirs:.2f}",
            ]
        )
    header = ["target", "its ELBO", "its seconds", "reached here", "seconds here", "ratio"]
    return table(header, rows)


def claim_lines(suite: str, records: list[Record]) -> list[str]:
    """Returns the lines about a suite's claim; none where it has no claim."""
    if suite == "paper-3":
        text = "The study: the hybrid (SAMTRON) is ahead of VIPS and iBayes-GMM on every target."
        return [text, "", *hybrid_table(records), ""]
    if suite == "peers":
        text = "Asked: the TensorFlow reference's ELBO at a third of its time, compiling counted."
        return [text, "", *reference_table(records), ""]
    return []
