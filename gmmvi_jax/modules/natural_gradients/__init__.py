"""Module 1: estimators of the natural gradient of every component."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.natural_gradients import more, stein

MODULE = Module("natural_gradient", "natural-gradient estimator", (stein.CHOICE, more.CHOICE))
