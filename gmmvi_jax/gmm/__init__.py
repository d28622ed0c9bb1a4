"""The public Gaussian mixture: dense, exact and differentiable."""

from gmmvi_jax.gmm.dense import GMM

__all__ = ["GMM"]
