"""README and gate hold together, and the Python of the README and the docs pages runs."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def bash_blocks() -> list[str]:
    return re.findall(r"```bash\n(.*?)```", README, re.DOTALL)


def run_python(page: str, names: dict[str, Any]) -> None:
    """Runs the Python blocks of a page, one after the other, on the same names."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, page, "exec"), names)


def test_readme_has_two_commands_of_one_line_each():
    blocks = bash_blocks()
    assert len(blocks) == 2
    for block in blocks:
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_gate_runs_the_readme_test_command_as_it_stands():
    command = bash_blocks()[1].strip()
    assert "pytest" in command
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_gate_checks_lint_format_and_types_from_that_environment():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for tool in ("ruff check", "ruff format --check", "basedpyright"):
        assert f".venv/bin/{tool}" in lines


def test_every_page_with_python_is_run_here():
    with_python = [p for p in PAGES if "```python" in (ROOT / "docs" / p).read_text("utf-8")]
    # Of scale.md in test_shared_run.py, since it takes two processes.
    assert with_python == ["densities.md", "how_to.md", "scale.md", "start.md", "using.md"]


def test_everyday_tasks_take_at_most_five_lines():
    text = (ROOT / "docs" / "how_to.md").read_text(encoding="utf-8")
    tasks = re.split(r"\n## ", text)[1:]
    assert len(tasks) == 16
    for task in tasks:
        (block,) = re.findall(r"```python\n(.*?)```", task, re.DOTALL)
        assert len([line for line in block.splitlines() if line.strip()]) <= 5, task


@pytest.mark.slow
def test_the_first_ten_minutes_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python("docs/start.md", {"print": lambda *_: None})
    assert (tmp_path / "two_modes.png").stat().st_size > 10_000
    assert gmmvi.load("two_modes").status == "converged"


@pytest.mark.slow
def test_everyday_tasks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"print": lambda *_: None}
    run_python("docs/how_to.md", names)
    assert np.allclose(np.mean(names["draws"]["slopes"], axis=0), [1.0, -0.5], atol=0.3)
    assert names["unseen"]["y"].shape == (500, 5)
    assert names["curves"].shape == (500, 100)
    assert names["mean"].standard_error < 0.01
    assert set(names["tree"].children) == {"posterior", "sample_stats", "log_likelihood"}
    np.testing.assert_allclose(names["modes"].masses, [0.5, 0.5], atol=0.03)
    assert abs(names["state"].position[0]) < 8.0
    rows = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("iteration,")
    assert len(rows) > 2
    assert int(names["longer"].state.iteration) == 20 + int(names["interrupted"].state.iteration)
    assert len(names["posteriors"].statuses) == 3
    assert names["spread"].status == "converged"
    assert len(names["runs"].statuses) == 4
    assert names["boxed"].status == "converged"


@pytest.mark.slow
def test_the_example_of_many_kinds_of_densities_runs():
    names: dict[str, Any] = {"print": lambda *_: None}
    run_python("docs/densities.md", names)
    result = names["result"]
    (location, *_), weights = result.modes().locations["w"], result.modes().masses
    assert weights[0] > 0.5
    np.testing.assert_allclose(location, [1.0, -2.0, 0.5], atol=0.1)
    assert result.sample(jax.random.key(1), 7)["b"].shape == (7,)
    assert np.min(names["samples"]["sigma"]) > 0.0
    np.testing.assert_allclose(np.sum(names["samples"]["w"], axis=1), 1.0, rtol=1e-5)


def check_the_readmes_result(result: gmmvi.TrainResult) -> None:
    assert np.sum(gmmvi.evaluation.find_modes(result.gmm).masses > 0.05) == 4
    # The normaliser of exp(-(x^2 - 1)^2 / 2), squared; by quadrature.
    grid = np.linspace(-4.0, 4.0, 4001)
    log_z = 2.0 * np.log(np.trapezoid(np.exp(-0.5 * (grid**2 - 1.0) ** 2), grid))
    assert float(jnp.asarray(result.history["elbo"][-1])) == pytest.approx(log_z, abs=0.2)


def test_the_readme_runs():
    names: dict[str, Any] = {"__name__": "readme"}
    run_python("README.md", names)
    check_the_readmes_result(names["result"])


@pytest.mark.slow
def test_the_examples_that_continue_the_readme_run(tmp_path, monkeypatch):
    names: dict[str, Any] = {"__name__": "readme"}
    run_python("README.md", names)
    monkeypatch.chdir(tmp_path)
    run_python("docs/using.md", names)
    assert names["longer"].run.num_iterations == 400
    assert names["conditional"].dim == 1
    assert (tmp_path / "four_modes.png").stat().st_size > 10_000
    check_the_readmes_result(names["result"])
