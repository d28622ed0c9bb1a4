"""The record of a run's components, as columns."""

import numpy as np

from gmmvi_jax.modules.records import missing_reward
from gmmvi_jax.state import TrainState


def component_columns(state: TrainState) -> dict[str, np.ndarray]:
    """Returns a dict of columns [K] for the active components; see ``TrainResult.components``.

    Args:
        state: of one run.
    """
    count = int(state.mixture.num_components)
    records = state.components
    rewards = np.asarray(records.rewards)[:count]
    return {
        "weight": np.exp(np.asarray(state.mixture.log_weights)[:count]),
        "age": np.asarray(records.ages)[:count],
        "num_rejected": np.asarray(records.num_rejected)[:count],
        "was_rejected": np.asarray(records.was_rejected)[:count],
        "stepsize": np.asarray(records.stepsizes)[:count],
        "divergence": np.asarray(records.divergences)[:count],
        "effective_samples": np.asarray(records.effective_samples)[:count],
        "reward": np.where(rewards == np.asarray(missing_reward(rewards.dtype)), np.nan, rewards),
    }
