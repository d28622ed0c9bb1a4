"""Domains of parameters: bounds, simplices, orders, matrices, angles.

Each maps free coordinates, real numbers without limits, onto the values that a parameter may have.
"""

from gmmvi_jax.domains.bounded import interval, lower, positive, real, upper
from gmmvi_jax.domains.cholesky import cholesky_factor
from gmmvi_jax.domains.correlation import correlation
from gmmvi_jax.domains.fixed import fixed
from gmmvi_jax.domains.ordered import ordered
from gmmvi_jax.domains.periodic import periodic
from gmmvi_jax.domains.protocol import Domain
from gmmvi_jax.domains.simplex import simplex

__all__ = [
    "Domain",
    "cholesky_factor",
    "correlation",
    "fixed",
    "interval",
    "lower",
    "ordered",
    "periodic",
    "positive",
    "real",
    "simplex",
    "upper",
]
