"""Diagonal covariances: no D x D array anywhere, and D = 10,000 in reach."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

LARGE = 997  # prime: no other size of the program is a multiple of it by accident


def stretched(x):
    scales = jnp.linspace(0.5, 2.0, x.shape[-1])
    return -0.5 * jnp.sum(((x - 1.0) / scales) ** 2)


def config_of(codename, dim):
    settings = {"desired_samples": 20, "max_components": 3, "prior_scale": 1.5}
    if "A" in codename:
        settings |= {"add_iters": 2, "max_database_size": 200, "num_database_samples": 50}
    if "N" in codename:  # somewhere among them samples are reused
        settings |= {"reuse_ratio": 1.5}
    return gmmvi.from_codename(
        codename, dim, diagonal=True, num_initial_components=2, num_iterations=3, **settings
    )


CODENAMES = [
    "".join(letters) for letters in itertools.product("SZ", ["AM", "EP"], "TYI", ["ROX", "FUN"])
]


@pytest.mark.parametrize(
    "codename",
    [
        pytest.param(name, marks=[pytest.mark.slow] if index % 3 else [])
        for index, name in enumerate(CODENAMES)
    ],
)
def test_no_array_of_the_step_is_d_by_d(codename):
    algorithm = config_of(codename, LARGE).algorithm
    state = jax.eval_shape(gmmvi.init, algorithm, jax.random.key(0))
    program = jax.make_jaxpr(lambda state: gmmvi.step(algorithm, stretched, state))(state)
    shapes = {
        tuple(map(int, text.split(","))) for text in re.findall(r"\[([\d,]+)\]", str(program))
    }
    assert any(LARGE in shape for shape in shapes)
    square = [
        shape for shape in shapes if sum(size > 0 and size % LARGE == 0 for size in shape) > 1
    ]
    assert not square


@pytest.mark.slow
def test_ten_thousand_dimensions_train():
    config = config_of("SAMTROX", 10_000).replace(diagnostic_samples=50, log_every=3)
    result = gmmvi.train(config, stretched)
    assert result.gmm.factors.shape[1:] == (10_000,)
    assert result.history["num_rejected_updates"].sum() == 0
    start = gmmvi.train(config.replace(num_iterations=1), stretched)
    assert result.history["elbo"][-1] > start.history["elbo"][-1] + 100.0
    assert np.all(np.isfinite(result.gmm.means))
