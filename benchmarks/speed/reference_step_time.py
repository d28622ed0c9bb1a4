"""Times the published code's steps; ``paired.py`` calls it with that code's own interpreter.

The last line of output is JSON.
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

from benchmarks.peers.published_algorithm import build, configuration
from benchmarks.speed.workloads import BY_NAME, WARM_UP

NEVER = 10**6


def main() -> None:
    """Times one workload."""
    parser = argparse.ArgumentParser(description="Times the published code's steps.")
    parser.add_argument("name", choices=list(BY_NAME))
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--instance", type=Path, required=True)
    given = parser.parse_args()
    workload = BY_NAME[given.name]
    tf.keras.utils.set_random_seed(0)
    overrides = json.loads(given.settings.read_text())
    overrides["model_initialization.num_initial_components"] = workload.components
    if "A" in workload.codename:
        overrides["num_component_adapter.add_iters"] = NEVER
    config = configuration(workload.target, workload.codename, overrides, 0)
    algorithm = build(config, workload.target, given.instance)
    start = time.perf_counter()
    for _ in range(WARM_UP):
        algorithm.train_iter()
    compile_seconds = time.perf_counter() - start
    seconds = []
    for _ in range(workload.num_steps):
        start = time.perf_counter()
        algorithm.train_iter()
        seconds.append(time.perf_counter() - start)
    if len(algorithm.model.log_weights.numpy()) != workload.components:
        raise AssertionError(f"{given.name}: the number of components changed")
    print(json.dumps({"seconds": seconds, "compile_seconds": compile_seconds}))


if __name__ == "__main__":
    main()
