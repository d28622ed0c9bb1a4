"""Prints how far this package and the published TensorFlow code are apart, module by module.

``python -m benchmarks.differential.compare`` compares with the stored arrays of the tests;
``--live PYTHON`` first runs the published code with that interpreter (``make_reference.py`` says
how to make its environment), by default on the stored inputs, with ``--seed`` on others.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.differential import components, estimators, reuse, stepsizes, weights
from benchmarks.differential.comparison import Comparison
from benchmarks.differential.reference import ANY, KINDS, STORED, Arrays, load, metadata, select

Case = Callable[[Arrays], Iterator[Comparison]]

_BY_KIND: dict[str, Case] = {
    "densities": estimators.densities,
    "background and reuse": reuse.backgrounds,
    "stein": estimators.stein_estimates,
    "more": estimators.more_estimates,
    "direct and iblr": components.plain_steps,
    "trust region": components.bounded_steps,
    "rewards": weights.rewards,
    "weights, direct": weights.plain_steps,
    "weights, trust region": weights.bounded_steps,
}
_OF_ANY: dict[str, Case] = {
    "component stepsizes": stepsizes.component_rules,
    "weight stepsizes": stepsizes.weight_rules,
}
# Every case, with the kind of covariance it is about. With diagonal covariances the published
# MORE crashes, and nothing is stored.
CASES: dict[tuple[str, str], Case] = {
    (kind, name): case
    for kind in KINDS
    for name, case in _BY_KIND.items()
    if (kind, name) != ("diagonal", "more")
} | {(ANY, name): case for name, case in _OF_ANY.items()}


def comparisons(arrays: Arrays, kind: str, name: str) -> list[Comparison]:
    """Returns the comparisons of one of ``CASES``."""
    return list(CASES[kind, name](select(arrays, kind)))


def _run_published(python: Path, seed: int | None) -> dict:
    script = Path(__file__).with_name("make_reference.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.npz"
        command = [str(python), str(script), "--out", str(path)]
        command += [] if seed is None else ["--seed", str(seed)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return load(path)


def main() -> None:
    """Prints the table; exits with 1 if anything differs."""
    parser = argparse.ArgumentParser(description="Compares with the published code.")
    parser.add_argument("--arrays", type=Path, default=STORED)
    parser.add_argument("--live", type=Path, metavar="PYTHON")
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if arguments.live:
        arrays = _run_published(arguments.live, arguments.seed)
    else:
        arrays = load(arguments.arrays)
    print(", ".join(f"{key} {value}" for key, value in metadata(arrays).items()))
    print("largest difference, relative to the largest value (or 1) <= tolerance")
    num_differing = 0
    for kind, name in CASES:
        lines = comparisons(arrays, kind, name)
        num_differing += sum(not line.agrees for line in lines)
        print(f"\n{name}, {kind} covariances" if kind != ANY else f"\n{name}")
        print("\n".join(f"  {line}" for line in lines))
    print(f"\n{num_differing} differ" if num_differing else "\nall agree")
    sys.exit(num_differing > 0)


if __name__ == "__main__":
    main()
