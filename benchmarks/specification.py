"""What one run of a suite is: a method, a target, a seed and settings; all of it JSON."""

import dataclasses
import json
import re
from typing import Any


@dataclasses.dataclass(frozen=True)
class Specification:
    """One run.

    Attributes:
        suite: that it belongs to.
        label: its row in the report's tables; runs that differ in the seed alone share it.
        method: a name of ``benchmarks.methods.METHODS``.
        target: as in ``gmmvi_jax.targets.names()``.
        seed: of the run, and of the target's instance where it has several.
        settings: of the method.
        max_evaluations: the run ends when it has used as many.
        max_seconds: or when it has taken so long, importing and compiling included.
    """

    suite: str
    label: str
    method: str
    target: str
    seed: int
    settings: dict[str, Any]
    max_evaluations: int
    max_seconds: float

    @property
    def file_name(self) -> str:
        """The name of the run's record; unique within a suite."""
        stem = f"{self.suite}-{self.target}-{self.label}-seed{self.seed}"
        return re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem) + ".json"

    def to_json(self) -> dict[str, Any]:
        """Returns it as what a JSON file gives back."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def across_seeds(specification: Specification, seeds: int) -> list[Specification]:
    """Returns the run with seeds 0 to ``seeds - 1``."""
    return [dataclasses.replace(specification, seed=seed) for seed in range(seeds)]
