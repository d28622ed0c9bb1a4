"""Targets whose data are divided over devices, or processes."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.divided_data import mesh_of_data

ROOT = Path(__file__).resolve().parent.parent
REGRESSION = """
import json, re, sys
import jax
jax.config.update("jax_num_cpu_devices", {devices})
jax.config.update("jax_enable_x64", True)
{begin}
import jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import num_compilations, run_chunk
from gmmvi_jax.training.shared_run import everywhere

rng = np.random.default_rng(0)
inputs = rng.normal(size=(4096, 3))
labels = (inputs @ [0.5, -1.0, 2.0] + rng.logistic(size=4096) > 0.0).astype(float)

def log_density(data, w):
    logits = data[0] @ w
    log_likelihood = jnp.sum(data[1] * logits - jnp.logaddexp(0.0, logits))
    return log_likelihood - 0.5 * w @ w / 9.0

def of(data):
    return jax.tree_util.Partial(log_density, data)

config = gmmvi.samtron(
    3, prior_scale=3.0, num_iterations=20, log_every=5, max_components=4, desired_samples=40,
    diagnostic_samples=300,
)
"""
DEVICES = """
found = {}
alone = gmmvi.train(config, of((jnp.asarray(inputs), jnp.asarray(labels))))
default = jax.make_mesh((4,), ("rows",))
for name, mesh in {"default": default, "automatic": Mesh(default.devices, ("rows",))}.items():
    data = jax.device_put((inputs, labels), NamedSharding(mesh, PartitionSpec("rows")))
    before = num_compilations()
    result = gmmvi.train(config, of(data))
    found[name] = {
        "elbo": float(np.max(np.abs(result.history["elbo"] - alone.history["elbo"]))),
        "means": float(np.max(np.abs(result.gmm.means - alone.gmm.means))),
        "programs": num_compilations() - before,
        "verdicts": [each.diagnose().verdict for each in (alone, result)],
    }
mesh = Mesh(default.devices, ("rows",))
arguments = everywhere((config.algorithm, of(data), result.state), mesh)
text = str(run_chunk.lower(*arguments, 1, 5, mesh).compile().as_text())
fitted = gmmvi.fit(of(data), 3, verbose=False)
found |= {
    "has all rows": "4096" in text,
    "has its rows": "1024" in text,
    "exchanges": re.findall(r" (all-[a-z]+|collective-permute)\\(", text),
    "at draws": jax.vmap(of(data))(fitted.gmm.sample(0, 7)).shape,
    "fit": [str(fitted.status), float(fitted.history["elbo"][-1] - alone.history["elbo"][-1])],
}
try:
    gmmvi.train(config, of(data), mesh=default)
except ValueError as error:
    found["refused"] = str(error)
print(json.dumps(found))
"""
PROCESS = """
mesh = jax.make_mesh((2,), ("rows",))
rows = slice(2048 * jax.process_index(), 2048 * (jax.process_index() + 1))
data = tuple(
    jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("rows")), array[rows])
    for array in (inputs, labels)
)
result = gmmvi.fit(of(data), 3)
print(json.dumps([str(result.status), result.gmm.means[0].tolist(), result.diagnose().verdict]))
"""


def start(script: str, devices: int, begin: str = "") -> subprocess.Popen[str]:
    head = REGRESSION.replace("{devices}", str(devices)).replace("{begin}", begin)
    return subprocess.Popen(
        [sys.executable, "-c", head + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.slow
def test_data_on_four_devices_give_the_run_of_one():
    process = start(DEVICES, 4)
    output, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors[-2000:]
    found = json.loads(output.splitlines()[-1])
    for name in ("default", "automatic"):
        one = found[name]
        assert one["elbo"] < 1e-8, name
        assert one["means"] < 1e-8, name
        assert one["verdicts"][0] == one["verdicts"][1], name
    assert found["default"]["programs"] == 1
    assert found["automatic"]["programs"] == 0  # that of the other mesh
    assert not found["has all rows"]
    assert found["has its rows"]
    assert set(found["exchanges"]) == {"all-reduce"}
    assert len(found["exchanges"]) <= 2  # per chunk of samples, however many rows there are
    assert found["at draws"] == [7]
    assert found["fit"][0] == "converged"
    assert abs(found["fit"][1]) < 0.02
    assert "divided over 4 devices, which share all of the run already" in found["refused"]


@pytest.mark.slow
def test_data_of_two_processes_are_fitted_by_both():
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    processes = []
    for index in range(2):
        begin = f'jax.distributed.initialize("localhost:{port}", 2, {index})'
        processes.append(start(PROCESS, 1, begin))
    outputs = [process.communicate(timeout=400) for process in processes]
    first, second = (json.loads(output.splitlines()[-1]) for output, _ in outputs)
    assert first == second
    assert first[0] == "converged"
    np.testing.assert_allclose(first[1], [0.5, -1.0, 2.0], atol=0.2)
    assert first[2].startswith("nothing speaks against")
    assert "converged" in outputs[0][1]  # the first one tells
    assert "converged" not in outputs[1][1]


@pytest.mark.slow
def test_the_pages_example_runs_on_two_devices():
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (example,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        if "NamedSharding" in block
    )
    begin = 'import jax\njax.config.update("jax_num_cpu_devices", 2)\n'
    end = "print(result.status, len(rows.sharding.device_set), *np.asarray(result.gmm.means[0]))"
    done = subprocess.run(
        [sys.executable, "-c", begin + example + end],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    status, devices, *mean = done.stdout.split()
    assert (status, devices) == ("converged", "2")
    np.testing.assert_allclose([float(number) for number in mean], [0.0, 0.0], atol=0.05)


def test_data_that_are_traced_are_not_divided():
    gmm = gmmvi.GMM.from_moments([1.0], np.zeros((1, 2)), np.eye(2)[None])

    def elbo(rows):
        target = jax.tree_util.Partial(lambda data, x: -jnp.sum((data - x) ** 2), rows)
        return gmmvi.evaluation.elbo(gmm, target, 0, 1000).mean

    assert abs(float(jax.jit(elbo)(jnp.ones(2))) - (-4.0 + 1.0 + np.log(2.0 * np.pi))) < 0.5


def test_data_on_one_device_are_not_divided():
    target = jax.tree_util.Partial(lambda data, x: -jnp.sum((data - x) ** 2), jnp.ones(3))
    assert mesh_of_data(target) is None
    assert mesh_of_data(as_log_density(lambda x: -x @ x)) is None
    assert as_log_density(target).args[0] is target.args[0]
