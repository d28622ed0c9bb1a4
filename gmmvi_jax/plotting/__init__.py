"""Figures of a run: its history, its mixture, and ``report``, one PNG of both."""

from gmmvi_jax.plotting.figures import (
    plot_arms,
    plot_elbo,
    plot_marginals,
    plot_mixture_2d,
    plot_num_components,
    report,
)

__all__ = [
    "plot_arms",
    "plot_elbo",
    "plot_marginals",
    "plot_mixture_2d",
    "plot_num_components",
    "report",
]
