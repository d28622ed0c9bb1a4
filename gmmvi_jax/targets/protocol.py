"""The attributes of a benchmark target."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from gmmvi_jax.typing import Array, PRNGKey


@runtime_checkable
class Target(Protocol):
    """An unnormalised log density of one point, with a prior for the initial mixture.

    The targets of this package are frozen dataclasses registered as pytrees: their data are leaves,
    stored as float64 numpy arrays, and their name is static. The data of a target are therefore
    arguments of a jitted function, not constants of the program; another instance with the same
    shapes does not recompile, and JAX converts the data to its default precision.
    ``jax.device_put(target)`` keeps the data on the device between calls.

    Attributes:
        name: its name in ``gmmvi_jax.targets.get`` (without the seed).
        dim: D.
        prior_mean: a number or [D], the mean of the normal distribution from which the means of the
            initial components come.
        prior_scale: a number or [D], its standard deviation.
        initial_covariance: a number or [D], the variances of the initial components.
    """

    @property
    def name(self) -> str:
        """The target's name."""
        ...

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        ...

    @property
    def prior_mean(self) -> float | np.ndarray | Array:
        """Mean of the initial means, a number or [D]."""
        ...

    @property
    def prior_scale(self) -> float | np.ndarray | Array:
        """Standard deviation of the initial means, a number or [D]."""
        ...

    @property
    def initial_covariance(self) -> float | np.ndarray | Array:
        """Variances of the initial components, a number or [D]."""
        ...

    def __call__(self, x: Array, *args: Any, **kwargs: Any) -> Array:
        """Returns the log density, a scalar of ``x``'s dtype, at one point.

        Args:
            x: [D]; use ``jax.vmap`` for several points. Its shape is not checked here.
            *args: a PRNG key, if the target is stochastic.
            **kwargs: none.
        """
        ...


@runtime_checkable
class SolvedTarget(Target, Protocol):
    """A target with known normalising constant and modes, and exact samples.

    Attributes:
        log_z: the log of the density's integral.
        modes: [M, D] the modes (for mixtures the means of the components).
    """

    @property
    def log_z(self) -> float:
        """Log normalising constant."""
        ...

    @property
    def modes(self) -> np.ndarray | Array:
        """The modes [M, D]."""
        ...

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> Array:
        """Returns exact, independent samples [num_samples, D] in JAX's default precision."""
        ...
