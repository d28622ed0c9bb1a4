"""Targets as users write them: many lambdas, a mean over a minibatch, the log of a sigmoid."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.training.chunk import num_compilations

from .. import gradients
from ..behaviour import Behaviour, Check, refusal, warnings_of

_SHORT = gmmvi.samtron(
    2, num_iterations=1, log_every=1, max_components=2, desired_samples=20, diagnostic_samples=0
)
_NUM_LAMBDAS = 9


def _bowl(x: jax.Array, centre: float = 0.0) -> jax.Array:
    return -0.5 * jnp.sum((x - centre) ** 2)


def _lambdas() -> Iterator[Check]:
    functions = [lambda x, i=i: _bowl(x, 0.1 * i) for i in range(_NUM_LAMBDAS)]
    texts: list[str] = []
    for function in functions:
        texts += warnings_of(lambda function=function: gmmvi.train(_SHORT, function))[1]
    once = len(texts) == 1 and "jax.tree_util.Partial" in texts[0]
    yield Check(f"{_NUM_LAMBDAS} lambdas: one warning, which names Partial", f"{texts}", once)
    before = num_compilations()
    for i in range(3):
        gmmvi.train(_SHORT, jax.tree_util.Partial(_bowl, centre=jnp.asarray(0.1 * i)))
    count = num_compilations() - before
    yield Check("three Partials compile once", str(count), count == 1)
    page = Path(__file__).parents[3] / "docs" / "using.md"
    said = "jax.tree_util.Partial" in page.read_text(encoding="utf-8")
    yield Check("docs/using.md names jax.tree_util.Partial", str(said), said)


def _minibatch() -> Iterator[Check]:
    data = np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32) + 1.0

    def mean_likelihood(x: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.mean(-0.5 * jnp.sum((rows - x) ** 2, axis=1))

    def sum_likelihood(x: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.sum(-0.5 * jnp.sum((rows - x) ** 2, axis=1))

    wrong = densities.minibatch(mean_likelihood, _bowl, data, batch_size=37)
    yield refusal(
        "a likelihood that returns the mean",
        ValueError,
        r"81\.\d+ times .*jnp\.sum instead of jnp\.mean",
        lambda: gmmvi.train(_SHORT, wrong),
    )
    right = densities.minibatch(sum_likelihood, _bowl, data, batch_size=37)
    status = gmmvi.train(_SHORT, right).status
    yield Check("one that returns the sum runs", status, status == "completed")


def _sigmoid() -> Iterator[Check]:
    for letter, variant in (("S", gmmvi.samtron), ("Z", gmmvi.vips)):
        config = variant(7, prior_scale=4.0)
        result, texts = warnings_of(
            lambda config=config: gmmvi.train(
                config, gradients.logistic_by_hand, callbacks=lambda state, row: True
            )
        )
        told = [text for text in texts if "jax.nn.log_sigmoid" in text]
        chunks = len(result.history["iteration"])
        yield Check(
            f"{letter}: a warning in the first chunk that names jax.nn.log_sigmoid",
            f"after {chunks} chunk: {texts}",
            bool(told) and chunks == 1,
        )


def _leaf() -> Iterator[Check]:
    def density(position: dict[str, jax.Array]) -> jax.Array:
        bad = position["bad"]
        return -0.5 * (jnp.sum(position["good"] ** 2) + bad**2) + 0.0 * jnp.sqrt(bad - bad)

    example = {"good": jnp.zeros(3), "bad": jnp.zeros(())}
    config = gmmvi.samtron(example)
    yield refusal(
        "a gradient of NaN in a leaf of a position",
        ValueError,
        r"gradient is NaN or infinite in leaf .*bad",
        lambda: gmmvi.train(config, density),
    )


ROWS = (
    Behaviour("hundred_lambdas", _lambdas),
    Behaviour("minibatch_mean", _minibatch),
    Behaviour("log_of_sigmoid", _sigmoid),
    Behaviour("bad_gradient_in_a_leaf", _leaf),
)
