"""Fits as guides, which NumPyro's own tools accept."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from gmmvi_jax.interop.numpyro.mixtures import to_mixture
from gmmvi_jax.interop.numpyro.model_density import ModelDensity
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import Array

_LATENT = "_gmm_free"


def guide(result: TrainResult) -> Callable[..., dict[str, Array]]:
    """Returns the fit of a model as a guide, without parameters.

    For ``Predictive(model, guide=guide, params={}, num_samples=1000)``, ``Trace_ELBO().loss`` and
    NumPyro's diagnostics of guides. The free coordinates are an auxiliary site; every site of the
    model is a function of them, with the log density that the change of variables gives it.

    Args:
        result: of ``fit`` or ``train`` on a ``from_model`` density.

    Raises:
        ValueError: the fitted density is not that of a model.
    """
    density = getattr(result.target, "log_density", None)
    if not isinstance(density, ModelDensity):
        raise ValueError(
            "guide needs the fit of a model, such as fit(interop.numpyro.from_model(model)); its "
            "target is another density."
        )
    layout: Any = result.layout
    event_dims = dict(density.event_dims)
    mixture = to_mixture(result.gmm)

    def fitted(*args: Any, **kwargs: Any) -> dict[str, Array]:
        """Samples the model's sites from the fit; the model's arguments do not matter."""
        del args, kwargs
        free: Any = numpyro.sample(_LATENT, mixture, infer={"is_auxiliary": True})
        position = layout.unravel(free)
        # Together the sites have the density of the free coordinates, divided by the volume. The
        # first one carries it, in equal parts if it is a batch.
        log_density = -layout.log_volume(free)
        sites = {}
        for name, value in position.items():
            event_dim = event_dims[name]
            batch_shape = value.shape[: value.ndim - event_dim]
            share = jnp.broadcast_to(log_density / np.prod(batch_shape, dtype=int), batch_shape)
            delta = dist.Delta(value, log_density=share, event_dim=event_dim)
            sites[name] = numpyro.sample(name, delta)
            log_density = 0.0
        return sites

    return fitted
