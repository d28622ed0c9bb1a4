"""The factors of a mixture on the host, in float64: what depends on how they are stored."""

from typing import Any, Protocol

import numpy as np

from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor


class HostRoots(Protocol):
    """The factors L of K components; ``index`` is one of them."""

    def variances(self) -> np.ndarray:
        """Returns [K, D] the variances of the coordinates."""
        ...

    def along(self, unit: np.ndarray) -> np.ndarray:
        """Returns [K] the variances along a direction [D] of length 1."""
        ...

    def colour(self, index: int, noise: np.ndarray) -> np.ndarray:
        """Returns [N, D] L z, of noise [N, D]."""
        ...

    def whiten(self, index: int, offsets: np.ndarray) -> np.ndarray:
        """Returns [N, D] L^-1 times offsets [N, D]."""
        ...

    def log_determinants(self) -> np.ndarray:
        """Returns [K] log |det L|."""
        ...

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        """Returns [D, D] the weighted sum of the covariances."""
        ...

    def inverses(self) -> np.ndarray:
        """Returns [K, D, D] the inverse factors, or [K, D] diagonal ones."""
        ...


def host_roots(factors: Any) -> HostRoots:
    """Returns the factors of a public mixture on the host."""
    if isinstance(factors, LowRankFactor):
        return _LowRank(*(np.asarray(array, float) for array in factors))
    array = np.asarray(factors, float)
    return _Diagonal(array) if array.ndim == 2 else _Full(np.tril(array))


def coloured(roots: HostRoots, components: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Returns [N, D] L z, of noise [N, D] of the components [N]."""
    offsets = np.empty_like(noise)
    for index in np.unique(components):
        own = components == index
        offsets[own] = roots.colour(index, noise[own])
    return offsets


class _Full:
    def __init__(self, factors: np.ndarray) -> None:
        self._factors = factors

    def variances(self) -> np.ndarray:
        return np.sum(np.square(self._factors), axis=2)

    def along(self, unit: np.ndarray) -> np.ndarray:
        return np.sum(np.square(unit @ self._factors), axis=1)

    def colour(self, index: int, noise: np.ndarray) -> np.ndarray:
        return noise @ self._factors[index].T

    def whiten(self, index: int, offsets: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self._factors[index], offsets.T).T

    def log_determinants(self) -> np.ndarray:
        return np.sum(np.log(np.diagonal(self._factors, axis1=1, axis2=2)), axis=1)

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        columns = np.sqrt(weights)[:, None, None] * self._factors
        columns = columns.transpose(1, 0, 2).reshape(columns.shape[1], -1)
        return columns @ columns.T

    def inverses(self) -> np.ndarray:
        return np.linalg.inv(self._factors)


class _Diagonal:
    def __init__(self, deviations: np.ndarray) -> None:
        self._deviations = deviations

    def variances(self) -> np.ndarray:
        return np.square(self._deviations)

    def along(self, unit: np.ndarray) -> np.ndarray:
        return np.sum(np.square(unit * self._deviations), axis=1)

    def colour(self, index: int, noise: np.ndarray) -> np.ndarray:
        return noise * self._deviations[index]

    def whiten(self, index: int, offsets: np.ndarray) -> np.ndarray:
        return offsets / self._deviations[index]

    def log_determinants(self) -> np.ndarray:
        return np.sum(np.log(self._deviations), axis=1)

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        return np.diag(weights @ np.square(self._deviations))

    def inverses(self) -> np.ndarray:
        return 1.0 / self._deviations


class _LowRank:
    def __init__(self, scales: np.ndarray, bases: np.ndarray, excesses: np.ndarray) -> None:
        self._scales, self._bases, self._excesses = scales, bases, excesses

    def variances(self) -> np.ndarray:
        shares = np.sum(np.square(self._bases) * self._gains()[:, None, :], axis=2)
        return np.square(self._scales) * (1.0 + shares)

    def along(self, unit: np.ndarray) -> np.ndarray:
        scaled = unit * self._scales
        places = np.einsum("kd,kdr->kr", scaled, self._bases)
        return np.sum(np.square(scaled), axis=1) + np.sum(self._gains() * np.square(places), axis=1)

    def colour(self, index: int, noise: np.ndarray) -> np.ndarray:
        basis = self._bases[index]
        return self._scales[index] * (noise + ((noise @ basis) * self._excesses[index]) @ basis.T)

    def whiten(self, index: int, offsets: np.ndarray) -> np.ndarray:
        basis, scaled = self._bases[index], offsets / self._scales[index]
        return scaled + ((scaled @ basis) * self._shrinkages()[index]) @ basis.T

    def log_determinants(self) -> np.ndarray:
        logs = np.sum(np.log(self._scales), axis=1)
        return logs + np.sum(np.log1p(self._excesses), axis=1)

    def covariance(self, weights: np.ndarray) -> np.ndarray:
        gains = weights[:, None] * self._gains()
        columns = self._scales[:, :, None] * self._bases
        columns = columns.transpose(1, 0, 2).reshape(self._scales.shape[1], -1)
        return np.diag(weights @ np.square(self._scales)) + (columns * gains.ravel()) @ columns.T

    def inverses(self) -> np.ndarray:
        inner = (self._bases * self._shrinkages()[:, None, :]) @ np.swapaxes(self._bases, 1, 2)
        return (np.eye(self._scales.shape[1]) + inner) / self._scales[:, None, :]

    def _gains(self) -> np.ndarray:
        return self._excesses * (2.0 + self._excesses)

    def _shrinkages(self) -> np.ndarray:
        return -self._excesses / (1.0 + self._excesses)
