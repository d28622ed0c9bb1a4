"""Figures of a run: its history, its mixture, and ``report``, one figure of both.

The functions draw on axes of the caller and return them. Those that take a figure return
its panels.
"""

from gmmvi_jax.plotting.arms import plot_arms
from gmmvi_jax.plotting.components import plot_mixture_2d
from gmmvi_jax.plotting.corner import plot_corner
from gmmvi_jax.plotting.figures import report
from gmmvi_jax.plotting.history import plot_elbo, plot_num_components
from gmmvi_jax.plotting.k_hat import plot_k_hat
from gmmvi_jax.plotting.marginals import plot_marginals
from gmmvi_jax.plotting.timeline import plot_timeline

__all__ = [
    "plot_arms",
    "plot_corner",
    "plot_elbo",
    "plot_k_hat",
    "plot_marginals",
    "plot_mixture_2d",
    "plot_num_components",
    "plot_timeline",
    "report",
]
