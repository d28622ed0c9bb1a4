"""README and gate hold together, and the README's Python runs."""

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


def bash_blocks() -> list[str]:
    return re.findall(r"```bash\n(.*?)```", README, re.DOTALL)


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


def test_the_example_of_many_kinds_of_densities_runs():
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert "num_iterations=200" in code
    names: dict[str, Any] = {"print": lambda *_: None}
    exec(compile(code, "README.md", "exec"), names)
    result = names["result"]
    (location, *_), weights = result.modes().locations["w"], result.modes().masses
    assert weights[0] > 0.5
    np.testing.assert_allclose(location, [1.0, -2.0, 0.5], atol=0.1)
    assert result.sample(jax.random.key(1), 7)["b"].shape == (7,)


def test_the_first_example_runs_as_printed():
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)
    result = names["result"]
    assert np.sum(gmmvi.evaluation.find_modes(result.gmm).masses > 0.05) == 4
    # The normaliser of exp(-(x^2 - 1)^2 / 2), squared; by quadrature.
    grid = np.linspace(-4.0, 4.0, 4001)
    log_z = 2.0 * np.log(np.trapezoid(np.exp(-0.5 * (grid**2 - 1.0) ** 2), grid))
    assert float(jnp.asarray(result.history["elbo"][-1])) == pytest.approx(log_z, abs=0.2)
