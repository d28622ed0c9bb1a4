"""What the builders of the choices may want to know of the problem."""

import dataclasses

from gmmvi_jax.typing import HostArray


@dataclasses.dataclass(frozen=True)
class Problem:
    """The problem that an algorithm is put together for.

    Attributes:
        dim: dimensions D.
        prior_mean: [D] where the initial means come from.
        initial_variance: [D] variances of the initial components.
    """

    dim: int
    prior_mean: HostArray
    initial_variance: HostArray
