"""A result without a run, for doors that need the mixture and the density alone."""

from typing import Any

import numpy as np

import gmmvi_jax as gmmvi

HISTORY = {
    "elbo": -1.0,
    "elbo_stderr": 0.1,
    "num_target_evaluations": 10,
    "wall_time": 1.0,
}


def stub_result(gmm, target, layout=None):
    """Returns a result of a mixture, a density of free coordinates and a layout."""
    state: Any = None
    return gmmvi.TrainResult(
        gmm=gmm,
        state=state,
        history={name: np.array([value]) for name, value in HISTORY.items()},
        status=gmmvi.Status.COMPLETED,
        config=gmmvi.samtron(gmm.dim),
        layout=layout,
        target=target,
    )
