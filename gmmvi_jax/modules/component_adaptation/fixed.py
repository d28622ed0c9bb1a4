"""Choice E: the number of components stays what it is."""

import dataclasses

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_adaptation.protocol import Adapted, Remembered
from gmmvi_jax.modules.records import AdaptationInfo, ComponentRecord, Memories
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, LogDensity, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True)
class Fixed:
    """Adds and deletes nothing, and needs neither histories nor an archive.

    Source: Lin, Khan, Schmidt, ICML 2019; Arenz et al., TMLR 2023, Section 3.
    """

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def archive_capacity(self, max_samples: int) -> int:
        """Returns 0: no archive is needed."""
        del max_samples
        return 0

    def keeps_history(self) -> bool:
        """Returns whether the archive reaches beyond the last batch: there is none."""
        return False

    def __call__(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memories: Memories,
        newborn: Remembered,
        archive: Archive,
        temperature: Array,
        iteration: Array,
    ) -> Adapted:
        """Returns all as it is; see ``ComponentAdaptation``."""
        del key, log_target, newborn, archive, temperature, iteration
        nothing = jnp.zeros((), jnp.int32)
        return Adapted(mixture, components, memories, AdaptationInfo(nothing, nothing, nothing))


def build(problem: Problem) -> Fixed:
    """Builds choice E."""
    del problem
    return Fixed()


CHOICE = Choice("E", Fixed, "fixed: as many as at the start", build)
