"""Choice A: components are added where mass is missing and deleted where they are useless."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_adaptation.appending import append_component
from gmmvi_jax.modules.component_adaptation.compaction import keep_components
from gmmvi_jax.modules.component_adaptation.deleting import (
    History,
    components_to_keep,
    window_length,
)
from gmmvi_jax.modules.component_adaptation.new_covariance import isotropic_variance
from gmmvi_jax.modules.component_adaptation.protocol import Adapted, Remembered
from gmmvi_jax.modules.component_adaptation.searching import Found, Search, find_mean
from gmmvi_jax.modules.records import (
    AdaptationInfo,
    ComponentRecord,
    Memories,
    missing_reward,
)
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require, require_int, require_not_negative
from gmmvi_jax.samples.archive import Archive
from gmmvi_jax.typing import Array, HostArray, LogDensity, PRNGKey

THRESHOLDS = (5000.0, 1000.0, 500.0, 200.0, 100.0, 50.0)  # tau, in nats, cycled through


class AdaptiveMemory(NamedTuple):
    """What ``Adaptive`` remembers."""

    num_searches: Array  # [] int32 times a place for a new component was looked for
    history: History


@register_pytree
@dataclasses.dataclass(frozen=True)
class Adaptive:
    """VIPS' heuristics for the number of components.

    Source: Arenz et al., JMLR 2020, Section 4.2; TMLR 2023, Section 3.

    Attributes:
        prior_mean: [D] centre of candidates from the prior.
        initial_variance: [D] variances of candidates from the prior; its entropy bounds that of
            new components.
        lightest: weight below which a component is light enough to be deleted.
        add_iters: a component is added every ``add_iters`` iterations.
        del_iters: iterations a component is given to prove itself, at least 3.
        num_database_samples: most candidates taken from the archive.
        num_prior_samples: candidates drawn from the prior, evaluated and counted.
        max_database_size: samples the archive keeps over the iterations; 0: the last batch only.
    """

    prior_mean: HostArray
    initial_variance: HostArray
    lightest: float
    add_iters: int = dataclasses.field(metadata={"static": True})
    del_iters: int = dataclasses.field(metadata={"static": True})
    num_database_samples: int = dataclasses.field(metadata={"static": True})
    num_prior_samples: int = dataclasses.field(metadata={"static": True})
    max_database_size: int = dataclasses.field(metadata={"static": True})

    def init(self, mixture: PaddedMixture) -> AdaptiveMemory:
        """Returns what the choice remembers: no searches, no rewards, no weights."""
        shape = (mixture.capacity, window_length(self.del_iters))
        dtype = mixture.log_weights.dtype
        return AdaptiveMemory(
            num_searches=jnp.zeros((), jnp.int32),
            history=History(
                rewards=jnp.full(shape, missing_reward(dtype)), weights=jnp.zeros(shape, dtype)
            ),
        )

    def archive_capacity(self, max_samples: int) -> int:
        """Returns how many samples the archive must hold."""
        # Thinning once must do: it leaves half of the archive, and keeps half of a batch at most.
        least = max_samples + 1 if self.keeps_history() else max_samples
        return max(self.max_database_size, least)

    def keeps_history(self) -> bool:
        """Returns whether the archive reaches beyond the last batch."""
        return self.max_database_size > 0

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
        """Deletes, then adds; see ``ComponentAdaptation``."""
        memory: AdaptiveMemory = memories.component_adaptation
        history = _remember(memory.history, mixture, components, iteration)
        num_before = mixture.num_components
        keep = components_to_keep(
            mixture, components, history, temperature, iteration, self.del_iters, self.lightest
        )
        memories = memories._replace(component_adaptation=memory._replace(history=history))
        remembered = Remembered(components, memories)
        mixture, remembered = keep_components(mixture, remembered, keep)
        num_deleted = num_before - mixture.num_components

        is_time = (iteration > 1) & (iteration % self.add_iters == 0)
        due = is_time & (mixture.num_components < mixture.max_components)

        def propose(index: Array, _: tuple[Found, Array]) -> tuple[Found, Array]:
            # Tied to the iteration: XLA moves what every iteration has in common out of the loop.
            _, own_key = lax.optimization_barrier((index, key))
            return self._propose(own_key, log_target, mixture, memory.num_searches, archive)

        zero = jnp.zeros((), mixture.log_weights.dtype)
        nothing = Found(jnp.zeros(mixture.dim, zero.dtype), jnp.zeros((), jnp.int32)), zero
        # A loop of zero or one iterations: where no search is due its buffers are not even made.
        found, variance = lax.fori_loop(0, due.astype(jnp.int32), propose, nothing)
        mixture, (components, memories) = append_component(
            mixture, remembered, newborn, found.mean, variance, due
        )
        memory = memories.component_adaptation._replace(num_searches=memory.num_searches + due)
        info = AdaptationInfo(due.astype(jnp.int32), num_deleted, found.num_evaluations)
        return Adapted(mixture, components, memories._replace(component_adaptation=memory), info)

    def _propose(
        self,
        key: PRNGKey,
        log_target: LogDensity,
        mixture: PaddedMixture,
        num_searches: Array,
        archive: Archive,
    ) -> tuple[Found, Array]:
        """Returns what a search found, and the variance of the new component."""
        dtype = mixture.log_weights.dtype
        deviation = jnp.sqrt(jnp.asarray(self.initial_variance, dtype))
        search = Search(
            self.num_database_samples,
            self.num_prior_samples,
            jnp.asarray(self.prior_mean, dtype),
            deviation,
        )
        # The first search uses the second threshold, as published.
        thresholds = jnp.asarray(THRESHOLDS, dtype)
        threshold = thresholds[(num_searches + 1) % len(THRESHOLDS)]
        offset, share = jax.random.uniform(key, (2,), dtype)
        found = find_mean(key, log_target, mixture, archive, search, offset, threshold)
        return found, isotropic_variance(share, mixture, deviation)


def _remember(
    history: History, mixture: PaddedMixture, components: ComponentRecord, iteration: Array
) -> History:
    """Writes this iteration's rewards and weights into the history."""
    column = iteration % history.rewards.shape[1]

    def write(buffer: Array, values: Array) -> Array:
        return lax.dynamic_update_slice_in_dim(
            buffer, values[:, None], column, 1, allow_negative_indices=False
        )

    return History(
        rewards=write(history.rewards, components.rewards),
        weights=write(history.weights, jnp.exp(mixture.log_weights)),
    )


