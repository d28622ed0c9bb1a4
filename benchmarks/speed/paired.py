"""Milliseconds of a step with a fixed number of components, here and in the TensorFlow reference.

Every process warms up before it is timed. Rounds alternate, since a shared machine changes its
speed within minutes. Medians are over all measurements of all rounds; the ratio is the median of
the rounds' ratios.
"""

import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers.instance import store_instance
from benchmarks.peers.tensorflow_environment import reference_python
from benchmarks.speed.workloads import BY_NAME, Workload
from benchmarks.table import in_own_process, table_parser, write_results

REPOSITORY = Path(__file__).parents[2]
MAX_COMPONENTS = 128


def time_reference(workload: Workload) -> dict[str, Any]:
    """Times the published code, on the same instance of the target."""
    import gmmvi_jax as gmmvi
    from gmmvi_jax.variants.published import published_settings

    name = workload.target
    with tempfile.TemporaryDirectory() as folder:
        settings, instance = Path(folder) / "settings.json", Path(folder) / "instance.npz"
        settings.write_text(json.dumps(published_settings()[workload.codename][name]))
        store_instance(gmmvi.targets.get(name, 0), instance)
        module = "benchmarks.speed.reference_step_time"
        command = [str(reference_python()), "-m", module, workload.name]
        command += ["--settings", str(settings), "--instance", str(instance)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    return json.loads(output.stdout.splitlines()[-1])


def compare(workload: Workload, rounds: int, with_reference: bool) -> dict[str, Any]:
    """Returns the medians of one line of the table, and the ratio of each round."""
    # The study has neither settings for choice I nor diagonal covariances.
    with_reference = with_reference and not workload.diagonal and "I" not in workload.codename
    ours, reference, ratios = [], [], []
    compile_seconds = 0.0
    for _ in range(rounds):
        figures = in_own_process("speed", [workload.name])
        compile_seconds = figures["compile_seconds"]
        ours.extend(figures["seconds"])
        if with_reference:
            theirs = time_reference(workload)["seconds"]
            reference.extend(theirs)
            ratios.append(statistics.median(theirs) / statistics.median(figures["seconds"]))
    line: dict[str, Any] = {
        "name": workload.name,
        "components": workload.components,
        "ours_ms": 1e3 * statistics.median(ours),
        "compile_seconds": compile_seconds,
    }
    if with_reference:
        line["reference_ms"] = 1e3 * statistics.median(reference)
        line["ratios"] = ratios
        line["goal"] = workload.goal
    return line


def show(line: dict[str, Any]) -> str:
    """Returns a line of the table."""
    text = f"{line['name']:<23} K {line['components']:>3}  {line['ours_ms']:7.1f} ms"
    if "reference_ms" not in line:
        return f"{text}, compiled in {line['compile_seconds']:.1f} s"
    ratio = statistics.median(line["ratios"])
    text = f"{text}  {line['reference_ms']:7.1f} ms  {ratio:5.1f}"
    if line["goal"] is None:
        return text
    return f"{text} (>= {line['goal']:g}) {'met' if ratio >= line['goal'] else 'NOT MET'}"


def main(arguments: list[str]) -> None:
    """Measures and prints the table, and writes it."""
    parser = table_parser("speed", __doc__, list(BY_NAME))
    parser.add_argument("--vs-reference", action="store_true", help="beside the TensorFlow code's")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    if given.worker:
        from benchmarks.speed.step_time import step_seconds

        print(json.dumps(step_seconds(BY_NAME[given.worker[0]], MAX_COMPONENTS)))
        return
    print(
        "workload                          ours"
        + ("   reference  ratio" if given.vs_reference else "")
    )
    lines = []
    for name in given.names:
        lines.append(compare(BY_NAME[name], given.rounds, given.vs_reference))
        print(show(lines[-1]), flush=True)
    write_results(given.out, lines)
