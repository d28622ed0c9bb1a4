"""What the posteriors of neural networks share: minibatches of the training rows."""

import dataclasses

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.centred_minibatch import CentredMinibatch
from gmmvi_jax.densities.minibatch import MinibatchTarget
from gmmvi_jax.targets.network import Network
from gmmvi_jax.targets.splits import Rows
from gmmvi_jax.typing import Array, PRNGKey

BATCH_SIZE = 128  # Arenz et al. (TMLR 2023), the experiments WINE and MNIST


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkPosterior:
    """The posterior of a network's weights, of which each evaluation draws a minibatch."""

    name: str = dataclasses.field(metadata={"static": True})
    network: Network = dataclasses.field(metadata={"static": True})
    splits: dict[str, Rows]
    batch_size: int = dataclasses.field(default=BATCH_SIZE, metadata={"static": True})

    @property
    def is_stochastic(self) -> bool:
        """Always true: every sample has its own key and minibatch."""
        return True

    @property
    def dim(self) -> int:
        """The number of weights D, biases included."""
        return self.network.num_weights

    @property
    def prior_mean(self) -> float:
        """Initial means are drawn around zero, the mean of the prior."""
        return 0.0

    def __call__(self, x: Array, key: PRNGKey) -> Array:
        """Returns an estimate of log p~ at ``x`` [D] from the minibatch drawn with ``key``."""
        return self._posterior()(x, key)

    def full(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D] on all training rows."""
        return self._posterior().full(x)

    def centred(self, point: Array) -> CentredMinibatch:
        """Returns the target with less noise near a point [D]; see ``MinibatchTarget.centred``."""
        return self._posterior().centred(point)

    def log_prior(self, x: Array) -> Array:
        """Returns the log density of the prior at ``x`` [D], up to a constant."""
        raise NotImplementedError

    def log_likelihood(self, x: Array, rows: tuple[Array, Array]) -> Array:
        """Returns the log likelihood of rows of the data, their sum.

        Args:
            x: [D].
            rows: features [n, F] and labels [n].
        """
        raise NotImplementedError

    def _posterior(self) -> MinibatchTarget:
        likelihood, prior = as_log_density(self.log_likelihood), as_log_density(self.log_prior)
        return MinibatchTarget(likelihood, prior, self.splits["train"], self.batch_size)
