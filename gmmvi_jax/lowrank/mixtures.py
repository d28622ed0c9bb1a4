"""The public mixture that has given arrays: which class it is."""

from collections.abc import Mapping
from typing import Any

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.lowrank.dense import LowRankGMM
from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor
from gmmvi_jax.tmixture import TMixture
from gmmvi_jax.typing import Array, PyTree


def mixture_of(
    log_weights: Array, means: Array, factors: PyTree, degrees: Array | None = None
) -> Any:
    """Returns a ``GMM``, a ``LowRankGMM`` or a ``TMixture``.

    Args:
        log_weights: [K].
        means: [K, D].
        factors: [K, D, D], [K, D] or low-rank ones.
        degrees: [K] of Student-t components.
    """
    if degrees is not None:
        return TMixture(log_weights, means, factors, degrees)
    family = LowRankGMM if isinstance(factors, LowRankFactor) else GMM
    return family(log_weights, means, factors)


def gaussians_of(mixture: Mixture) -> Any:
    """Returns the Gaussians with the weights, centres and factors of a mixture.

    Their covariances say how wide components are where these have heavy tails, and perhaps no
    covariances of their own.
    """
    return mixture_of(mixture.log_weights, mixture.means, mixture.factors)


def mixture_of_named(arrays: Mapping[str, Array]) -> Any:
    """Returns the mixture whose arrays ``gmm.files.named_arrays`` named."""
    factors = arrays.get("factors")
    if factors is None:
        factors = LowRankFactor(*(arrays[f"factors.{name}"] for name in LowRankFactor._fields))
    return mixture_of(arrays["log_weights"], arrays["means"], factors, arrays.get("degrees"))
