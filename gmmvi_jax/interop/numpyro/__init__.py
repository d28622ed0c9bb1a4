"""Models of NumPyro as densities, and mixtures as its distributions and guides."""

try:
    import numpyro  # noqa: F401
except ImportError as error:
    raise ImportError(
        "gmmvi_jax.interop.numpyro needs NumPyro: pip install 'gmmvi_jax[numpyro]'"
    ) from error

from gmmvi_jax.interop.numpyro.guide import guide
from gmmvi_jax.interop.numpyro.mixtures import from_mixture, to_mixture
from gmmvi_jax.interop.numpyro.model_density import ModelDensity, from_model, from_prior

__all__ = ["ModelDensity", "from_mixture", "from_model", "from_prior", "guide", "to_mixture"]
