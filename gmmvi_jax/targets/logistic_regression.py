"""Bayesian logistic regression: the posterior of the coefficients."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.targets.datasets import load_table
from gmmvi_jax.targets.log_sigmoid import log_sigmoid
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Arenz et al. (TMLR 2023): N(0, 10^2) on every coefficient, that of the constant included.
PRIOR_SCALE = 10.0
# Blessing et al., "Beyond ELBOs" (ICML 2024), and the samplers before them: N(0, 1).
STANDARD_PRIOR_SCALE = 1.0


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class LogisticRegression(WithReferenceSamples):
    """The unnormalised posterior of a logistic regression with a normal prior.

    log p~(x) = sum_i log sigmoid(y_i f_i^T x) + log N(x | 0, prior_scale^2 I), the prior with its
    normalising constant, so the integral is the evidence of the data. The rows f_i start with a
    constant 1, the labels y_i are -1 or +1. For separable data (such as breast_cancer) the
    likelihood alone cannot be normalised, so there is always a prior.

    Under ``jax.vmap(jax.value_and_grad(target))`` the work is two matrix products and one
    elementwise pass.

    Example:
        >>> import numpy as np
        >>> target = LogisticRegression("toy", np.ones((3, 1)), np.array([1.0, 1.0, -1.0]))
        >>> target.dim
        1
    """

    name: str = dataclasses.field(metadata={"static": True})
    features: np.ndarray | Array  # [n, D], the constant first
    signed_labels: np.ndarray | Array  # [n], -1 or +1
    prior_scale: float = PRIOR_SCALE

    @property
    def dim(self) -> int:
        """The number of coefficients D, the constant's included."""
        return self.features.shape[-1]

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn from the prior."""
        return 0.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the prior."""
        return self.prior_scale**2

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at the coefficients ``x`` [D], a scalar of its dtype."""
        features = jnp.asarray(self.features, x.dtype)
        labels = jnp.asarray(self.signed_labels, x.dtype)
        return log_likelihood(x, (features, labels)) + self.log_prior(x)

    def log_prior(self, x: Array) -> Array:
        """Returns log N(x | 0, prior_scale^2 I), a scalar."""
        prior_scale = jnp.asarray(self.prior_scale, x.dtype)
        return -0.5 * jnp.sum((x / prior_scale) ** 2) - self.dim * (
            jnp.log(prior_scale) + 0.5 * math.log(2 * math.pi)
        )


def log_likelihood(x: Array, rows: tuple[Array, Array]) -> Array:
    """Returns the log likelihood, a scalar, of coefficients ``x`` [D].

    Args:
        x: [D].
        rows: features [n, D], and labels [n] that are -1 or +1.
    """
    features, signed_labels = rows
    # HIGHEST: on recent GPUs the default rounds the factors of a product to 10 bits.
    logits = jnp.matmul(x, features.T, precision=PRECISION)
    return jnp.sum(log_sigmoid(signed_labels * logits))


def breast_cancer() -> LogisticRegression:
    """Returns the 31-D posterior of the Wisconsin diagnostic breast cancer data (569 rows).

    p(benign) = sigmoid(f^T x). The published code of Arenz et al. (TMLR 2023) has -x instead of x:
    negate samples before comparing them; evidence and ELBO are the same.
    """
    features, benign = load_table("breast_cancer")
    return LogisticRegression("breast_cancer", _design_matrix(features), 2 * benign - 1)


def german_credit() -> LogisticRegression:
    """Returns the 25-D posterior of the German credit data, numeric version (1000 rows).

    p(bad) = sigmoid(f^T x): y = 1 is the table's label 2 ("bad"), y = 0 its label 1 ("good"), as in
    the published code of Arenz et al. (TMLR 2023), which again has -x instead of x.
    """
    features, risk = load_table("german_credit")
    return LogisticRegression("german_credit", _design_matrix(features), 2 * risk - 3)


def ionosphere() -> LogisticRegression:
    """Returns the 35-D posterior of the ionosphere data (351 rows), p(good) = sigmoid(f^T x).

    As in Blessing et al., "Beyond ELBOs" (ICML 2024): features centred and divided by their
    standard deviations, prior N(0, 1) on every coefficient including the constant's. One feature is
    0 in all rows, so that the posterior of its coefficient is the prior.
    """
    features, good = load_table("ionosphere")
    return _standardised("ionosphere", features, 2 * good - 1)


def sonar() -> LogisticRegression:
    """Returns the 61-D posterior of the sonar data (208 rows), p(mine) = sigmoid(f^T x).

    Features and prior as in ``ionosphere``. Exchanging the labels would mirror the posterior;
    evidence and ELBO do not depend on which class is 1.
    """
    features, mine = load_table("sonar")
    return _standardised("sonar", features, 2 * mine - 1)


def _standardised(name: str, features: np.ndarray, signed_labels: np.ndarray) -> LogisticRegression:
    """Centres and scales the features, and uses the prior N(0, 1) for the coefficients."""
    centred = features - np.mean(features, axis=0)
    return LogisticRegression(name, _design_matrix(centred), signed_labels, STANDARD_PRIOR_SCALE)


def _design_matrix(features: np.ndarray) -> np.ndarray:
    """Divides by the standard deviations (not centred, ddof 0) and prepends a constant 1."""
    constant = np.ones((len(features), 1))
    scales = np.std(features, axis=0)
    return np.hstack([constant, features / np.where(scales == 0, 1, scales)])
