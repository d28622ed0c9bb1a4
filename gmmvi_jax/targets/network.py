"""Small neural networks as functions of their weights, for Bayesian neural networks."""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gmmvi_jax.numerics.products import PRECISION
from gmmvi_jax.requirements import require, require_array, require_function, require_int, shown
from gmmvi_jax.typing import Array, HostArray

SAMPLES_AT_ONCE = 64  # networks evaluated side by side for predictions; bounds the memory


@dataclasses.dataclass(frozen=True)
class Network:
    """A fully connected network, a pure function of its weights and the features.

    Attributes:
        sizes: numbers of units, from the features to the outputs.
        activation: of the hidden layers, elementwise; the outputs are linear.

    Raises:
        TypeError: ``sizes`` is no tuple of at least two, or ``activation`` is no function.
        ValueError: a size is no integer of at least 1.

    Example:
        >>> Network((11, 8, 8, 1), jax.nn.sigmoid).num_weights
        177
    """

    sizes: tuple[int, ...]
    activation: Callable[[Array], Array]

    def __post_init__(self) -> None:
        """Raises an error unless it is a function of at least one layer, which can be hashed."""
        if not isinstance(self.sizes, tuple) or len(self.sizes) < 2:
            raise TypeError(
                f"sizes must be a tuple of two or more numbers of units, such as (11, 8, 1), got "
                f"{shown(self.sizes)}."
            )
        for layer, size in enumerate(self.sizes):
            require_int(f"sizes[{layer}]", size, least=1)
        require_function("activation", self.activation, " of the values of hidden units")

    @property
    def num_weights(self) -> int:
        """The number of weights, including biases."""
        return sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(self.sizes))

    def layers(self, x: Array) -> list[tuple[Array, Array]]:
        """Returns the weights [inputs, outputs] and biases [outputs] of each layer.

        Args:
            x: [num_weights], layer by layer from the features on, its weights row by row and then
                its biases.
        """
        layers, start = [], 0
        for inputs, outputs in itertools.pairwise(self.sizes):
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            layers.append((x[start:middle].reshape(inputs, outputs), x[middle:end]))
            start = end
        return layers

    def __call__(self, x: Array, features: Array) -> Array:
        """Returns the outputs [n, outputs] for the weights ``x`` [num_weights].

        Args:
            x: as for ``layers``.
            features: [n, inputs].
        """
        *hidden_layers, last_layer = self.layers(x)
        hidden = features
        for layer in hidden_layers:
            hidden = self.activation(_affine(hidden, *layer))
        return _affine(hidden, *last_layer)


def _affine(inputs: Array, weights: Array, biases: Array) -> Array:
    # HIGHEST: on recent GPUs the default rounds the factors of a product to 10 bits.
    return jnp.matmul(inputs, weights, precision=PRECISION) + biases[None]


def require_weights(network: Network, samples: HostArray) -> Array:
    """Returns the weights of at least one network; raises an error unless they are [S, D]."""
    array = require_array("samples", samples)
    is_right = array.ndim == 2 and len(array) and array.shape[1] == network.num_weights
    require(
        is_right,
        f"samples must have shape (S, {network.num_weights}), S networks, got {array.shape}.",
    )
    return array.astype(jnp.result_type(array.dtype, float))


@functools.partial(jax.jit, static_argnames="network")
def outputs_of_samples(network: Network, samples: HostArray, features: HostArray) -> Array:
    """Returns the outputs [S, n, outputs] for each of the weights ``samples`` [S, num_weights].

    Args:
        network: the network.
        samples: [S, num_weights].
        features: [n, inputs].
    """
    samples = jnp.asarray(samples)
    features = jnp.asarray(features, samples.dtype)
    return jax.lax.map(lambda x: network(x, features), samples, batch_size=SAMPLES_AT_ONCE)
