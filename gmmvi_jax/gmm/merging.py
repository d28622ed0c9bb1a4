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
        elbos: [R] their ELBOs. One of -inf (mass where the target has none) is no weight. Where one
            is NaN (not estimated), all others weigh the same.

    Raises:
        ValueError: nothing to merge, the mixtures do not fit together, one of them is not finite,
            or none has an ELBO that is finite.
    """
    if not gmms or len(gmms) != len(np.asarray(elbos)):
        raise ValueError(f"merge needs one ELBO per mixture, got {len(gmms)} mixtures.")
    shapes = {gmm.factors.shape[1:] for gmm in gmms}
    if len(shapes) > 1:
        raise ValueError(f"mixtures differ in the shape of their factors: {sorted(shapes)}.")
    _check_finite(gmms)
    values = np.asarray(elbos, dtype=float)
    if not np.any(np.isfinite(values)) or np.any(values == np.inf):
        raise ValueError(
            f"elbos must be finite for one mixture at least, and never +inf, got "
            f"{values.tolist()}: the runs are unusable, or nothing was estimated; zeros weigh all "
            f"the same."
        )
    if np.any(np.isnan(values)):
        values = np.where(values == -np.inf, values, 0.0)
    log_shares = jax.nn.log_softmax(jnp.asarray(values - values.max(), gmms[0].log_weights.dtype))
    return GMM(
        log_weights=jnp.concatenate(
            [gmm.log_weights + share for gmm, share in zip(gmms, log_shares, strict=True)]
        ),
        means=jnp.concatenate([gmm.means for gmm in gmms]),
        factors=jnp.concatenate([gmm.factors for gmm in gmms]),
    )


def _check_finite(gmms: Sequence[GMM]) -> None:
    """Raises ValueError where weights, means or factors are not finite."""
    for index, gmm in enumerate(gmms):
        broken = [
            name
            for name in ("weights", "means", "factors")
            if not np.all(np.isfinite(np.asarray(getattr(gmm, name))))
        ]
        if broken:
            raise ValueError(
                f"gmms[{index}] is unusable: its {' and '.join(broken)} are not finite; leave it "
                f"out (and its ELBO)."
            )
