"""The benchmark targets with their data."""

from gmmvi_jax.targets.banana import Banana, banana
from gmmvi_jax.targets.brownian import Brownian, brownian
from gmmvi_jax.targets.funnel import Funnel, funnel
from gmmvi_jax.targets.gaussian_mixture import GaussianMixtureTarget, gmm
from gmmvi_jax.targets.gmm40 import gmm40
from gmmvi_jax.targets.lennard_jones import LennardJones, lennard_jones
from gmmvi_jax.targets.lgcp import LogGaussianCox, lgcp
from gmmvi_jax.targets.logistic_regression import (
    LogisticRegression,
    breast_cancer,
    german_credit,
    ionosphere,
    sonar,
)
from gmmvi_jax.targets.many_well import ManyWell, many_well
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
from gmmvi_jax.targets.reference import reference_names, reference_samples, reference_summary
from gmmvi_jax.targets.registry import describe, get, names
from gmmvi_jax.targets.rings import Rings, rings
from gmmvi_jax.targets.seeds import Seeds, seeds
from gmmvi_jax.targets.student_t_mixture import StudentTMixtureTarget, stm
from gmmvi_jax.targets.talos import Talos, talos

__all__ = [
    "Banana",
    "Brownian",
    "Funnel",
    "GaussianMixtureTarget",
    "LennardJones",
    "LogGaussianCox",
    "LogisticRegression",
    "ManyWell",
    "MinibatchLogisticRegression",
    "Network",
    "NetworkClassifier",
    "NetworkRegression",
    "PlanarMotion",
    "PlanarRobot",
    "Rings",
    "Seeds",
    "SolvedTarget",
    "StudentTMixtureTarget",
    "Talos",
    "Target",
    "banana",
    "breast_cancer",
    "breast_cancer_mb",
    "brownian",
    "describe",
    "digits",
    "forward_kinematics",
    "funnel",
    "german_credit",
    "german_credit_mb",
    "get",
    "gmm",
    "gmm40",
    "ionosphere",
    "lennard_jones",
    "lgcp",
    "many_well",
    "mnist",
    "names",
    "planar_motion",
    "planar_robot",
    "reference_names",
    "reference_samples",
    "reference_summary",
    "rings",
    "seeds",
    "sonar",
    "stm",
    "talos",
    "wine",
]
