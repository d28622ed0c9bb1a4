"""Reads what the profiler wrote: the work of the device, and the gaps in it."""

import collections
import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.clock import length_of_union

DEVICES = ("/device:GPU", "/device:TPU")
COPIES = ("memcpy", "memset")
SHOWN = 10  # kernels with the most time


class Work(NamedTuple):
    """What a device did.

    Attributes:
        kernels: that ran.
        copies: within its memory or to and from it, and fills.
        span: microseconds from the start of the first to the end of the last.
        idle_share: of the span, without any of them.
        longest: name -> microseconds, of the kernels that took most in sum.
    """

    kernels: int
    copies: int
    span: float
    idle_share: float
    longest: dict[str, float]


def read_trace(folder: str | Path) -> list[dict[str, Any]]:
    """Returns the events of the newest trace below a folder.

    Raises:
        FileNotFoundError: there is none.
    """
    files = sorted(Path(folder).rglob("*trace.json.gz"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise FileNotFoundError("the profiler wrote no trace.json.gz")
    with gzip.open(files[-1], "rt", encoding="utf-8") as file:
        return json.load(file)["traceEvents"]


def device_work(events: list[dict[str, Any]]) -> Work | None:
    """Returns what the first device with any work did, None where only the CPU had any.

    A GPU's kernels stand in the rows of its streams; the rows beside them group the same time by
    operation and by module. A TPU has the row of operations alone.
    """
    for process in _named(events, "process_name", DEVICES):
        rows = [row for row in _named(events, "thread_name", ("Stream",)) if row[0] == process[0]]
        if not rows:
            rows = [r for r in _named(events, "thread_name", ("XLA Ops",)) if r[0] == process[0]]
        found = [
            event
            for event in events
            if event.get("ph") == "X" and (event.get("pid"), event.get("tid")) in rows
        ]
        if found:
            return _sum(found)
    return None


def _named(
    events: list[dict[str, Any]], kind: str, beginnings: tuple[str, ...]
) -> list[tuple[Any, Any]]:
    """Returns (process, thread) of the rows whose name begins so, in order."""
    found = [
        (event.get("pid"), event.get("tid"))
        for event in events
        if event.get("ph") == "M"
        and event.get("name") == kind
        and str(event.get("args", {}).get("name", "")).startswith(beginnings)
    ]
    return sorted(found, key=str)


def _sum(events: list[dict[str, Any]]) -> Work:
    intervals = [(event["ts"], event["ts"] + event.get("dur", 0.0)) for event in events]
    span = max(end for _, end in intervals) - min(start for start, _ in intervals)
    copies = [event for event in events if event["name"].lower().startswith(COPIES)]
    longest: collections.Counter[str] = collections.Counter()
    for event in events:
        longest[event["name"][:80]] += event.get("dur", 0.0)
    return Work(
        kernels=len(events) - len(copies),
        copies=len(copies),
        span=span,
        idle_share=1.0 - length_of_union(intervals) / span if span else 0.0,
        longest=dict(longest.most_common(SHOWN)),
    )
