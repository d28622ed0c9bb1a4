"""Any configuration on every density of the tests' zoo: how many runs ended, and how.

What is wrong with a defect goes to stderr, with the number that brings it back.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jax

from tests.zoo.any_config import ZOO, density_of, draw_config, run_example

_RUNS_PER_CONFIG = 11  # most of the time goes into compiling one
ENDINGS = ("completed", "failed", "diverged", "refused", "defect")


def measure(num_examples: int) -> Iterator[dict[str, Any]]:
    """Yields a row for each density: its name, the number of runs, and how many ended how.

    Args:
        num_examples: runs of each density, each with another configuration.
    """
    names = sorted(ZOO)
    endings = {name: Counter[str]() for name in names}
    for number in range(num_examples * len(names)):
        seed, turn = divmod(number, _RUNS_PER_CONFIG)
        if not turn:
            jax.clear_caches()
        name = names[number % len(names)]
        example = draw_config(seed)
        ending, defect = run_example(example, density_of(name, number))
        endings[name][ending] += 1
        if defect:
            print(name, number, example.codename, example.settings, defect, file=sys.stderr)
    for name, counts in endings.items():
        own = {ending: counts[ending] for ending in ENDINGS}
        yield {"density": name, "runs": counts.total(), **own, "is_right": not counts["defect"]}
