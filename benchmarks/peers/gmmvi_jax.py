"""This package: a variant with published or given settings."""

from typing import Any

import numpy as np

from benchmarks.mixture_draws import mixture_draws
from benchmarks.problem import Problem

MOST_ITERATIONS = 1_000_000  # the limits of the problem end the run
# Room; the runs of the suites do not get there. The robot starts with 100 and adds one per step.
MOST_COMPONENTS, MOST_COMPONENTS_OF_ROBOT = 100, 400


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``codename``, ``published`` (whether to start from the study's settings for the
    target), and those of ``from_codename``.
    """
    import gmmvi_jax as gmmvi

    target, settings = problem.target, dict(problem.settings)
    codename = settings.pop("codename")
    common: dict[str, Any] = {
        "num_iterations": MOST_ITERATIONS,
        "log_every": 5,
        "diagnostic_samples": 0,  # the snapshots are evaluated after the run, as those of others
        "seed": problem.seed,
    }
    if "A" in codename:
        is_robot = target.name.startswith("planar_robot")
        common["max_components"] = MOST_COMPONENTS_OF_ROBOT if is_robot else MOST_COMPONENTS
    if settings.pop("published", False):
        config = gmmvi.published_config(codename, target.name, **{**common, **settings})
    else:
        start = {
            name: np.asarray(getattr(target, name))
            for name in ("prior_mean", "prior_scale", "initial_covariance")
        }
        config = gmmvi.from_codename(codename, target.dim, **{**start, **common, **settings})

    def take(state: Any, row: dict[str, Any]) -> bool:
        count = row["num_components"]
        mixture = state.mixture
        # Copies: the next chunk takes the state's memory. Cut by numpy, which compiles nothing.
        arrays = (mixture.log_weights, mixture.gaussians.mean, mixture.gaussians.factor)
        logits, means, factors = (np.asarray(array)[:count].copy() for array in arrays)
        return problem.take(
            row["iteration"],
            row["num_target_evaluations"],
            mixture_draws(logits, means, factors),
            components=count,
            rejected_updates=row["num_rejected_updates"],
        )

    result = gmmvi.train(config, target, callbacks=[take])
    return {
        "components": result.gmm.num_components,
        "rejected_updates": int(result.history["num_rejected_updates"].sum()),
    }
