"""What a log density may be: a function of one point or of a pytree, of numpy, or a noisy one."""

from gmmvi_jax.densities.black_box import BlackBox, black_box
from gmmvi_jax.densities.minibatch import MinibatchTarget, minibatch
from gmmvi_jax.densities.pytree import PytreeTarget, on_pytree
from gmmvi_jax.densities.stochastic import StochasticTarget, stochastic

__all__ = [
    "BlackBox",
    "MinibatchTarget",
    "PytreeTarget",
    "StochasticTarget",
    "black_box",
    "minibatch",
    "on_pytree",
    "stochastic",
]
