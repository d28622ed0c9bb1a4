"""Arguments that must be mixtures."""

from typing import Any

from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.gmm.dense import GMM
from gmmvi_jax.numerics.forms.low_rank import LowRank


def require_gmm(name: str, value: Any) -> None:
    """Raises TypeError unless ``value`` is a mixture."""
    if not isinstance(value, Mixture):
        raise TypeError(
            f"{name} must be a GMM, as result.gmm or GMM.from_moments(...), got "
            f"{type(value).__name__}."
        )


def gaussians_of(mixture: Mixture) -> Any:
    """Returns the Gaussians with the weights, centres and factors of a mixture.

    Their covariances say how wide components are where these have heavy tails, and perhaps no
    covariances of their own.
    """
    if isinstance(mixture.form, LowRank):
        return mixture
    return GMM(mixture.log_weights, mixture.means, mixture.factors)
