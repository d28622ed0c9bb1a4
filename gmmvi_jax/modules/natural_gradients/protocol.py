"""What an estimator of natural gradients must do."""

from typing import Protocol

from gmmvi_jax.mixture import PaddedMixture
from gmmvi_jax.records import ComponentRecord, NaturalGradient, SampleBatch
from gmmvi_jax.typing import Array


class NaturalGradientEstimator(Protocol):
    """Estimates, for every component, the expected gradient and Hessian of r."""

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        batch: SampleBatch,
        temperature: Array,
        buffers: NaturalGradient,
    ) -> NaturalGradient:
        """Estimates the natural gradients.

        Args:
            mixture: the mixture before its update.
            components: its record.
            batch: the samples of this iteration.
            temperature: beta in r(x) = log p~(x) - beta log q(x), scalar.
            buffers: an earlier result, overwritten (so that nothing of size K x D x D is
                allocated in a step).
        """
        ...
