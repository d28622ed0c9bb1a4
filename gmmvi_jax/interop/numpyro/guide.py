"""Fits as guides, which NumPyro's own tools accept."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from gmmvi_jax.interop.arguments import require_result
from gmmvi_jax.interop.numpyro.model_density import ModelDensity
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import Array


def guide(result: TrainResult) -> Callable[..., dict[str, Array]]:
    """Returns the fit of a model as a guide, without parameters.

    For ``Predictive(model, guide=guide, params={}, num_samples=1000)``, ``Trace_ELBO().loss`` and
    NumPyro's diagnostics of guides. It has the sites of the model and no others: all of them are
    functions of one draw of the free coordinates, and the first one carries its log density.

    Args:
        result: of ``fit`` or ``train`` on a ``from_model`` density.

    Raises:
        ValueError: the fitted density is not that of a model.
    """
    density = getattr(require_result(result).target, "log_density", None)
    if not isinstance(density, ModelDensity):
        raise ValueError(
            "result must be the fit of a model, as fit(interop.numpyro.from_model(model)); its "
            "target is another density."
        )
    layout: Any = result.layout
    event_dims = dict(density.event_dims)
    gmm = result.gmm

    def fitted(*args: Any, **kwargs: Any) -> dict[str, Array]:
        """Samples the model's sites from the fit; the model's arguments do not matter."""
        del args, kwargs
        key: Any = numpyro.prng_key()
        if key is None:
            raise ValueError("a guide draws: call it in numpyro.handlers.seed(guide, rng_seed=0).")
        free = gmm.sample(key, 1)[0]
        position = layout.unravel(free)
        # Together the sites have the density of the free coordinates, divided by the volume. The
        # first one carries it, in equal parts if it is a batch.
        log_density = gmm.log_prob(free) - layout.log_volume(free)
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
