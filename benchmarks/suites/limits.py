"""When the runs of a suite end."""

import dataclasses

from benchmarks.specification import Specification, across_seeds

SMALL_SUITE_SECONDS = 900.0
# After its limit a run finishes a step and evaluates its snapshots; measured on 2 idle cores.
TAIL_SECONDS = 4.0
LEAST_SECONDS = 8.0  # below that a run does nothing but compile


def within_the_small_preset(
    runs: list[Specification], seeds: int, share: float = 0.95
) -> list[Specification]:
    """Returns the runs for all seeds, with limits such that one seed of all ends within 15 minutes.

    Seeds come last in the order: an interrupted suite has whole seeds.
    """
    seconds = max(LEAST_SECONDS, share * SMALL_SUITE_SECONDS / len(runs) - TAIL_SECONDS)
    limited = [
        dataclasses.replace(run, max_seconds=min(run.max_seconds, round(seconds, 1)))
        for run in runs
    ]
    return for_all_seeds(limited, seeds)


def for_all_seeds(runs: list[Specification], seeds: int) -> list[Specification]:
    """Returns the runs with every seed, seed after seed."""
    by_run = [across_seeds(run, seeds) for run in runs]
    return [run for same_seed in zip(*by_run, strict=True) for run in same_seed]
