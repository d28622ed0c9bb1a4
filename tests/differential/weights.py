"""Updates of the weights (module 6) and the rewards they record."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.densities import log_density_and_terms
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.records import ComponentRecord
from gmmvi_jax.modules.weight_updaters import expected_rewards as rewards_module
from gmmvi_jax.modules.weight_updaters.direct import DirectWeights
from gmmvi_jax.modules.weight_updaters.protocol import WeightUpdater
from gmmvi_jax.modules.weight_updaters.trust_region import TrustRegionWeights
from gmmvi_jax.numerics.weighted_sum import WeightedSum, empty_sum, normalizer
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.samples.importance_weights import log_importance_weights
from gmmvi_jax.typing import Array

from .comparison import Comparison, compare
from .inputs import WEIGHT_BOUNDS, WEIGHT_STEPSIZES
from .reference import (
    CHUNK_SIZE,
    Arrays,
    background_of,
    make_database,
    make_mixture,
    make_record,
    temperature,
)

ALONE = "ONE component, without a mixture, against the blocked pass"
FLOOR = "their floor is exp(-69.07), ours 1e-30 = exp(-69.078)"
FLOOR_DIFFERENCE = 2e-4  # 0.008 of 69
THEIR_ETA = "our formula at the multiplier that their search found"
THEIR_BOUND = "their divergence, their other code, the multiplier to the last bit"
OUR_BOUND = "ours is within 0.1 % below the bound, or a full step"
OF_THE_BOUND = 2e-3  # 0.1 %, and what float32 makes of it where the bound is 0.001
# A divergence 0.1 % below the bound is a step 0.05 % shorter. Theirs is a sum of float32 logarithms
# that cancel: its noise is another 0.1 % of the narrowest bound.
OF_THE_STEP = 2e-3


@partial(jax.jit, static_argnames="kind")
def _update_as(
    updater: WeightUpdater,
    mixture: PaddedMixture,
    database: SampleDatabase,
    record: ComponentRecord,
    stepsize: Array,
    kind: type,
) -> tuple[PaddedMixture, ComponentRecord]:
    """Returns what an updater makes of the mixture and the record.

    ``kind`` is its class: jit (jax 0.10) takes the structures of two dataclasses for equal when
    their fields are, whatever their classes, and may then run the wrong program.
    """
    del kind
    memory = updater.init(mixture)
    mixture, record, _, _ = updater(
        mixture, record, memory, database, background_of(database), stepsize, temperature()
    )
    return mixture, record


def _update(
    updater: WeightUpdater,
    mixture: PaddedMixture,
    database: SampleDatabase,
    record: ComponentRecord,
    stepsize: float,
) -> tuple[PaddedMixture, ComponentRecord]:
    return _update_as(updater, mixture, database, record, jnp.asarray(stepsize), kind=type(updater))


@jax.jit
def _tilt(mixture: PaddedMixture, record: ComponentRecord, scale: Array) -> PaddedMixture:
    """Returns the weights after a step of this length along the rewards of the record."""
    advantages = rewards_module.advantages_of(mixture, record.rewards - mixture.log_weights)
    return rewards_module.with_log_weights(mixture, mixture.log_weights + scale * advantages)


@partial(jax.jit, static_argnames="self_normalized")
def _reward_alone(
    index: Any, mixture: PaddedMixture, database: SampleDatabase, self_normalized: bool
) -> Array:
    batch = database.batch
    buffer = jnp.zeros((mixture.capacity, len(batch.points)))
    log_mixture, terms = log_density_and_terms(mixture, batch.points, buffer)
    log_weights = log_importance_weights(terms[index], background_of(database), batch.usable)
    chunks = jax.tree.map(
        lambda rows: rows.reshape(-1, CHUNK_SIZE),
        (log_weights, batch.log_target - log_mixture),
    )

    def add(
        sums: tuple[WeightedSum, Array], chunk: tuple[Array, Array]
    ) -> tuple[tuple[WeightedSum, Array], None]:
        return rewards_module.add_chunk(*sums, *chunk), None

    zero = jnp.zeros(())
    (sums, _), _ = jax.lax.scan(add, (empty_sum(zero, jnp.float32), zero), chunks)
    return sums.value * normalizer(sums, batch.num_usable, self_normalized)


def rewards(arrays: Arrays) -> Iterator[Comparison]:
    """Compares the rewards, blocked and for ONE component."""
    mixture, database = make_mixture(arrays), make_database(arrays)
    count = len(arrays["inputs/means"])
    record = make_record(mixture.capacity)
    for weighting in ("self_normalised", "plain"):
        self_normalized = weighting == "self_normalised"
        _, updated = _update(DirectWeights(self_normalized), mixture, database, record, 0.0)
        found = np.asarray(updated.rewards)[:count]
        expected = arrays[f"weights_direct/{weighting}-none/rewards"]
        yield compare("rewards", weighting, "R", found, expected)
        alone = [
            float(_reward_alone(np.int32(row), mixture, database, self_normalized))
            for row in range(count)
        ]
        alone += np.asarray(mixture.log_weights)[:count]
        yield compare("rewards", weighting, "R alone", alone, found, why=ALONE)


def plain_steps(arrays: Arrays) -> Iterator[Comparison]:
    """Compares U: no step, part of one, a full one, and one that floors weights."""
    mixture, database = make_mixture(arrays), make_database(arrays)
    count = len(arrays["inputs/means"])
    record = make_record(mixture.capacity)
    for weighting in ("self_normalised", "plain"):
        updater = DirectWeights(weighting == "self_normalised")
        for size, stepsize in WEIGHT_STEPSIZES.items():
            found, _ = _update(updater, mixture, database, record, stepsize)
            yield compare(
                "weights, direct",
                f"{weighting}-{size}",
                "log weights",
                found.log_weights[:count],
                arrays[f"weights_direct/{weighting}-{size}/log_weights"],
                **({"tolerance": FLOOR_DIFFERENCE, "why": FLOOR} if size == "floored" else {}),
            )


def bounded_steps(arrays: Arrays) -> Iterator[Comparison]:
    """Compares O: at their multiplier; where theirs is exact; and our own divergences."""
    mixture, database = make_mixture(arrays), make_database(arrays)
    count = len(arrays["inputs/means"])
    record = make_record(mixture.capacity)
    old = np.asarray(mixture.log_weights, np.float64)[:count]
    for weighting in ("self_normalised", "plain"):
        self_normalized = weighting == "self_normalised"
        for size, bound in WEIGHT_BOUNDS.items():
            variant = f"{weighting}-{size}"
            line = partial(compare, "weights, trust region", variant)
            updated, rewarded = _update(
                TrustRegionWeights(self_normalized), mixture, database, record, bound
            )
            for search in ("published", "exact"):
                suffix = "" if search == "published" else "_exact"
                prefix = f"weights_trust_region{suffix}/{variant}"
                scale = jnp.asarray(1.0 / (1.0 + arrays[f"{prefix}/eta"]))
                at_theirs = _tilt(mixture, rewarded, scale).log_weights[:count]
                theirs = arrays[f"{prefix}/log_weights"]
                yield line(f"at {search} multiplier", at_theirs, theirs, why=THEIR_ETA)
            new = np.asarray(updated.log_weights, np.float64)[:count]
            exact = arrays[f"weights_trust_region_exact/{variant}/log_weights"]
            apart = np.max(np.abs(new - exact)) / np.max(np.abs(exact - old))
            yield line("step / its length", apart, 0.0, OF_THE_STEP, THEIR_BOUND)
            divergence = np.sum(np.exp(new) * (new - old))
            allowed = divergence if size == "full" else bound
            yield line("KL / bound", divergence / allowed, 1.0, OF_THE_BOUND, OUR_BOUND)
