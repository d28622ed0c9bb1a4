"""The suites by name: each a function of preset and number of seeds that lists its runs."""

from collections.abc import Callable

from benchmarks.specification import Specification
from benchmarks.suites.alternatives import alternatives
from benchmarks.suites.paper_1 import paper_1
from benchmarks.suites.paper_2 import paper_2
from benchmarks.suites.paper_3 import paper_3
from benchmarks.suites.peers import peers

SUITES: dict[str, Callable[[str, int], list[Specification]]] = {
    "paper-1": paper_1,
    "paper-2": paper_2,
    "paper-3": paper_3,
    "peers": peers,
    "alternatives": alternatives,
}
