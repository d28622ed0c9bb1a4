"""A black box that raises while two devices share a run; a process of its own has them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import json, sys, warnings
import jax
jax.config.update("jax_num_cpu_devices", 2)
import numpy as np
import gmmvi_jax as gmmvi

asked = []

def log_density(points):
    asked.append(len(points))
    if sum(asked) > most:
        raise ArithmeticError("the simulator lost its mesh")
    return -0.5 * np.sum(points**2, axis=1)

config = gmmvi.vips(
    2, num_iterations=10, log_every=5, max_components=2, desired_samples=20, diagnostic_samples=20
)
box, mesh = gmmvi.densities.black_box(log_density), jax.make_mesh((2,), ("devices",))
warnings.simplefilter("ignore")
most = 190
result = gmmvi.train(config, box, mesh=mesh)
asked.clear()
most = 60
try:
    gmmvi.train(config, box, mesh=mesh)
except Exception as error:
    raised = repr(error)
asked.clear()
most = 10_000
alone, shared = gmmvi.train(config, box), gmmvi.train(config, box, mesh=mesh)
print(json.dumps({
    "status": str(result.status), "reason": result.ending.reason, "raised": raised,
    "iterations": result.history["iteration"].tolist(),
    "difference": float(np.max(np.abs(alone.gmm.mean() - shared.gmm.mean()))),
}))
"""


@pytest.mark.slow
def test_a_black_box_that_raises_does_not_end_the_process():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == "failed"
    assert found["reason"] == "ArithmeticError: the simulator lost its mesh"
    assert found["iterations"] == [5]
    assert found["raised"] == "ArithmeticError('the simulator lost its mesh')"
    assert found["difference"] < 1e-4
