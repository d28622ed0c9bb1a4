"""The table of step times, ours and the published code's in turn.

``python -m benchmarks speed [--vs-reference] [--targets NAME ...] [--rounds 3]``. Every process
warms up before it is timed; rounds alternate, since this kind of machine changes its speed within
minutes. Medians are over all measurements of all rounds; the ratio is the median of the rounds'.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.differential.instance import store_instance
from benchmarks.peers.tensorflow_environment import reference_python
from benchmarks.speed.workloads import WORKLOADS, Workload
from benchmarks.table import write_results

REPOSITORY = Path(__file__).parents[2]


def _run(command: list[str]) -> dict[str, Any]:
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    return json.loads(output.stdout.splitlines()[-1])


def time_ours(workload: Workload) -> dict[str, Any]:
    """Times this package in a process of its own."""
    return _run([sys.executable, "-m", "benchmarks.speed.step_time", workload.target])


def time_reference(workload: Workload) -> dict[str, Any]:
    """Times the published code, on the same instance of the target."""
    import gmmvi_jax as gmmvi
    from gmmvi_jax.variants.published import published_settings

    name = workload.target
    with tempfile.TemporaryDirectory() as folder:
        settings, instance = Path(folder) / "settings.json", Path(folder) / "instance.npz"
        settings.write_text(json.dumps(published_settings()["SAMTRON"][name]))
        store_instance(gmmvi.targets.get(name, 0), instance)
        module = "benchmarks.speed.reference_step_time"
        command = [str(reference_python()), "-m", module, name]
        return _run([*command, "--settings", str(settings), "--instance", str(instance)])


def compare(workload: Workload, rounds: int, with_reference: bool) -> dict[str, Any]:
    """Returns the medians of one line of the table, and the ratio of each round."""
    ours, reference, ratios = [], [], []
    compile_seconds = 0.0
    for _ in range(rounds):
        figures = time_ours(workload)
        compile_seconds = figures["compile_seconds"]
        ours.extend(figures["seconds"])
        if with_reference:
            theirs = time_reference(workload)["seconds"]
            reference.extend(theirs)
            ratios.append(statistics.median(theirs) / statistics.median(figures["seconds"]))
    line: dict[str, Any] = {
        "target": workload.target,
        "components": workload.components,
        "ours_ms": 1e3 * statistics.median(ours),
        "compile_seconds": compile_seconds,
    }
    if with_reference:
        line["reference_ms"] = 1e3 * statistics.median(reference)
        line["ratios"] = ratios
        line["asked"] = workload.asked
    return line


def show(line: dict[str, Any]) -> str:
    """Returns a line of the table."""
    text = f"{line['target']:<15} K {line['components']:>3}  {line['ours_ms']:7.1f} ms"
    if "reference_ms" not in line:
        return f"{text}, compiled in {line['compile_seconds']:.1f} s"
    ratio = statistics.median(line["ratios"])
    judged = "met" if ratio >= line["asked"] else "NOT MET"
    return f"{text}  {line['reference_ms']:7.1f} ms  {ratio:5.1f} (>= {line['asked']:g}) {judged}"


def compare_all(targets: list[str] | None, rounds: int, with_reference: bool, out: Path) -> None:
    """Measures and prints the table, and writes it."""
    print("workload                  ours" + ("   reference  ratio" if with_reference else ""))
    lines = []
    for workload in WORKLOADS:
        if targets is None or workload.target in targets:
            lines.append(compare(workload, rounds, with_reference))
            print(show(lines[-1]), flush=True)
    write_results(out, lines)
