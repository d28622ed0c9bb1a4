"""Part b: whether the device's runs end where those of the CPU end, and in which time.

The rows are those of ``benchmarks.published``. Rounding alone makes two runs
part after some iterations, whatever the device: what is compared are means over seeds.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterator

from benchmarks.device.budget import Figures
from benchmarks.device.setting import DEVICE, HOST, Setting, failure
from benchmarks.published.measure import measure_row
from benchmarks.published.rows import ROWS, Milestone, Row

NAMES = ("breast_cancer", "gmm20")
SEEDS = (0, 1, 2)
FIRST_SECONDS = {DEVICE: 90.0, HOST: 40.0}  # of a run with compilation, until one was measured
LIMIT = 3.0  # standard errors
TINY = (("desired_samples", 10), ("max_components", 8), ("max_database_size", 100))


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields a line per target and seed; the first seed of all targets before the second."""
    expected = dict.fromkeys(NAMES, setting.estimate(FIRST_SECONDS[setting.place]))
    rows = {row.name: row for row in ROWS if row.name in NAMES}
    for seed in SEEDS[:1] if setting.tiny else SEEDS:
        for name in NAMES[1:] if setting.tiny else NAMES:
            what = f"{name}, seed {seed}"
            if skipped := setting.budget.refusal(what, expected[name]):
                yield skipped
                continue
            row = shortened(rows[name]) if setting.tiny else rows[name]
            try:
                figures = measure_row(row, seed)[-1]
            except Exception as error:  # the other target is still of interest
                yield failure(what, error)
                continue
            expected[name] = 1.2 * figures["seconds"]
            yield {"target": name} | figures


def shortened(row: Row) -> Row:
    """Returns a run of a few steps."""
    return dataclasses.replace(row, milestones=(Milestone(3),), settings=TINY)


def summarise(lines: list[Figures]) -> Figures:
    """Returns target -> whether the two places agree."""
    found = {}
    for target in NAMES:
        own = [line for line in lines if line.get("target") == target]
        device, host = ([run for run in own if run["place"] == place] for place in (DEVICE, HOST))
        if device and host:
            found[target] = compare(device, host)
    return found


def compare(device: list[Figures], host: list[Figures]) -> Figures:
    """Returns the difference of the mean ELBOs, its standard error, and the verdict.

    The spread of seeds is pooled over the two places. With one run each it is not known: then the
    error is that of the samples alone, and too small.
    """
    groups = [[run["negative_elbo"] for run in runs] for runs in (device, host)]
    difference = statistics.fmean(groups[1]) - statistics.fmean(groups[0])
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum((value - statistics.fmean(group)) ** 2 for group in groups for value in group)
    spread = squares / freedom if freedom else 0.0
    variance = 0.0
    for runs in (device, host):
        sampling = statistics.fmean(run["standard_error"] ** 2 for run in runs)
        variance += max(spread, sampling) / len(runs)
    error = math.sqrt(variance)
    return {
        "elbo_of_device_minus_host": difference,
        "standard_error": error,
        "runs": [len(group) for group in groups],
        "knows_the_spread_of_seeds": freedom > 0,
        "agree": abs(difference) <= LIMIT * error,
    }


def show(lines: list[Figures]) -> list[str]:
    """Returns the table."""
    table = [
        f"{'target':<14} {'where':<6} {'seed':>4} {'-ELBO':>8} {'+-':>6} {'eval.':>10} "
        f"{'s':>6} {'1st chunk':>9} {'K':>3} {'modes':>5}"
    ]
    for line in lines:
        if "seconds" in line:
            table.append(
                f"{line['target']:<14} {line['place']:<6} {line['seed']:>4} "
                f"{line['negative_elbo']:>8.3f} {line['standard_error']:>6.3f} "
                f"{line['evaluations']:>10,} {line['seconds']:>6.1f} "
                f"{line['first_chunk_seconds']:>9.1f} {line['components']:>3} "
                f"{line.get('modes', ''):>5}"
            )
    for target, verdict in summarise(lines).items():
        table.append(
            f"{target}: ELBO of device - host {verdict['elbo_of_device_minus_host']:.4f} +- "
            f"{verdict['standard_error']:.4f}: {'agree' if verdict['agree'] else 'DIFFER'}"
            f"{'' if verdict['knows_the_spread_of_seeds'] else ' (one run each)'}"
        )
    return table
