"""Faults, kills, determinism, the zoo of densities, the cost of writing, and a soak, many fits.

What is measured goes into the file of results, in place of older figures of the same part, and the
page ``benchmarks/reliability/README.md`` is made from that file.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.reliability import determinism, kills, page, soak, writing, zoo
from benchmarks.reliability.faults import measure as faults
from benchmarks.table import RESULTS, write_results

PAGE = Path("benchmarks/reliability/README.md")


def _faults(options: argparse.Namespace) -> Iterator[page.Row]:
    yield from map(faults.measure_fault, faults.FAULTS)


def _kills(options: argparse.Namespace) -> Iterator[page.Row]:
    yield kills.measure(options.kills)


def _determinism(options: argparse.Namespace) -> Iterator[page.Row]:
    yield from determinism.measure()


def _zoo(options: argparse.Namespace) -> Iterator[page.Row]:
    yield from zoo.measure(options.examples)


def _writing(options: argparse.Namespace) -> Iterator[page.Row]:
    for name, figures in writing.measure().items():
        yield {"run": name} | figures


def _soak(options: argparse.Namespace) -> Iterator[page.Row]:
    yield soak.measure_one_run(options.minutes / 2.0)
    yield soak.measure_many_runs(options.minutes / 2.0)


def _fits(options: argparse.Namespace) -> Iterator[page.Row]:
    yield from soak.measure_fits(options.fits)


class Part(NamedTuple):
    """What is measured, and how it is written.

    Attributes:
        measure: yields rows.
        section: makes text of them.
    """

    measure: Callable[[argparse.Namespace], Iterator[page.Row]]
    section: page.Section


PARTS = {
    "faults": Part(_faults, page.faults),
    "kills": Part(_kills, page.kills),
    "determinism": Part(_determinism, page.determinism),
    "zoo": Part(_zoo, page.zoo),
    "writing": Part(_writing, page.writing),
    "soak": Part(_soak, page.soak),
    "fits": Part(_fits, page.fits),
}


def main(arguments: list[str]) -> int:
    """Measures the parts that are named, and makes the page; returns 1 where a fault ends wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks reliability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--kills", type=int, default=100, help="how often a run is killed")
    parser.add_argument("--examples", type=int, default=10, help="runs per density of the zoo")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the soak")
    parser.add_argument("--fits", type=int, default=50, help="in one process")
    parser.add_argument("--out", type=Path, default=RESULTS / "reliability.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    rows = _rows(options.out)
    for name in options.parts:
        found = []
        for row in PARTS[name].measure(options):
            found.append({"part": name} | row)
            print(json.dumps(found[-1]), flush=True)
        rows = [row for row in rows if row["part"] != name] + found
        write_results(options.out, rows)
    sections = {name: part.section for name, part in PARTS.items()}
    options.page.write_text(page.page(rows, sections), encoding="utf-8")
    return int(not all(row.get("is_right", True) for row in rows))


def _rows(path: Path) -> list[page.Row]:
    """Returns what was measured before."""
    return json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
