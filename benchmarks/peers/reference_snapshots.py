"""Runs the TensorFlow reference and stores its mixture now and then.

``gmmvi_tensorflow.py`` calls it with the interpreter of the reference's own environment. The last
line of output is JSON.
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

from benchmarks.peers.published_algorithm import build, configuration, store


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description="Snapshots of the TensorFlow reference.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--codename", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--evaluations", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--log-every", type=int, required=True)
    parser.add_argument("--started", type=float, required=True, help="time.time() of the caller")
    given = parser.parse_args()

    def elapsed() -> float:
        return time.time() - given.started

    tf.keras.utils.set_random_seed(given.seed)
    overrides = json.loads((given.folder / "settings.json").read_text())
    config = configuration(given.target, given.codename, overrides, given.seed)
    algorithm = build(config, given.target, given.folder / "instance.npz")
    model, rows, iteration, evaluations = algorithm.model, [], 0, 0
    import_seconds = elapsed()
    first_seconds = None
    is_last = False  # one step is taken, however long the import took
    while not is_last:
        algorithm.train_iter()
        iteration += 1
        evaluations = int(algorithm.sample_db.num_samples_written.numpy())
        if first_seconds is None:
            first_seconds = elapsed() - import_seconds
        seconds = elapsed()
        is_last = evaluations >= given.evaluations or seconds >= given.seconds
        if iteration % given.log_every == 0 or iteration == 1 or is_last:
            store(model, given.folder / f"mixture_{iteration}.npz")
            row = {"iteration": iteration, "evaluations": evaluations, "seconds": seconds}
            rows.append(row | {"components": len(model.log_weights.numpy())})
    said = {"rows": rows, "import_seconds": import_seconds, "first_step_seconds": first_seconds}
    print(json.dumps(said | {"tensorflow": tf.__version__}))


if __name__ == "__main__":
    main()
