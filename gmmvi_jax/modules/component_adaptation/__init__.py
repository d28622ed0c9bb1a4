"""Module 2: the number of components."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.component_adaptation import adaptive, fixed

MODULE = Module("component_adaptation", "number of components", (adaptive.CHOICE, fixed.CHOICE))