def build(
    problem: Problem,
    *,
    add_iters: int = 30,
    del_iters: int = 100,
    min_weight_for_deletion: float = 1e-6,
    # A tenth of the published number finds places as good (the argmax of 10,000 random samples
    # is in the best 0.01 %), and a search costs one density pass over them.
    num_database_samples: int = 10_000,
    num_prior_samples: int = 0,
    # The published default keeps the last batch only; samples of the whole run cost
    # memory, not evaluations, and remember modes that the mixture has left.
    max_database_size: int = 100_000,
) -> Adaptive:
    """Builds choice A."""
    return Adaptive(
        prior_mean=problem.prior_mean,
        initial_variance=problem.initial_variance,
        lightest=min_weight_for_deletion,
        add_iters=add_iters,
        del_iters=del_iters,
        num_database_samples=num_database_samples,
        num_prior_samples=num_prior_samples,
        max_database_size=max_database_size,
    )


def check(choice: Adaptive) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_int("del_iters", choice.del_iters)
    require(
        choice.del_iters >= 3,
        f"del_iters must be at least 3, got {choice.del_iters}: the rewards are smoothed over "
        f"2 * (del_iters // 3) iterations.",
    )
    require_int("add_iters", choice.add_iters, least=1)
    require_int("num_database_samples", choice.num_database_samples, least=1)
    require_int("num_prior_samples", choice.num_prior_samples, least=0)
    require_int("max_database_size", choice.max_database_size, least=0)
    require_not_negative("min_weight_for_deletion", choice.lightest)


CHOICE = Choice(
    "A",
    Adaptive,
    "adaptive: added where the mixture misses mass, deleted where light and stagnating",
    build,
    check=check,
    attributes={"min_weight_for_deletion": "lightest"},
)
