"""One run, in a process of its own: ``python -m benchmarks.worker RECORD < specification``."""

import json
import sys
import traceback
from pathlib import Path

from benchmarks.clock import Clock
from benchmarks.methods import UnavailableError, fit
from benchmarks.problem import Problem
from benchmarks.run_record import write_record
from benchmarks.specification import Specification


def work(specification: Specification, path: Path, clock: Clock) -> None:
    """Makes a run and writes its record."""
    clock.listen()
    import gmmvi_jax as gmmvi
    from benchmarks.metrics import Metrics, thinned

    target = gmmvi.targets.get(specification.target, specification.seed)
    problem = Problem(
        target,
        specification.seed,
        specification.settings,
        specification.max_evaluations,
        specification.max_seconds,
        clock,
    )
    import_seconds = clock.seconds()
    said = fit(specification.method, problem)
    metrics = Metrics(target, specification.seed)
    snapshots = problem.snapshots
    write_record(
        path,
        specification,
        "done",
        import_seconds=import_seconds,
        rows=[metrics.row(snapshot) for snapshot in thinned(snapshots)],
        final=metrics.final(snapshots[-1]),
        said=said,
    )


def main() -> None:
    """Reads the specification from standard input; failures become records too."""
    path = Path(sys.argv[1])
    specification = Specification(**json.loads(sys.stdin.read()))
    try:
        work(specification, path, Clock())
    except UnavailableError as error:
        write_record(path, specification, "skipped", reason=str(error))
    except Exception as error:  # the suite goes on; the record and standard error say what it was
        traceback.print_exc()
        write_record(path, specification, "failed", reason=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
