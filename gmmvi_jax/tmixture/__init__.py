"""The public mixture of Student-t distributions: dense, exact and differentiable."""

from gmmvi_jax.tmixture.dense import TMixture

__all__ = ["TMixture"]
