"""Module 6: how the mixture's weights move along their natural gradient."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.weight_updaters import direct, trust_region

MODULE = Module("weight_updater", "weight updater", (trust_region.CHOICE, direct.CHOICE))
