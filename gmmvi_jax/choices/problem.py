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
        codename: of the variant; what the other choices are.
        diagonal: whether covariances are diagonal.
    """

    dim: int
    prior_mean: HostArray
    initial_variance: HostArray
    codename: str = ""
    diagonal: bool = False

    def uses(self, letter: str) -> bool:
        """Whether the variant has this choice."""
        return letter in self.codename
