"""What doors to other packages are given: mixtures and results."""

from collections.abc import Mapping
from typing import Any

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.base import Mixture
from gmmvi_jax.requirements import shown
from gmmvi_jax.training.result import TrainResult


def require_gmm(given: Any) -> GMM:
    """Returns a mixture.

    Raises:
        TypeError: it is something else, for example a result, which has one.
    """
    if isinstance(given, GMM):
        return given
    if isinstance(given, Mixture):
        raise TypeError(
            f"to_mixture needs a GMM, Gaussians with full or diagonal covariances, got "
            f"{type(given).__name__}, which has other components."
        )
    has_one = isinstance(getattr(given, "gmm", None), GMM)
    cure = "give its .gmm, the mixture of its free coordinates" if has_one else "result.gmm is one"
    raise TypeError(f"to_mixture needs a GMM, got {type(given).__name__}; {cure}.")


def require_dict(name: str, given: Any, of_what: str) -> Mapping[str, Any]:
    """Returns a mapping; raises TypeError unless it is one; ``of_what`` says from what to what."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dict from {of_what}, got {shown(given)}.")
    return given


def require_result(given: Any) -> TrainResult:
    """Returns a result.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(given, TrainResult):
        return given
    raise TypeError(f"result must be of fit or train, got {type(given).__name__}.")
