"""Importance weights of which a few do not decide a sum."""

import numpy as np

_NUM_TRIMMED = 3


def trimmed(log_weights: np.ndarray) -> np.ndarray:
    """Returns [N] log weights whose three largest are lowered to the fourth.

    Their sum is rather too low than too high: of what only three draws show nothing is left.

    Args:
        log_weights: [N], -inf for weight 0.
    """
    if len(log_weights) <= _NUM_TRIMMED:
        return np.full_like(log_weights, -np.inf)
    order = np.argsort(log_weights)
    result = np.array(log_weights)
    result[order[-_NUM_TRIMMED:]] = log_weights[order[-1 - _NUM_TRIMMED]]
    return result
