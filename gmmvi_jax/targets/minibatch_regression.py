"""Bayesian logistic regression on minibatches, the benchmarks' ``_mb``."""

import dataclasses

import numpy as np

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.centred_minibatch import CentredMinibatch
from gmmvi_jax.densities.minibatch import MinibatchTarget
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.targets.logistic_regression import (
    LogisticRegression,
    breast_cancer,
    german_credit,
    log_likelihood,
)
from gmmvi_jax.typing import Array, PRNGKey

BATCH_SIZE = 64  # Arenz et al. (TMLR 2023)


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class MinibatchLogisticRegression:
    """A logistic regression whose every evaluation uses its own minibatch.

    The likelihood is scaled by n / batch_size. ``full`` is the posterior on all rows, for which
    ELBOs are reported.
    """

    name: str = dataclasses.field(metadata={"static": True})
    posterior: LogisticRegression
    batch_size: int = dataclasses.field(default=BATCH_SIZE, metadata={"static": True})

    @property
    def is_stochastic(self) -> bool:
        """Always true: every sample has its own key and minibatch."""
        return True

    @property
    def dim(self) -> int:
        """The number of coefficients D, the constant's included."""
        return self.posterior.dim

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn from the prior."""
        return self.posterior.prior_mean

    @property
    def prior_scale(self) -> float:
        """The prior's standard deviation."""
        return self.posterior.prior_scale

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the prior."""
        return self.posterior.initial_covariance

    @property
    def reference_samples(self) -> np.ndarray:
        """Samples [2000, D] of the posterior on all rows, if they are stored."""
        return self.posterior.reference_samples

    def __call__(self, x: Array, key: PRNGKey) -> Array:
        """Returns an estimate of log p~ at ``x`` [D] from the minibatch drawn with ``key``."""
        return self._minibatch()(x, key)

    def full(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D] on all rows."""
        return self.posterior(x)

    def centred(self, point: Array) -> CentredMinibatch:
        """Returns the target with less noise near a point [D]; see ``MinibatchTarget.centred``."""
        return self._minibatch().centred(point)

    def _minibatch(self) -> MinibatchTarget:
        data = (self.posterior.features, self.posterior.signed_labels)
        likelihood, prior = as_log_density(log_likelihood), as_log_density(self.posterior.log_prior)
        return MinibatchTarget(likelihood, prior, data, self.batch_size)


def breast_cancer_mb() -> MinibatchLogisticRegression:
    """Returns ``breast_cancer`` on minibatches of 64 of its 569 rows."""
    return MinibatchLogisticRegression("breast_cancer_mb", breast_cancer())


def german_credit_mb() -> MinibatchLogisticRegression:
    """Returns ``german_credit`` on minibatches of 64 of its 1000 rows."""
    return MinibatchLogisticRegression("german_credit_mb", german_credit())
