"""Runs spread over devices; a process of its own has several of them on a CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gmmvi_jax as gmmvi

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
import json, sys
import jax
jax.config.update("jax_num_cpu_devices", 4)
import jax.numpy as jnp, numpy as np
import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import run_chunk_of_many

def log_density(x, centre):
    return -0.5 * jnp.sum((x - centre) ** 2) - 0.1 * jnp.sum(x**4)

config = gmmvi.samtron(
    2, num_iterations=12, log_every=6, max_components=3, desired_samples=20, add_iters=5,
    diagnostic_samples=50,
)
centres = np.linspace(-2.0, 2.0, 16).reshape(8, 2).astype(np.float32)

def fitted(mesh, **settings):
    return gmmvi.train_many(config, log_density, range(8), data=centres, mesh=mesh, **settings)

alone = fitted(None)
spread = fitted(jax.make_mesh((4,), ("runs",)))
(leaf,) = {len(array.sharding.device_set) for array in jax.tree.leaves(spread.state)}
again = gmmvi.train_many(
    config.replace(num_iterations=18), log_density, range(8), data=centres, initial=spread,
    mesh=jax.make_mesh((2,), ("runs",)),
)
six = gmmvi.train_many(
    config, log_density, range(6), data=centres[:6], mesh=jax.make_mesh((4,), ("runs",))
)
text = str(run_chunk_of_many.lower(
    config.algorithm, again.target, jnp.asarray(centres), spread.state, 1,
    np.ones(8, bool), 6, False, jax.sharding.Mesh(np.array(jax.devices()), ("runs",)),
).compile().as_text())
print(json.dumps({
    "devices": leaf,
    "equal": [
        bool(np.array_equal(one, other))
        for one, other in zip(jax.tree.leaves(alone.gmms), jax.tree.leaves(spread.gmms))
    ],
    "uneven": [
        bool(np.array_equal(one, other))
        for one, other in zip(jax.tree.leaves(alone.gmms[:6]), jax.tree.leaves(six.gmms))
    ],
    "rows": sorted({len(array) for array in jax.tree.leaves(six.state)}),
    "iterations": again.history["iteration"][-1].tolist(),
    "collectives": sum(text.count(name) for name in ("all-reduce(", "all-gather(", "permute(")),
}))
"""


@pytest.mark.slow
def test_runs_on_four_devices_are_those_on_one():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == 4
    assert all(found["equal"])
    assert all(found["uneven"])
    assert found["rows"] == [6]
    assert found["iterations"] == [30] * 8
    assert found["collectives"] == 0


CONFIG = gmmvi.samtron(2, num_iterations=1, max_components=2, desired_samples=10)


def test_a_mesh_that_cannot_be_used():
    with pytest.raises(TypeError, match="mesh must be a mesh of devices"):
        gmmvi.train_many(CONFIG, lambda x: -x @ x, [0, 1, 2], mesh=2)  # type: ignore
