"""The fit that a diagnosis measures."""

from typing import Any, NamedTuple

from gmmvi_jax.gmm import GMM
from gmmvi_jax.typing import Array


class Fit(NamedTuple):
    """A mixture, its target, and the log ratios at fresh draws of the mixture."""

    gmm: GMM
    target: Any  # callable pytree, log density of one point [D]
    own_ratios: Array  # [N] log p~ / beta - log q
    temperature: float  # beta
    heaviest_draws: Array  # [M, D] those with the highest of the ratios, in this order
