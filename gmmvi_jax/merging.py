"""Several mixtures as one."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import HostArray


def merge(gmms: Sequence[GMM], elbos: HostArray | Sequence[float]) -> GMM:
    """Returns one mixture with the components of all of them, each weighing exp(ELBO).

    Where the mixtures cover different parts of the target, that is the best weighting there is
    (exp(ELBO) is then the mass each has found); where they cover the same, all weights are good.

    Args:
        gmms: mixtures of the same dimension and covariance type.
        elbos: [R] their ELBOs; where one is NaN (not estimated), all mixtures weigh the same.

    Raises:
        ValueError: nothing to merge, or the mixtures do not fit together.
    """
    if not gmms or len(gmms) != len(np.asarray(elbos)):
        raise ValueError(f"merge needs one ELBO per mixture, got {len(gmms)} mixtures.")
    shapes = {gmm.factors.shape[1:] for gmm in gmms}
    if len(shapes) > 1:
        raise ValueError(f"mixtures differ in the shape of their factors: {sorted(shapes)}.")
    values = np.asarray(elbos, dtype=float)
    values = np.zeros_like(values) if np.any(np.isnan(values)) else values
    log_shares = jax.nn.log_softmax(jnp.asarray(values - values.max(), gmms[0].log_weights.dtype))
    return GMM(
        log_weights=jnp.concatenate(
            [gmm.log_weights + share for gmm, share in zip(gmms, log_shares, strict=True)]
        ),
        means=jnp.concatenate([gmm.means for gmm in gmms]),
        factors=jnp.concatenate([gmm.factors for gmm in gmms]),
    )
