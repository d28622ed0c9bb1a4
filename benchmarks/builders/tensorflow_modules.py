"""Stores what the modules of the TensorFlow reference compute; ``differential_reference`` calls it.

The arrays are named ``covariance/choice/variant/quantity``, the inputs ``covariance/inputs/name``;
``metadata`` is a JSON text with the versions and the seed.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

# What follows exists in the TensorFlow environment only.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.builders.tensorflow_estimates import (
    TEMPERATURE,
    Arrays,
    run_densities,
    run_estimators,
    run_reuse,
)
from benchmarks.builders.tensorflow_updates import (
    run_component_stepsizes,
    run_component_updaters,
    run_weight_stepsizes,
    run_weight_updaters,
)
from tests.differential import inputs

tf.get_logger().setLevel("CRITICAL")  # it warns of deprecations in the published code


def make_reference(seed: int) -> Arrays:
    """Returns all inputs and outputs, and the metadata."""
    metadata = {
        "gmmvi": "1.1",
        "tensorflow": tf.__version__,
        "tensorflow_probability": tfp.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "seed": seed,
        "temperature": TEMPERATURE,
    }
    arrays: Arrays = {"metadata": np.array(json.dumps(metadata))}
    for name, diagonal in {"full": False, "diagonal": True}.items():
        mixture = inputs.make_mixture(diagonal, seed)
        natural = inputs.make_natural_gradients(mixture, diagonal, seed)
        earlier = inputs.make_earlier(mixture, diagonal, seed)
        ridges = {f"ridge_{key}": np.array(r, "f4") for key, r in inputs.RIDGE_FACTORS.items()}
        given = mixture | natural | earlier | ridges
        found = (
            {f"inputs/{key}": value for key, value in given.items()}
            | run_densities(mixture)
            | run_reuse(mixture, earlier)
            | run_estimators(mixture, diagonal)
            | run_component_updaters(mixture, natural, diagonal)
            | run_weight_updaters(mixture)
        )
        arrays |= {f"{name}/{key}": value for key, value in found.items()}
    histories = inputs.make_rewards(seed)
    found = (
        {f"inputs/{key}": value for key, value in histories.items()}
        | run_component_stepsizes(histories)
        | run_weight_stepsizes(inputs.make_mixture(False, seed), histories)
    )
    return arrays | {f"any/{key}": value for key, value in found.items()}


if __name__ == "__main__":
    arrays = make_reference(int(sys.argv[2]))
    np.savez_compressed(Path(sys.argv[1]), allow_pickle=False, **arrays)
    print(f"{sys.argv[1]}: {len(arrays)} arrays")
