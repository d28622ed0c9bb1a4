"""Module 5: the stepsize of every component."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.component_stepsizes import decaying, fixed, improvement_based

MODULE = Module(
    "component_stepsize",
    "component stepsize",
    (improvement_based.CHOICE, decaying.CHOICE, fixed.CHOICE),
)
