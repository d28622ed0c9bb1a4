"""The benchmark targets, with their data and their provenance, and targets of special kinds."""

from gmmvi_jax.targets.black_box import BlackBox, black_box
from gmmvi_jax.targets.gaussian_mixture import GaussianMixtureTarget, gmm
from gmmvi_jax.targets.logistic_regression import (
    LogisticRegression,
    breast_cancer,
    german_credit,
)
from gmmvi_jax.targets.minibatch import MinibatchTarget, minibatch
from gmmvi_jax.targets.minibatch_regression import (
    MinibatchLogisticRegression,
    breast_cancer_mb,
    german_credit_mb,
)
from gmmvi_jax.targets.network import Network
from gmmvi_jax.targets.network_classification import NetworkClassifier, digits, mnist
from gmmvi_jax.targets.network_regression import NetworkRegression, wine
from gmmvi_jax.targets.planar_motion import PlanarMotion, planar_motion
from gmmvi_jax.targets.planar_robot import PlanarRobot, forward_kinematics, planar_robot
from gmmvi_jax.targets.protocol import SolvedTarget, Target
from gmmvi_jax.targets.pytree import PytreeTarget, on_pytree
from gmmvi_jax.targets.registry import describe, get, names
from gmmvi_jax.targets.stochastic import StochasticTarget, stochastic
from gmmvi_jax.targets.student_t_mixture import StudentTMixtureTarget, stm

__all__ = [
    "BlackBox",
    "GaussianMixtureTarget",
    "LogisticRegression",
    "MinibatchLogisticRegression",
    "MinibatchTarget",
    "Network",
    "NetworkClassifier",
    "NetworkRegression",
    "PlanarMotion",
    "PlanarRobot",
    "PytreeTarget",
    "SolvedTarget",
    "StochasticTarget",
    "StudentTMixtureTarget",
    "Target",
    "black_box",
    "breast_cancer",
    "breast_cancer_mb",
    "describe",
    "digits",
    "forward_kinematics",
    "german_credit",
    "german_credit_mb",
    "get",
    "gmm",
    "minibatch",
    "mnist",
    "names",
    "on_pytree",
    "planar_motion",
    "planar_robot",
    "stm",
    "stochastic",
    "wine",
]
