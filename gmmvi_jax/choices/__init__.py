"""The choices of the seven modules: letter, what it does, settings and their defaults."""

from gmmvi_jax.choices.problem import Problem
from gmmvi_jax.choices.table import CHOICES, Choice

__all__ = ["CHOICES", "Choice", "Problem"]
