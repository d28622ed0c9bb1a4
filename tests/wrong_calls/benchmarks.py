"""The benchmark targets: what makes them, and what they tell of a fit."""

from typing import Any

import jax
import numpy as np

from gmmvi_jax import targets

from .call import Call, Reached

DRAW: dict[str, Any] = dict(rng_key=0, num_samples=3)
ROWS = (np.zeros((3, 2)), np.zeros(3))
SPLITS: Any = dict(train=ROWS, validation=ROWS, test=ROWS)
CLASSIFIER = targets.NetworkClassifier("digits", targets.Network((2, 1, 10), jax.nn.relu), SPLITS)
REGRESSION = targets.NetworkRegression("wine", targets.Network((2, 1, 1), jax.nn.relu), SPLITS)
WEIGHTS, NUMBERS = np.zeros((2, CLASSIFIER.dim)), np.zeros((2, REGRESSION.dim))


def talos(**arguments: Any) -> Any:
    """The robot, whose description is in a package that may not be installed."""
    try:
        return targets.talos(**arguments)
    except ImportError as error:
        raise Reached from error


CALLS: dict[str, Call] = {
    "targets.get": Call(targets.get, dict(name="gmm20", seed=0)),
    "targets.describe": Call(targets.describe, dict(name="gmm20")),
    "targets.reference_samples": Call(targets.reference_samples, dict(name="gmm20")),
    "targets.reference_summary": Call(targets.reference_summary, dict(name="gmm20")),
    "targets.banana": Call(targets.banana, dict(dim=2, curvature=0.1)),
    "targets.brownian": Call(targets.brownian, dict(seed=0)),
    "targets.funnel": Call(targets.funnel, dict(dim=3)),
    "targets.gmm": Call(targets.gmm, dict(dim=2, seed=0)),
    "targets.gmm40": Call(targets.gmm40, dict(dim=2, seed=0)),
    "targets.stm": Call(targets.stm, dict(dim=2, seed=0)),
    "targets.many_well": Call(targets.many_well, dict(dim=4)),
    "targets.lennard_jones": Call(targets.lennard_jones, dict(num_particles=3)),
    "targets.lgcp": Call(targets.lgcp, dict(grid=3, seed=0)),
    "targets.planar_robot": Call(targets.planar_robot, dict(num_goals=4)),
    "targets.rings": Call(targets.rings, dict(radii=(1.0, 2.0), width=0.1)),
    "targets.digits": Call(targets.digits, dict(hidden_units=3, seed=0)),
    "targets.wine": Call(targets.wine, dict(seed=0)),
    "targets.planar_motion": Call(
        targets.planar_motion,
        dict(
            num_vias=2,
            start=np.zeros(2),
            goal=np.ones(2),
            obstacles=[[3.0, 3.0, 1.0]],
            acceleration_scale=np.ones(2),
        ),
    ),
    "targets.talos": Call(
        talos, dict(context=(0.1, 0.5, 1.0), published_mass=False, goal_scale=0.02)
    ),
    "targets.Network": Call(targets.Network, dict(sizes=(2, 1), activation=jax.nn.relu)),
    "banana.sample": Call(targets.banana().sample, DRAW),
    "brownian.sample": Call(targets.brownian().sample, DRAW),
    "funnel.sample": Call(targets.funnel().sample, DRAW),
    "gmm.sample": Call(targets.gmm(2).sample, DRAW),
    "stm.sample": Call(targets.stm(2).sample, DRAW),
    "many_well.sample": Call(targets.many_well(2).sample, DRAW),
    "rings.sample": Call(targets.rings().sample, DRAW),
    "classifier.accuracy": Call(CLASSIFIER.accuracy, dict(samples=WEIGHTS, split="test")),
    "classifier.log_predictive_density": Call(
        CLASSIFIER.log_predictive_density, dict(samples=WEIGHTS, split="test")
    ),
    "regression.rmse": Call(REGRESSION.rmse, dict(samples=NUMBERS, split="test")),
    "regression.log_predictive_density": Call(
        REGRESSION.log_predictive_density, dict(samples=NUMBERS, split="test")
    ),
}
