"""Bayesian neural networks that predict a number: the posterior of their weights."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.targets.datasets import load_table
from gmmvi_jax.targets.network import Network, outputs_of_samples, require_weights
from gmmvi_jax.targets.network_posterior import NetworkPosterior
from gmmvi_jax.targets.splits import Rows, rows_of_split, split_rows
from gmmvi_jax.typing import Array, HostArray

# Arenz et al. (TMLR 2023), the experiment WINE: network, minibatches and likelihood.
HIDDEN_UNITS = (8, 8)
# exp(-n * mean squared error) is, up to a constant, normal noise of this variance.
NOISE_VARIANCE = 0.5


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class NetworkRegression(NetworkPosterior):
    """The unnormalised posterior of a network's weights, on minibatches.

    log p~(x) = -n (mean squared error of the minibatch) - |x|^2 / 2, where n is the number of
    training rows: normal noise of variance 1/2 on the labels and a standard normal prior on every
    weight and bias, both without their constants. Each evaluation draws a minibatch of its own;
    ``full`` is the posterior on all training rows, on which ELBOs are reported.

    ``rmse`` and ``log_predictive_density`` evaluate the fit on held-out rows.

    Attributes:
        name: of the target.
        network: with one output.
        splits: "train", "validation" and "test", each features [n, F] and labels [n].
        batch_size: rows per minibatch.
    """

    @property
    def prior_scale(self) -> float:
        """The prior's standard deviation."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as the prior."""
        return 1.0

    def predict(self, x: Array, features: HostArray) -> Array:
        """Returns [n] the predictions with the weights ``x`` [D].

        Args:
            x: [D].
            features: [n, F], standardised as those of ``splits``.
        """
        return self.network(x, jnp.asarray(features, x.dtype))[:, 0]

    def rmse(self, samples: HostArray, split: str = "test") -> float:
        """Returns the root mean squared error of the posterior predictive mean.

        Args:
            samples: [S, D] weights, draws of the fit, whose predictions are averaged.
            split: "train", "validation" or "test".

        Raises:
            ValueError: there is no such split.
        """
        predictions, labels = self._predictions(samples, split)
        return float(jnp.sqrt(jnp.mean((jnp.mean(predictions, axis=0) - labels) ** 2)))

    def log_predictive_density(self, samples: HostArray, split: str = "test") -> float:
        """Returns the mean log density of a label, in nats, under the posterior predictive.

        This is the mixture over the samples of N(prediction, 1/2). The likelihood fixes the
        variance of the noise, whatever it is in the data.

        Args:
            samples: [S, D] weights, draws of the fit.
            split: "train", "validation" or "test".

        Raises:
            ValueError: there is no such split.
        """
        predictions, labels = self._predictions(samples, split)
        squared = (predictions - labels[None]) ** 2 / NOISE_VARIANCE
        log_densities = -0.5 * (squared + math.log(2 * math.pi * NOISE_VARIANCE))  # [S, n]
        mixture = jax.nn.logsumexp(log_densities, axis=0) - math.log(len(predictions))
        return float(jnp.mean(mixture))

    def log_prior(self, x: Array) -> Array:
        """Returns log N(x | 0, I) without its constant, at ``x`` [D]."""
        return -0.5 * jnp.sum(x**2)

    def log_likelihood(self, x: Array, rows: tuple[Array, Array]) -> Array:
        """Returns the sum over rows, features [n, F] and labels [n]; see ``NetworkPosterior``."""
        features, labels = rows
        return -jnp.sum((self.predict(x, features) - labels) ** 2)

    def _predictions(self, samples: HostArray, split: str) -> tuple[Array, Array]:
        """Returns the predictions [S, n] of all samples, and the labels [n]."""
        features, labels = rows_of_split(self.splits, split)
        samples = require_weights(self.network, samples)
        predictions = outputs_of_samples(self.network, samples, features)[..., 0]
        return predictions, jnp.asarray(labels, samples.dtype)


def wine(seed: int = 0) -> NetworkRegression:
    """Returns the 177-D posterior of a network that predicts the quality of white wines.

    11 features, two hidden layers of 8 sigmoid units, one output. 60% of the 4898 wines train, 20%
    validate, 20% test. Features are standardised by the mean and standard deviation (ddof 0) of
    the training rows; labels, 3 to 9, are as they are.

    Args:
        seed: of the split of the rows.

    Raises:
        ValueError: ``seed`` is no integer from 0 to 2**32 - 1.
    """
    features, labels = load_table("wine")
    rows = split_rows(len(labels), seed)
    train = features[rows["train"]]
    features = (features - np.mean(train, axis=0)) / np.std(train, axis=0)
    splits: dict[str, Rows] = {split: (features[own], labels[own]) for split, own in rows.items()}
    network = Network((features.shape[1], *HIDDEN_UNITS, 1), jax.nn.sigmoid)
    return NetworkRegression("wine", network, splits)
