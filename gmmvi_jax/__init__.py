"""Natural-gradient variational inference with Gaussian mixture models in JAX.

``fit(log_density, dim)`` chooses everything itself. ``train(config, log_target)`` runs one variant
of the framework, as configured by ``samtron(dim)``. ``build`` returns pure functions for custom
loops.
"""

from gmmvi_jax import callbacks, densities, domains, evaluation, interop, targets
from gmmvi_jax.config import Algorithm, Config, Run
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.merging import merge
from gmmvi_jax.init import init
from gmmvi_jax.lowrank import LowRankGMM
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import Constant, Scheduled
from gmmvi_jax.state import StepInfo, TrainState
from gmmvi_jax.step import step
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.training.build import VIAlgorithm, build
from gmmvi_jax.training.fit import fit
from gmmvi_jax.training.many_result import TrainManyResult
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.result_files import load
from gmmvi_jax.training.sample_exchange import (
    ReusableSamples,
    Samples,
    export_samples,
    import_samples,
    reevaluate_samples,
)
from gmmvi_jax.training.sample_files import load_samples, save_samples
from gmmvi_jax.training.state_files import load_state, save_state
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.stopping import Convergence, EvaluationBudget, TimeLimit
from gmmvi_jax.training.train import train
from gmmvi_jax.training.train_many import train_many
from gmmvi_jax.variants.codenames import codenames
from gmmvi_jax.variants.configurations import from_codename, ibayes_gmm, samtron, vips
from gmmvi_jax.variants.published import published_config

__all__ = [
    "GMM",
    "Algorithm",
    "Config",
    "Constant",
    "Convergence",
    "Ending",
    "EvaluationBudget",
    "LowRankGMM",
    "ReusableSamples",
    "Run",
    "Samples",
    "Scheduled",
    "Status",
    "StepInfo",
    "TMixture",
    "TimeLimit",
    "TrainManyResult",
    "TrainResult",
    "TrainState",
    "VIAlgorithm",
    "build",
    "callbacks",
    "codenames",
    "densities",
    "domains",
    "evaluation",
    "export_samples",
    "fit",
    "from_codename",
    "ibayes_gmm",
    "import_samples",
    "init",
    "interop",
    "load",
    "load_samples",
    "load_state",
    "merge",
    "published_config",
    "reevaluate_samples",
    "register_pytree",
    "samtron",
    "save_samples",
    "save_state",
    "step",
    "targets",
    "train",
    "train_many",
    "vips",
]
