"""Module 3: which samples an iteration works with."""

from gmmvi_jax.modules.choice import Module
from gmmvi_jax.modules.sample_selectors import component_based, mixture_based

MODULE = Module(
    "sample_selector", "sample selector", (component_based.CHOICE, mixture_based.CHOICE)
)
