"""Runs the published SAMTRON on a target for some time or iterations; ``paired_timed.py`` calls it.

It needs the environment of ``make_reference.py``. The run's settings come from a JSON file,
``--settings``; for a Student-t mixture there is a file ``--instance``. The final mixture goes into
``--out``. The last line of output is JSON.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf

from benchmarks.differential.published_algorithm import build, configuration, store


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description="Runs the published SAMTRON for a while.")
    parser.add_argument("--target", required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--instance", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    start = time.perf_counter()
    tf.keras.utils.set_random_seed(arguments.seed)
    overrides = json.loads(arguments.settings.read_text())
    config = configuration(arguments.target, "SAMTRON", overrides, arguments.seed)
    algorithm = build(config, arguments.target, arguments.instance)
    iterations = 0
    while iterations < arguments.iterations and time.perf_counter() - start < arguments.seconds:
        algorithm.train_iter()
        iterations += 1
    seconds = time.perf_counter() - start
    store(algorithm.model, arguments.out)
    figures = {
        "iterations": iterations,
        "evaluations": int(algorithm.sample_db.num_samples_written.numpy()),
        "seconds": seconds,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
