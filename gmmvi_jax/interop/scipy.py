"""Mixtures as frozen distributions in the manner of ``scipy.stats``: NumPy and float64."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from gmmvi_jax.gmm import GMM
from gmmvi_jax.interop.arguments import require_gmm
from gmmvi_jax.requirements import MOST_ROWS, require_host_array, require_int, shown


@dataclasses.dataclass(frozen=True, eq=False)
class FrozenMixture:
    """A mixture with the methods of a frozen ``scipy.stats.multivariate_normal``.

    ``to_mixture`` makes it. As in SciPy, axes of length 1 are left out of what it returns, and in
    one dimension points [N] need no second axis.

    Attributes:
        weights: [K], their sum is 1.
        means: [K, D].
        factors: [K, D, D] lower Cholesky factors; or [K, D] standard deviations.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.means.shape[1]

    @property
    def mean(self) -> np.ndarray:
        """[D] the mean of the mixture."""
        return self.weights @ self.means

    @property
    def cov(self) -> np.ndarray:
        """[D, D] the covariance of the mixture, within and between components."""
        centred = self.means - self.mean
        between = (self.weights[:, None] * centred).T @ centred
        if self.factors.ndim == 2:
            return between + np.diag(self.weights @ np.square(self.factors))
        within = self.factors @ self.factors.swapaxes(1, 2)
        return between + np.tensordot(self.weights, within, 1)

    def logpdf(self, x: ArrayLike) -> Any:
        """Returns [...] the log density at points [..., D].

        Raises:
            TypeError: they are no real numbers.
            ValueError: the last axis has another length.
        """
        given = require_host_array("x", x).astype(np.float64)
        points = given[..., None] if self.dim == 1 and given.ndim < 2 else given
        if points.ndim == 0 or points.shape[-1] != self.dim:
            raise ValueError(
                f"x must have shape [..., {self.dim}], points along the last axis, got "
                f"{given.shape}."
            )
        flat = points.reshape(-1, self.dim)
        with np.errstate(divide="ignore"):  # a weight of 0
            log_weights = np.log(self.weights)
        terms = [
            log_weight + self._log_density(component, flat)
            for component, log_weight in enumerate(log_weights)
        ]
        return _squeezed(np.asarray(logsumexp(terms, axis=0)).reshape(points.shape[:-1]))

    def pdf(self, x: ArrayLike) -> Any:
        """Returns [...] the density at points [..., D]."""
        return np.exp(self.logpdf(x))

    def rvs(self, size: int | tuple[int, ...] = 1, random_state: Any = None) -> Any:
        """Returns independent samples [*size, D], of one dimension [*size], of size 1 [D].

        Args:
            size: how many, a number or a shape.
            random_state: a seed, a ``numpy.random.Generator`` or a ``RandomState``; None for a new
                seed at every call, which ``numpy.random.seed`` has no part in.

        Raises:
            TypeError: ``random_state`` is no seed and no generator.
            ValueError: ``size`` is no integer and no shape, or negative, or too large.
        """
        source = _generator(random_state)
        given = size if isinstance(size, tuple | list) else np.atleast_1d(size).tolist()
        shape = tuple(require_int("size", length, least=0) for length in given)
        count = require_int("size", math.prod(shape), most=MOST_ROWS)
        components = source.choice(len(self.weights), count, p=self.weights)
        samples = source.standard_normal((count, self.dim))
        for component in np.unique(components):
            rows = components == component
            factor = self.factors[component]
            moved = samples[rows] * factor if factor.ndim == 1 else samples[rows] @ factor.T
            samples[rows] = self.means[component] + moved
        return _squeezed(samples.reshape(*shape, self.dim))

    def _log_density(self, component: int, points: np.ndarray) -> np.ndarray:
        """Returns [N] the log density of one component at points [N, D]."""
        centred, factor = points - self.means[component], self.factors[component]
        if factor.ndim == 1:
            scales, whitened = factor, (centred / factor).T
        else:
            scales = np.diagonal(factor)
            whitened = solve_triangular(factor, centred.T, lower=True, check_finite=False)
        constant = np.sum(np.log(scales)) + 0.5 * self.dim * np.log(2.0 * np.pi)
        return -constant - 0.5 * np.sum(np.square(whitened), axis=0)


def to_mixture(gmm: GMM) -> FrozenMixture:
    """Returns a mixture with the methods ``rvs``, ``logpdf``, ``pdf``, and ``mean`` and ``cov``.

    Args:
        gmm: with full or diagonal covariances.
    """
    gmm = require_gmm(gmm)
    weights = np.exp(np.asarray(gmm.log_weights, np.float64))
    factors = np.asarray(gmm.factors, np.float64)
    return FrozenMixture(
        weights=weights / weights.sum(),
        means=np.asarray(gmm.means, np.float64),
        factors=factors if gmm.is_diagonal else np.tril(factors),
    )


def _generator(random_state: Any) -> Any:
    """Returns NumPy's generator of a seed; generators are returned as they are."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"random_state must be an integer of at least 0, a numpy.random.Generator or None, got "
            f"{shown(random_state)}."
        ) from error


def _squeezed(values: np.ndarray) -> Any:
    """Returns an array without its axes of length 1; one number as a scalar."""
    squeezed = values.squeeze()
    return squeezed[()] if squeezed.ndim == 0 else squeezed
