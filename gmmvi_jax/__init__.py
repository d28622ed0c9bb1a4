"""Natural-gradient variational inference with Gaussian mixture models in JAX.

The main call is ``train(config, log_target)``; ``samtron(dim)`` makes a config. For loops of
your own there are the pure functions ``init`` and ``step``.
"""

from gmmvi_jax import evaluation, targets
from gmmvi_jax.checkpoint import load_checkpoint, save_checkpoint
from gmmvi_jax.codenames import codenames
from gmmvi_jax.config import Algorithm, Config, Run
from gmmvi_jax.gmm import GMM
from gmmvi_jax.init import init
from gmmvi_jax.published import published_config
from gmmvi_jax.result import TrainResult
from gmmvi_jax.schedule import Constant, Scheduled
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.step import step
from gmmvi_jax.train import train
from gmmvi_jax.variants import from_codename, samtron

__all__ = [
    "GMM",
    "Algorithm",
    "Config",
    "Constant",
    "Run",
    "Scheduled",
    "StepInfo",
    "TrainResult",
    "TrainState",
    "codenames",
    "evaluation",
    "from_codename",
    "init",
    "load_checkpoint",
    "published_config",
    "samtron",
    "save_checkpoint",
    "step",
    "targets",
    "train",
]
