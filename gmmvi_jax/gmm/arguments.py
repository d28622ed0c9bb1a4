"""Arguments that must be mixtures."""

from typing import Any

from gmmvi_jax.gmm.base import Mixture


def require_gmm(name: str, value: Any) -> None:
    """Raises TypeError unless ``value`` is a mixture."""
    if not isinstance(value, Mixture):
        raise TypeError(
            f"{name} must be a GMM, as result.gmm or GMM.from_moments(...), got "
            f"{type(value).__name__}."
        )
