"""Module 7: the stepsize of the mixture's weights."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.weight_stepsizes import decaying, fixed, improvement_based

MODULE = Module(
    "weight_stepsize", "weight stepsize", (improvement_based.CHOICE, decaying.CHOICE, fixed.CHOICE)
)
