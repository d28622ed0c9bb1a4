"""Weight updates in plain numpy."""

import numpy as np
import scipy.special

from ..oracles import Floats

TOLERANCE = 1e-3  # how far below its bound a KL may stay


def weights_divergence(log_new: Floats, log_old: Floats) -> Floats:
    """Returns [...] KL(new || old)."""
    return np.sum(np.exp(log_new) * (log_new - log_old), axis=-1)


def tilted(log_weights: Floats, rewards: Floats, scale: Floats) -> Floats:
    """Returns [E, K] log pi' ~ log pi + scale r for scales [E]."""
    logits = log_weights + scale[..., None] * rewards
    return logits - scipy.special.logsumexp(logits, axis=-1, keepdims=True)
