"""Runs of ``train_many`` that end at different iterations: kept, gone on with, and shown."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmmvi_jax as gmmvi

from .test_train_many_data import CONFIG as SHORT

ROOT = Path(__file__).resolve().parent.parent
SEEDS = (0, 1, 2)
CONFIG = SHORT.replace(num_iterations=30)


def log_density(x):
    return -0.5 * x @ x


class EndsFirst:
    """Ends the run whose first row this is after ten iterations."""

    def __init__(self) -> None:
        self.first: float | None = None

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> gmmvi.Ending | None:
        if self.first is None:
            self.first = rows[0]["elbo"]
        is_due = rows[0]["elbo"] == self.first and rows[-1]["iteration"] >= 10
        return gmmvi.Ending(gmmvi.Status.CONVERGED) if is_due else None


@pytest.fixture(scope="module")
def rule() -> EndsFirst:
    return EndsFirst()


@pytest.fixture(scope="module")
def whole(rule) -> gmmvi.TrainManyResult:
    return gmmvi.train_many(CONFIG, log_density, SEEDS, until=rule)


@pytest.fixture(scope="module")
def stopped(rule, whole, tmp_path_factory) -> Path:
    """Returns the directory of the same runs, stopped after 20 iterations."""
    directory = tmp_path_factory.mktemp("stopped") / "runs"

    def stop(state, rows):
        return max(row["iteration"] for row in rows) >= 20

    gmmvi.train_many(CONFIG, log_density, SEEDS, until=rule, callbacks=stop, checkpoint=directory)
    return directory


def iterations_of(directory: Path) -> list[list[int]]:
    runs = [gmmvi.load(directory / f"run-{index}") for index in range(3)]
    return [run.history["iteration"].tolist() for run in runs]


def test_a_run_keeps_its_own_rows(stopped):
    assert iterations_of(stopped) == [[5, 10], [5, 10, 15, 20], [5, 10, 15, 20]]


def test_they_go_on_as_if_they_had_never_ended(stopped, rule, whole, tmp_path):
    assert whole.history["iteration"][-1].tolist() == [10, 30, 30]
    runs = shutil.copytree(stopped, tmp_path / "runs")
    resumed = gmmvi.train_many(CONFIG, log_density, SEEDS, until=rule, resume=runs)
    assert resumed.statuses == ("converged", "completed", "completed")
    for one, other in zip(resumed.gmms, whole.gmms, strict=True):
        np.testing.assert_array_equal(one.means, other.means)
    np.testing.assert_array_equal(resumed.history["elbo"], whole.history["elbo"])
    assert iterations_of(runs)[0] == [5, 10]


def test_one_that_had_ended_goes_on_where_nothing_ends_it(stopped, whole, tmp_path):
    runs = shutil.copytree(stopped, tmp_path / "runs")
    resumed = gmmvi.train_many(CONFIG, log_density, SEEDS, resume=runs)
    assert resumed.history["iteration"][-1].tolist() == [30, 30, 30]
    alone = gmmvi.train_many(CONFIG, log_density, SEEDS)
    for one, other in zip(resumed.gmms, alone.gmms, strict=True):
        np.testing.assert_array_equal(one.means, other.means)


def test_a_process_that_was_killed_while_it_wrote_loses_nothing(stopped, rule, whole, tmp_path):
    runs = shutil.copytree(stopped, tmp_path / "runs")
    newest = max((runs / "run-1").glob("snapshot-*"))
    newest.unlink()
    resumed = gmmvi.train_many(CONFIG, log_density, SEEDS, until=rule, resume=runs)
    for one, other in zip(resumed.gmms, whole.gmms, strict=True):
        np.testing.assert_array_equal(one.means, other.means)


def test_in_float64_they_end_and_use_their_budgets_as_well(float64):
    until = [EndsFirst(), gmmvi.EvaluationBudget(1_200)]
    result = gmmvi.train_many(CONFIG, log_density, SEEDS, until=until)
    assert result.gmms[0].means.dtype == np.float64
    assert result.statuses == ("converged", "budget spent", "budget spent")
    assert result.run(0).history["iteration"].tolist() == [5, 10]
    for index in (1, 2):
        history = result.run(index).history
        counts = [history[f"num_{kind}_evaluations"][-1] for kind in ("target", "diagnostic")]
        assert 1_200 - 50 - 1.5 * 40 < sum(counts) <= 1_200  # what one more would take
        assert np.diff(history["iteration"])[-1] < 5  # the last chunks are shorter


def test_a_run_that_had_ended_has_its_budget_left(stopped, tmp_path):
    run = shutil.copytree(stopped / "run-0", tmp_path / "run")
    config = CONFIG.replace(seed=0)
    until = [gmmvi.EvaluationBudget(1_000_000), gmmvi.TimeLimit(1e6)]
    result = gmmvi.train(config, log_density, resume=run, until=until)
    assert result.history["iteration"].tolist() == [5, 10, 15, 20, 25, 30]


PADDED = """
import json, sys
import jax
jax.config.update("jax_num_cpu_devices", 4)
import numpy as np
import gmmvi_jax as gmmvi
from tests.test_runs_that_end import CONFIG, log_density

seen = []
mesh = jax.make_mesh((4,), ("runs",))
result = gmmvi.train_many(
    CONFIG, log_density, range(6), mesh=mesh,
    callbacks=lambda state, rows: seen.append((len(state.iteration), len(rows))),
)
rows = jax.device_put(
    np.ones((6, 4), np.float32),
    jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "runs")),
)
refused = []
target = jax.tree_util.Partial(lambda data, x: -x @ x, rows)
for density, data in ((target, None), (lambda x, data: -x @ x, rows)):
    try:
        gmmvi.train_many(CONFIG, density, range(6), data=data)
    except ValueError as error:
        refused.append(str(error))
print(json.dumps({"seen": seen, "rows": len(result.state.iteration), "refused": refused}))
"""


@pytest.mark.slow
def test_what_fills_up_the_devices_is_not_shown():
    done = subprocess.run(
        [sys.executable, "-c", PADDED], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["seen"] == [[6, 6]] * 6
    assert found["rows"] == 6
    assert len(found["refused"]) == 2
    assert all("cannot take data that are divided" in words for words in found["refused"])
