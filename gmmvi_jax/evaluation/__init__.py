"""How good a fit is."""

from gmmvi_jax.evaluation.elbo import ElboEstimate, elbo
from gmmvi_jax.evaluation.modes import Modes, find_modes

__all__ = ["ElboEstimate", "Modes", "elbo", "find_modes"]
