"""One run whose steps several devices, or processes, share."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import gmmvi_jax as gmmvi

ROOT = Path(__file__).resolve().parent.parent

DEVICES = """
import json
import jax
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np
import gmmvi_jax as gmmvi

def density(x):
    return -0.5 * jnp.sum(x**2) - 0.1 * jnp.sum((x - 1.0) ** 4)

class Noisy:
    is_stochastic = True
    def __call__(self, x, key):
        return density(x) + 0.01 * jax.random.normal(key, (), x.dtype)

def half(x):
    return jnp.where(x[0] > 0.0, density(x), -jnp.inf)

def on_host(x):
    return float(-0.5 * np.sum(x**2))

settings = dict(
    num_iterations=24, log_every=8, max_components=6, desired_samples=41, add_iters=6,
    diagnostic_samples=300,
)
more = {"reuse_ratio": 2.0, "num_prior_samples": 30}
rows = {
    "reuse": ("SAMTRON", density, more),
    "one at a time": ("SAMTRON", density, {"max_chunk_bytes": 1}),
    "zero order": ("ZAMTRUX", density, {"del_iters": 4}),
    "stochastic": ("SAMTRON", Noisy(), {}),
    "edge": ("SAMTRON", half, {}),
    "host": ("ZAMTRUX", gmmvi.densities.black_box(on_host, dim=2, batched=False), {}),
}
mesh = jax.make_mesh((2, 2), ("a", "b"))
found = {}
for name, (codename, target, own) in rows.items():
    config = gmmvi.from_codename(codename, 2, **(settings | own))
    alone, shared = (gmmvi.train(config, target, mesh=each) for each in (None, mesh))
    heavy = np.asarray(alone.gmm.weights) > 1e-6
    arrays = [(each.gmm.weights, each.gmm.means, each.gmm.factors) for each in (alone, shared)]
    pairs = [(np.asarray(one)[heavy], np.asarray(other)[heavy]) for one, other in zip(*arrays)]
    found[name] = {
        "difference": max(float(np.max(np.abs(one - other))) for one, other in pairs),
        "elbo": float(np.max(np.abs(alone.history["elbo"] - shared.history["elbo"]))),
        "counts": [
            np.array_equal(alone.history[key], shared.history[key])
            for key in ("num_components", "num_target_evaluations", "num_added", "num_deleted")
        ],
        "devices": len(jax.tree.leaves(shared.state)[0].devices()),
        "status": str(shared.status),
    }
print(json.dumps(found))
"""

PROCESS = """
import json, sys
import jax
process, count, port, iterations, directory = sys.argv[1:]
jax.config.update("jax_num_cpu_devices", 1)
if int(count) > 1:
    jax.distributed.initialize(
        f"localhost:{port}", int(count), int(process), heartbeat_timeout_seconds=10
    )
import jax.numpy as jnp
import gmmvi_jax as gmmvi

def density(x):
    return -0.5 * jnp.sum(x**2) - 0.1 * jnp.sum((x - 1.0) ** 4)

config = gmmvi.samtron(
    2, num_iterations=int(iterations), log_every=10, max_components=6, desired_samples=40,
    add_iters=6, diagnostic_samples=300,
)
result = gmmvi.train(
    config, density, mesh=jax.make_mesh((int(count),), ("devices",)), resume=directory,
    callbacks=lambda state, row: print("row", row["iteration"], flush=True),
    until=gmmvi.TimeLimit(3600.0),
)
result.raise_for_status()
history = {name: result.history[name].tolist() for name in ("elbo", "num_components", "wall_time")}
print(json.dumps(history | {"means": result.gmm.means.tolist()}))
"""


@pytest.mark.slow
def test_a_run_on_four_devices_is_that_on_one():
    done = subprocess.run(
        [sys.executable, "-c", DEVICES], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name, row in json.loads(done.stdout.splitlines()[-1]).items():
        assert row["difference"] < 1e-8, name
        assert row["elbo"] < 1e-8, name
        assert all(row["counts"]), name
        assert row["devices"] == 1, name
        assert row["status"] == "completed", name


def start_processes(count: int, iterations: int, directory: Path) -> list[subprocess.Popen]:
    """Starts processes that share a run."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        arguments = (count, free.getsockname()[1], iterations, directory)
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROCESS,
                *map(str, (process, *arguments)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        for process in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_processes_that_share_a_run_come_to_the_result_of_one(count, tmp_path):
    outputs = {}
    for number in (1, count):
        started = start_processes(number, 30, tmp_path / str(number))
        outputs[number] = [each.communicate(timeout=400)[0].splitlines() for each in started]
        assert [each.returncode for each in started] == [0] * number
    (alone,) = (json.loads(lines[-1]) for lines in outputs[1])
    results = [json.loads(lines[-1]) for lines in outputs[count]]
    assert all(result == results[0] for result in results)  # the clock of the first among them
    np.testing.assert_allclose(results[0]["elbo"], alone["elbo"], atol=1e-3)
    np.testing.assert_allclose(results[0]["means"], alone["means"], atol=1e-3)
    assert results[0]["num_components"] == alone["num_components"]
    # Only the first calls back.
    assert [sum(line.startswith("row") for line in lines) for lines in outputs[count]] == [
        3,
        *[0] * (count - 1),
    ]


@pytest.mark.slow
def test_the_pages_two_processes_run(tmp_path):
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (script,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "fit.py" in block
    )
    (tmp_path / "fit.py").write_text(script, encoding="utf-8")
    (command,) = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        command.replace("python", sys.executable) + "wait",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=400,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stderr.count("converged") == 1, done.stderr[-2000:]
    assert gmmvi.load(tmp_path / "run").status == "converged"


@pytest.mark.slow
def test_where_one_process_is_killed_the_others_end_and_the_run_goes_on_with_fewer(tmp_path):
    directory = tmp_path / "run"
    first, second = start_processes(2, 1_000_000, directory)
    assert first.stdout is not None
    while first.stdout.readline().strip() != "row 50":
        assert first.poll() is None
    os.kill(second.pid, signal.SIGKILL)
    second.communicate()
    killed = time.monotonic()
    first.communicate(timeout=120)
    assert first.returncode != 0
    assert time.monotonic() - killed < 60.0
    done = gmmvi.load(directory).history["iteration"][-1]
    assert done >= 10
    (alone,) = start_processes(1, int(done) + 10, directory)
    lines = alone.communicate(timeout=300)[0].splitlines()
    assert alone.returncode == 0
    assert lines[0] == f"row {done + 10}"


@pytest.mark.parametrize("call", [gmmvi.train, gmmvi.fit])
def test_a_mesh_that_is_none(call):
    first = gmmvi.samtron(2) if call is gmmvi.train else lambda x: -x @ x
    second = (lambda x: -x @ x) if call is gmmvi.train else 2
    with pytest.raises(TypeError, match="mesh must be a mesh of devices, such as"):
        call(first, second, mesh=jax.devices())
