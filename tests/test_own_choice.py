"""A choice of the user's own, as the README of the modules shows it."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi

README = Path(gmmvi.__file__).parent / "modules" / "README.md"


def test_the_readmes_own_choice_runs_in_a_step():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "user_module"}
    exec(compile(code, "README.md", "exec"), names)
    algorithm = names["config"].algorithm
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    one_step = jax.jit(gmmvi.step, static_argnums=1)
    bounds = []
    for _ in range(3):
        state, info = one_step(algorithm, lambda x: -jnp.sum((x - 9.0) ** 2), state)
        bounds.append(float(info.largest_divergence))
    # The KL of each step is the bound that the user's rule sets.
    np.testing.assert_allclose(bounds, [0.01, 0.02, 0.03], rtol=2e-3)
