"""``python -m benchmarks.device --minutes M [--out DIR] [--parts NAME ...]``.

Measures on a machine with an accelerator what cannot be decided without one, beside that machine's
CPU. Needs jax, optax, chex and numpy, and a checkout; the package need not be installed. This
process leaves the device to those that it starts, one after the other.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.device.budget import Budget, Figures
from benchmarks.device.parts import PARTS, Part
from benchmarks.device.processes import GRACE, figures_of_process
from benchmarks.device.record import write_part
from benchmarks.device.setting import DEVICE

START_SECONDS = 5.0  # of a process: importing, and waking the device


def run_part(part: Part, budget: Budget, tiny: bool, out: Path, about: Figures) -> list[Figures]:
    """Measures a part, writes its file after every line, and returns the lines."""
    lines: list[Figures] = []
    path = out / f"{part.name}.json"

    def write(status: str) -> None:
        summary = part.summarise(lines)
        content = {"part": part.name, "status": status, "summary": summary, "lines": lines}
        write_part(path, about | content)

    for number, (place, share) in enumerate(part.processes):
        own = budget.share(share)
        skipped = own.refusal(f"{part.name} on the {place}", START_SECONDS)
        log = out / "logs" / f"{part.name}-{place}-{number}.txt"
        found = [skipped] if skipped else figures_of_process(part.name, place, own, tiny, log)
        for figures in found:
            lines.append({"place": place} | figures)
            write("running")
    write("done")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Measures the parts; returns 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="that all of it may take")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/device"))
    names = [part.name for part in PARTS]
    parser.add_argument("--parts", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--tiny", action="store_true", help="sizes of a test, to see that it runs")
    given = parser.parse_args(arguments)
    budget = Budget.of_seconds(60.0 * given.minutes - GRACE)
    log = given.out / "logs" / "machine.txt"
    seen = list(figures_of_process("machine", DEVICE, budget, given.tiny, log))
    about = {"machine": seen[0] if seen else {}, "minutes": given.minutes, "tiny": given.tiny}
    print(", ".join(f"{name} {value}" for name, value in about["machine"].items()), flush=True)
    failed = False
    parts = [part for part in PARTS if part.name in given.parts]
    for part in parts:
        own = budget.share(1.0 if part is parts[-1] else part.share)
        lines = run_part(part, own, given.tiny, given.out, about)
        print(f"\n{part.name}, {budget.left():.0f} s are left")
        print("\n".join(part.show(lines)))
        for line in lines:
            for kind in ("skipped", "failed"):
                if kind in line:
                    print(f"{kind} ({line['place']}): {line[kind]}")
                    failed = failed or kind == "failed"
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
