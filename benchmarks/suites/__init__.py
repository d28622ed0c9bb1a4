"""The suites by name, and when their runs end."""

import dataclasses
from collections.abc import Callable

from benchmarks.specification import Specification, across_seeds
from benchmarks.suites.alternatives import alternatives
from benchmarks.suites.paper_1 import paper_1
from benchmarks.suites.paper_2 import paper_2
from benchmarks.suites.paper_3 import paper_3
from benchmarks.suites.peers import peers

# Each returns the runs of seed 0, of the small or the full preset.
SUITES: dict[str, Callable[[bool], list[Specification]]] = {
    "paper-1": paper_1,
    "paper-2": paper_2,
    "paper-3": paper_3,
    "peers": peers,
    "alternatives": alternatives,
}

SMALL_SUITE_SECONDS = 900.0
# Some peers compile for longer than they may run, which nothing stops: room for them.
SHARES = {"peers": 0.85}
SHARE = 0.95
# After its limit a run finishes a step and evaluates its snapshots; measured on 2 idle cores.
TAIL_SECONDS = 4.0
LEAST_SECONDS = 8.0  # below that a run does nothing but compile


def runs_of_suite(name: str, preset: str, seeds: int) -> list[Specification]:
    """Returns the runs of a suite, seed after seed: an interrupted suite has whole seeds.

    Args:
        name: of the suite.
        preset: "full", or "small", whose limits let one seed of all runs end within 15 minutes.
        seeds: how many.
    """
    runs = SUITES[name](preset == "small")
    if preset == "small":
        share = SHARES.get(name, SHARE)
        seconds = max(LEAST_SECONDS, share * SMALL_SUITE_SECONDS / len(runs) - TAIL_SECONDS)
        limits = [min(run.max_seconds, round(seconds, 1)) for run in runs]
        runs = [
            dataclasses.replace(run, max_seconds=limit)
            for run, limit in zip(runs, limits, strict=True)
        ]
    by_run = [across_seeds(run, seeds) for run in runs]
    return [run for same_seed in zip(*by_run, strict=True) for run in same_seed]
