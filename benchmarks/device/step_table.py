"""Part a, read: which size is best for each workload, and which for all of them."""

import math
import statistics

from benchmarks.device.budget import Figures
from benchmarks.device.setting import DEVICE, HOST

TIE = 1.02  # sizes within 2 % of the best are as good, and the smallest of them needs least memory
COLUMN = 7


def summarise(lines: list[Figures]) -> Figures:
    """Returns the best sizes, and how far from the best every size is.

    ``best`` has target -> its best ``max_chunk_bytes``. ``ratios`` has size -> step time over best
    step time, geometric mean over the workloads in ``overall_from``, those that were measured with
    every size; ``best_overall`` is the size where that is least. ``host_over_device`` has
    target -> step time of the CPU over the device's best.
    """
    device, host = _seconds(lines, DEVICE), _seconds(lines, HOST)
    sizes = sorted({size for own in device.values() for size in own})
    complete = {target: own for target, own in device.items() if len(own) == len(sizes)}
    ratios = {}
    for size in sizes if complete else ():
        logs = [math.log(own[size] / min(own.values())) for own in complete.values()]
        ratios[size] = math.exp(statistics.fmean(logs))
    return {
        "best": {target: _best(own) for target, own in device.items()},
        "best_overall": _best(ratios) if ratios else None,
        "overall_from": list(complete),
        "ratios": {str(size): ratio for size, ratio in ratios.items()},
        "host_over_device": {
            target: own[0] / min(device[target].values())
            for target, own in host.items()
            if target in device
        },
    }


def show(lines: list[Figures]) -> list[str]:
    """Returns the table: milliseconds of a step."""
    device, host = _seconds(lines, DEVICE), _seconds(lines, HOST)
    sizes = sorted({size for own in device.values() for size in own})
    heads = [f"{size / 2**20:.3g}M" for size in sizes] + ["CPU", "comp."]
    table = [
        "ms of a step by MiB of max_chunk_bytes; CPU default; s of compilation",
        _row("", heads),
    ]
    for target in dict.fromkeys([*device, *host]):
        own = device.get(target, {})
        cells = [_milliseconds(own.get(size)) for size in sizes]
        cells.append(_milliseconds(host.get(target, {}).get(0)))
        compiled = [
            line["compile_seconds"]
            for line in lines
            if line.get("target") == target and line.get("compiled_at_once") == 1
        ]
        table.append(_row(target, [*cells, f"{compiled[0]:.1f}" if compiled else ""]))
    summary = summarise(lines)
    if summary["best_overall"]:
        table.append(_row("time / best", [f"{ratio:.2f}" for ratio in summary["ratios"].values()]))
        table.append(
            f"best max_chunk_bytes: {summary['best_overall']:,}, "
            f"of {len(summary['overall_from'])} workloads"
        )
    return table


def _seconds(lines: list[Figures], place: str) -> dict[str, dict[int, float]]:
    """Returns target -> size (0: the default) -> median seconds of a step."""
    found: dict[str, dict[int, float]] = {}
    for line in lines:
        if line["place"] == place and "seconds" in line:
            size = line["max_chunk_bytes"] or 0
            found.setdefault(line["target"], {})[size] = statistics.median(line["seconds"])
    return found


def _best(times: dict[int, float]) -> int:
    return min(size for size, value in times.items() if value <= TIE * min(times.values()))


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1e3 * seconds:.2f}" if seconds < 0.1 else f"{1e3 * seconds:.0f}"


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<15}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)
