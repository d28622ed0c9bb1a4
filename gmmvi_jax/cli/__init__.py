"""The command line."""

from gmmvi_jax.cli.main import main, run

__all__ = ["main", "run"]
