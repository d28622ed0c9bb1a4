"""The stored table of a suite: one flat row per run, as CSV."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import METHODS

Record = dict[str, Any]
Row = dict[str, Any]
OURS, REFERENCE = "SAMTRON", "SAMTRON, TensorFlow"
TEXTS = ("target", "label", "status", "reason", "versions")
NUMBERS = (
    *("seed", "elbo", "elbo_stderr", "log_z", "k_hat", "mmd", "median_error", "scale_error"),
    *("modes", "num_modes", "components", "evaluations", "iterations", "seconds"),
    *("import_seconds", "compile_seconds", "step_ms", "seconds_to_reference"),
    *("max_evaluations", "max_seconds", "load"),
)
COLUMNS = ("target", "label", "status", *NUMBERS, "reason", "versions")
CORE_PACKAGES = ("python", "gmmvi_jax", "jax", "jaxlib", "numpy")


def rows_of(records: list[Record]) -> list[Row]:
    """Returns a row per record, with None where a run does not have a number."""
    goals = reference_elbos(records)
    return [row_of(record, goals.get(record["specification"]["target"])) for record in records]


def reference_elbos(records: list[Record]) -> dict[str, float]:
    """Returns target -> median final ELBO of the TensorFlow reference, where it has one."""
    found: dict[str, list[float]] = {}
    for record in records:
        run = record["specification"]
        is_reference = record["status"] == "done" and run["label"] == REFERENCE
        if is_reference and (elbo := record["final"]["elbo"]) is not None:
            found.setdefault(run["target"], []).append(elbo)
    return {target: float(np.median(elbos)) for target, elbos in found.items()}


def row_of(record: Record, goal: float | None) -> Row:
    """Returns the row of a record.

    Args:
        record: of a run.
        goal: ELBO for ``seconds_to_reference``; None: no such column.
    """
    run = record["specification"]
    row: Row = dict.fromkeys(COLUMNS)
    row |= {name: run[name] for name in ("target", "label", "seed")}
    row |= {name: run[name] for name in ("max_evaluations", "max_seconds")}
    row |= {"status": record["status"], "reason": record.get("reason")}
    packages = (*CORE_PACKAGES, *METHODS[run["method"]].requires)
    said = record.get("said", {})
    versions = record["versions"] | {key: said[key] for key in ("tensorflow",) if key in said}
    named = [f"{key} {versions[key]}" for key in (*packages, "tensorflow") if key in versions]
    row["versions"] = ", ".join(named)
    row["load"] = (record["machine"]["load"] or [None])[0]
    if record["status"] != "done":
        return row
    last, final = record["rows"][-1], record["final"]
    row |= {name: final[name] for name in NUMBERS if name in final}
    row |= {name: last[name] for name in ("evaluations", "seconds", "components") if name in last}
    row["iterations"] = last["iteration"]
    row["log_z"] = said.get("log_z", final.get("log_z"))  # a sampler's own
    # The clock of this process does not see another one's: there the first step holds the tracing.
    row["import_seconds"] = said.get("import_seconds", record["import_seconds"])
    row["compile_seconds"] = said.get("first_step_seconds", last["compile_seconds"])
    stepping = row["seconds"] - row["import_seconds"] - row["compile_seconds"]
    row["step_ms"] = 1e3 * max(0.0, stepping) / max(1, last["iteration"])
    if goal is not None and run["label"] == OURS:
        row["seconds_to_reference"] = seconds_to_reach(record, goal)
    return row


def seconds_to_reach(record: Record, elbo: float) -> float | None:
    """Returns when a run's ELBO first was as good, within two standard errors; None: never."""
    for row in record["rows"]:
        if row["elbo"] is not None and row["elbo"] + 2.0 * row["elbo_stderr"] >= elbo:
            return row["seconds"]
    return None


def write_rows(rows: list[Row], path: Path) -> None:
    """Writes the rows as CSV, numbers with eight digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(
                "" if (value := row[name]) is None else value if name in TEXTS else shown(value)
                for name in COLUMNS
            )


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {k: (v if k in TEXTS else float(v)) if v else None for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


def shown(value: float) -> str:
    """Returns a number with at most eight digits, integers with all of theirs."""
    return str(int(value)) if float(value).is_integer() else f"{value:.8g}"
