"""Module 4: how components move along their natural gradient."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.component_updaters import direct, iblr, trust_region

MODULE = Module(
    "component_updater", "component updater", (trust_region.CHOICE, iblr.CHOICE, direct.CHOICE)
)
