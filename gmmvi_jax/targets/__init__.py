"""The benchmark targets, with their data and their provenance."""

from gmmvi_jax.targets.gaussian_mixture import GaussianMixtureTarget, gmm
from gmmvi_jax.targets.logistic_regression import (
    LogisticRegression,
    breast_cancer,
    german_credit,
)
from gmmvi_jax.targets.planar_robot import PlanarRobot, forward_kinematics, planar_robot
from gmmvi_jax.targets.protocol import SolvedTarget, Target
from gmmvi_jax.targets.registry import describe, get, names

__all__ = [
    "GaussianMixtureTarget",
    "LogisticRegression",
    "PlanarRobot",
    "SolvedTarget",
    "Target",
    "breast_cancer",
    "describe",
    "forward_kinematics",
    "german_credit",
    "get",
    "gmm",
    "names",
    "planar_robot",
]
