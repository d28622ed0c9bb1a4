"""What an estimator of natural gradients must do."""

from typing import Protocol

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array, PyTree


class NaturalGradientEstimator(Protocol):
    """Estimates, for every component, the expected gradient and Hessian of r.

    Attributes:
        uses_target_gradient: whether the batch must hold the target's gradients; if not, none is
            ever computed, and a target without a gradient will do.
    """

    @property
    def uses_target_gradient(self) -> bool:
        """Whether the batch must hold the target's gradients."""
        ...

    def init(self, mixture: PaddedMixture) -> PyTree:
        """Returns what the estimator remembers, before the first step; see ``Memories``."""
        ...

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: PyTree,
        database: SampleDatabase,
        temperature: Array,
        buffers: NaturalGradient,
    ) -> tuple[NaturalGradient, PyTree, Array]:
        """Estimates the natural gradients.

        Args:
            mixture: the mixture before its update.
            components: its record.
            memory: its own, of the last iteration.
            database: its ``batch`` holds the samples of this iteration, and its ``densities``
                answer for the components' densities there.
            temperature: beta in r(x) = log p~(x) - beta log q(x), scalar.
            buffers: an earlier result, overwritten (so that nothing of size K x D x D is
                allocated in a step).

        Returns:
            The natural gradients; the memory; and [N] log b(x), the log density of what generated
            the samples, which the weights' update needs too (``database.densities`` computes it).
        """
        ...
