"""The public mixture of Gaussians whose covariances are of low rank plus diagonal."""

from gmmvi_jax.lowrank.dense import LowRankGMM

__all__ = ["LowRankGMM"]
