"""Merging several mixtures into one."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from gmmvi_jax.gmm.arguments import require_gmm
from gmmvi_jax.gmm.base import AnyMixture, Mixture
from gmmvi_jax.gmm.files import named_arrays
from gmmvi_jax.requirements import require_host_array
from gmmvi_jax.typing import Array, HostArray


def merge(gmms: Sequence[AnyMixture], elbos: HostArray | Sequence[float]) -> AnyMixture:
    """Returns the mixture of the given mixtures, with weights proportional to exp(ELBO).

    If the mixtures cover different parts of the target these weights are optimal, since exp(ELBO)
    approximates the mass that each one covers. If they cover the same parts, the weights do not
    matter.

    Args:
        gmms: mixtures of the same family, dimension and covariance type.
        elbos: [R] their ELBOs. One of -inf (mass outside of the support) gets weight 0. If one is
            NaN (not estimated), all mixtures with a weight get the same one.

    Raises:
        ValueError: there is nothing to merge, the mixtures do not match, one of them is not finite,
            or none has a finite ELBO.
    """
    if not isinstance(gmms, Sequence):
        raise TypeError(f"gmms must be a list of mixtures, got {gmms!r}.")
    if not gmms:
        raise ValueError("gmms must have at least one mixture, got none.")
    for gmm in gmms:
        require_gmm("each of gmms", gmm)
    values = require_host_array("elbos", elbos)
    if values.shape != (len(gmms),):
        raise ValueError(
            f"elbos must have shape ({len(gmms)},), one for each of gmms, got {values.shape}."
        )
    kinds = {type(gmm).__name__ for gmm in gmms}
    if len(kinds) > 1:
        raise ValueError(f"mixtures differ in their family: {', '.join(sorted(kinds))}.")
    shapes = {str([leaf.shape[1:] for leaf in jax.tree.leaves(gmm.factors)]) for gmm in gmms}
    if len(shapes) > 1:
        raise ValueError(
            f"mixtures differ in the shape of their factors: {', '.join(sorted(shapes))}."
        )
    _check_finite(gmms)
    values = values.astype(float)
    if not np.any(np.isfinite(values)) or np.any(values == np.inf):
        raise ValueError(
            f"elbos must be finite for at least one mixture, and never +inf, got "
            f"{values.tolist()}: the runs are unusable, or nothing was estimated; pass zeros for "
            f"equal weights."
        )
    if np.any(np.isnan(values)):
        values = np.where(values == -np.inf, values, 0.0)
    log_shares = values - np.logaddexp.reduce(values)
    log_weights = [
        np.asarray(gmm.log_weights, float) + share
        for gmm, share in zip(gmms, log_shares, strict=True)
    ]
    dtype = gmms[0].means.dtype
    merged = jax.tree.map(lambda *parts: _joined(parts, dtype), *gmms)
    return dataclasses.replace(merged, log_weights=_joined(log_weights, dtype))


def _joined(parts: Sequence[Any], dtype: Any) -> Array:
    return jax.device_put(np.concatenate([np.asarray(part) for part in parts]).astype(dtype))


def _check_finite(gmms: Sequence[Mixture]) -> None:
    """Raises ValueError where weights, means or factors are not finite."""
    for index, gmm in enumerate(gmms):
        arrays = {**named_arrays(gmm), "weights": gmm.weights}  # log weights may be -inf
        broken = [
            name
            for name, array in arrays.items()
            if name not in ("log_weights", "degrees") and not np.all(np.isfinite(array))
        ]
        if broken:
            raise ValueError(
                f"gmms[{index}] is unusable: its {' and '.join(broken)} are not finite; leave it "
                f"out (and its ELBO)."
            )
