"""Mixtures, states and results that calls share; hardly anything is computed for them."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax import evaluation
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import COMPLETED, Status

from .call import Reached, reached

KEY = jax.random.key(0)
MIXTURE = gmmvi.GMM.from_moments([1.0, 1.0], [[0.0, 0.0], [3.0, 0.0]], np.ones((2, 2)))
T_MIXTURE = gmmvi.TMixture.of(MIXTURE, 5.0)
POINTS = np.random.default_rng(0).normal(size=(30, 2))
RATIOS = jnp.zeros(30)
NOWHERE = Path("nothing")
CONFIG = gmmvi.samtron(2, num_iterations=2, log_every=1, max_components=2, max_database_size=100)


def blank(leaf: Any) -> Any:
    """An array of the shape, for which nothing is compiled."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return KEY if is_key else np.zeros(leaf.shape, leaf.dtype)


STATE = jax.tree.map(blank, jax.eval_shape(lambda: gmmvi.init(CONFIG.algorithm, 0)))


class LateHistory(dict[str, np.ndarray]):
    """A history of which hardly anything is there."""

    def __missing__(self, name: str) -> np.ndarray:
        raise Reached

    def items(self) -> Any:
        raise Reached


class Unfinished(TrainResult):
    """A result without what a run would have to compute."""

    def concerns(self) -> tuple[evaluation.Concern, ...]:
        return ()

    def components(self) -> dict[str, np.ndarray]:
        raise Reached


RESULT = Unfinished(
    gmm=MIXTURE,
    state=STATE,
    history=LateHistory(num_target_evaluations=np.array([1000])),
    status=Status.COMPLETED,
    config=CONFIG,
    target=reached,
)


class UnfinishedRuns(gmmvi.TrainManyResult):
    """Several of them."""

    def run(self, index: int) -> TrainResult:
        del index
        return RESULT


def twice(leaf: Any) -> Any:
    """The same leaf of two runs, without a compiled program for each shape."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.split(leaf) if is_key else np.stack([leaf, leaf])


HISTORY = (
    "iteration",
    "elbo",
    "elbo_stderr",
    "num_components",
    "num_target_evaluations",
    "wall_time",
)
MANY: dict[str, Any] = dict(
    gmms=(MIXTURE, MIXTURE),
    state=jax.tree.map(twice, STATE),
    history={name: np.full((1, 2), 1000) for name in HISTORY},
    seeds=(0, 1),
    config=CONFIG,
    endings=(COMPLETED, COMPLETED),
    target=reached,
)
