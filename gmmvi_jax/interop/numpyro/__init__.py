"""Models of NumPyro as densities, and mixtures as its distributions and guides."""

from gmmvi_jax.packages import needed_by

with needed_by("interop.numpyro", "NumPyro", "'gmmvi_jax[numpyro]'"):
    from gmmvi_jax.interop.numpyro.guide import guide
    from gmmvi_jax.interop.numpyro.mixtures import from_mixture, to_mixture
    from gmmvi_jax.interop.numpyro.model_density import ModelDensity, from_model, from_prior

__all__ = ["ModelDensity", "from_mixture", "from_model", "from_prior", "guide", "to_mixture"]
