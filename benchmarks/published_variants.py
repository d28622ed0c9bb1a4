"""Published runs of other variants than SAMTRON, and one that reuses its samples.

``python -m benchmarks.published_variants [--rows NAME ...] [--seeds 0 1 2] [--out FILE]`` prints a
table and writes JSON; see ``benchmarks/table.py``.
"""

import argparse
import json
from pathlib import Path

from benchmarks.table import Row, in_own_process, measure_run, verdict, write_results

MODULE = "benchmarks.published_variants"

ROWS = (
    Row("zamtrux_breast_cancer", "breast_cancer", 393, 78.80, 1.05e6, codename="ZAMTRUX"),
    Row("samtron_german_credit", "german_credit", 360, 585.110, 1.8e5),
    Row("zamtrux_gmm20", "gmm20", 356, 0.01, 1.35e6, modes=10, codename="ZAMTRUX", normalised=True),
    # The published settings, with the fixed 25 components they name; to be set against the
    # reference on the same instance: benchmarks/differential/paired_stm20.py.
    Row(
        "sepyfux_stm20_short",
        "stm20",
        2_500,
        float("inf"),
        0.5e6,
        codename="SEPYFUX",
        overrides=(("log_every", 250),),
    ),
    Row(
        "sepyfux_stm20",
        "stm20",
        22_500,
        float("inf"),
        4.5e6,
        seconds=900.0,
        codename="SEPYFUX",
        overrides=(("log_every", 500),),
    ),
)


def main() -> None:
    """Runs the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/published_variants.json")
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    by_name = {row.name: row for row in ROWS}
    if arguments.worker:
        name, seed = arguments.worker
        print(json.dumps(measure_run(by_name[name], int(seed))))
        return
    results = []
    for name in arguments.rows:
        runs = [in_own_process(MODULE, [name, str(seed)]) for seed in arguments.seeds]
        results.extend(runs)
        print(verdict(by_name[name], runs), flush=True)
    write_results(arguments.out, results)


if __name__ == "__main__":
    main()
