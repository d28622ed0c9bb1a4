"""Mixtures, archives and histories for tests of adding and deleting components."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.adaptive import Adaptive, AdaptiveMemory
from gmmvi_jax.modules.component_adaptation.deleting import History, components_to_keep
from gmmvi_jax.modules.component_adaptation.protocol import Adapted, Remembered
from gmmvi_jax.modules.records import ComponentRecord, Memories, empty_record
from gmmvi_jax.samples.archive import Archive

from ..oracles import Floats, HostTarget, Mixture, make_record, pad, random_mixture

D, BLOCK, CAPACITY, MAX_COMPONENTS = 2, 3, 6, 5
DEL_ITERS = 6
HALF = 2  # floor(DEL_ITERS / 3)
WINDOW = 10  # DEL_ITERS + 2 HALF
CHUNK, ROWS, LIMIT, NUM_PRIOR = 8, 72, 40, 7
PRIOR_MEAN, PRIOR_VARIANCE = np.array([3.0, -2.0]), np.array([4.0, 0.25])
MISSING = -np.finfo(np.float64).max
EXACT = 1e-10
FROM_ARCHIVE = Adaptive(
    prior_mean=jnp.asarray(PRIOR_MEAN, jnp.float32),
    initial_variance=jnp.asarray(PRIOR_VARIANCE, jnp.float32),
    lightest=1e-6,
    add_iters=3,
    del_iters=DEL_ITERS,
    num_database_samples=LIMIT,
    num_prior_samples=0,
    max_database_size=64,
)
adapt_jit = jax.jit(Adaptive.__call__)
keep_jit = jax.jit(components_to_keep, static_argnums=5)


def hill(points: Floats) -> Floats:
    """A target with a mode where no mixture of these tests has mass."""
    return -0.5 * np.sum((points - 4.0) ** 2, axis=-1)


def make_archive(points: Floats, log_target: Floats) -> Archive:
    """Returns an archive whose rows behind the live ones look most attractive."""
    count = len(points)
    stale = np.full((ROWS - count, D), 1e3)
    return Archive(
        points=jnp.asarray(np.concatenate([points, stale])),
        log_target=jnp.asarray(np.append(log_target, np.full(ROWS - count, 1e9))),
        count=jnp.asarray(count, jnp.int32),
        stride=jnp.ones((), jnp.int32),
        skip=jnp.zeros((), jnp.int32),
        chunk_size=CHUNK,
        keeps_history=True,
    )


def random_candidates(mixture: Mixture, count: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Returns points from near to far, whose log target falls more slowly than the mixture's.

    Under a threshold tau the best of them are about tau nats below the best covered one, which
    is itself far from covered.
    """
    generator = np.random.default_rng(seed)
    directions = scipy.stats.uniform_direction(D).rvs(count, random_state=generator)
    radii = np.geomspace(15.0, 150.0, count)[generator.permutation(count)]
    points = (directions * radii[:, None]).astype(np.float32).astype(np.float64)
    return points, 0.6 * mixture.log_density(points) + 3.0 * generator.normal(size=count)


@functools.cache
def three_components() -> Mixture:
    return random_mixture(np.random.default_rng(2), 3, D, spread=1.0)


def make_history(rewards: Any = (), weights: Any = ()) -> History:
    """Returns ring buffers with these rows, padded to the capacity; the rest is 0."""

    def padded(rows: Any) -> Any:
        buffer = np.zeros((CAPACITY, WINDOW))
        buffer[: len(rows)] = np.asarray(rows).reshape(-1, WINDOW)
        return jnp.asarray(buffer)

    return History(padded(rewards), padded(weights))


def memories_of(adaptation: Any, other: Any = ()) -> Memories:
    """Returns memories of which one other choice has one, too."""
    return Memories(other, adaptation, (), (), (), (), ())


def memory_of(adapted: Adapted) -> AdaptiveMemory:
    return adapted.memories.component_adaptation


def newborn_of(adaptive: Adaptive, mixture: PaddedMixture) -> Remembered:
    other = jnp.full(CAPACITY, 0.25)
    return Remembered(
        empty_record(CAPACITY, jnp.result_type(float)), memories_of(adaptive.init(mixture), other)
    )


def adapt(
    mixture: Mixture | PaddedMixture,
    archive: Archive,
    iteration: int,
    adaptive: Adaptive = FROM_ARCHIVE,
    record: ComponentRecord | None = None,
    history: History | None = None,
    num_searches: int = 0,
    seed: int = 0,
    temperature: float = 1.0,
    target: Any = None,
) -> Adapted:
    if isinstance(mixture, Mixture):
        mixture = pad(mixture, CAPACITY, BLOCK, max_components=MAX_COMPONENTS)
    return adapt_jit(
        adaptive,
        jax.random.key(seed),
        HOST_HILL if target is None else target,
        mixture,
        make_record(CAPACITY) if record is None else record,
        memories_of(
            AdaptiveMemory(
                jnp.asarray(num_searches, jnp.int32),
                make_history() if history is None else history,
            ),
            jnp.arange(1.0, 1.0 + CAPACITY),
        ),
        newborn_of(adaptive, mixture),
        archive,
        jnp.asarray(temperature),
        jnp.asarray(iteration, jnp.int32),
    )


HOST_HILL = HostTarget(hill)
LIGHT, GOOD = 1e-9, [0, 2, 4]
LATE = 7 * 11 + 1  # an iteration at which nothing is added: 78 = 3 * 26 would


def in_ring(history: Floats, iteration: int) -> Floats:
    """Returns the ring buffer in which the newest column stands at ``iteration`` % WINDOW."""
    return np.roll(history, (iteration + 1) % WINDOW, axis=1)


class Scenario:
    """Five components; 1 and 3 are old, stagnating and light. Columns are in order of time."""

    def __init__(self) -> None:
        self.rewards = np.zeros((5, WINDOW))
        self.rewards[[1, 3]] = -1000.0
        self.weights = np.full((5, WINDOW), 0.3)
        self.weights[[1, 3]] = LIGHT
        self.ages = np.full(5, 50)

    def arguments(self, iteration: int) -> tuple[PaddedMixture, ComponentRecord, History]:
        mixture = random_mixture(np.random.default_rng(2), 5, D)
        weights = self.weights[:, -1] / self.weights[:, -1].sum()
        # This iteration's column is still to be written, from the rewards and the weights.
        rewards, history = self.rewards.copy(), self.weights.copy()
        rewards[:, -1], history[:, -1] = 1e5, 1.0
        marks = np.arange(1.0, 6.0)
        record = make_record(
            CAPACITY,
            stepsizes=marks,
            num_rejected=10 * marks,
            divergences=100 * marks,
            previous_rewards=1000 * marks,
            rewards=self.rewards[:, -1],
            ages=self.ages,
        )
        padded = pad(
            mixture._replace(weights=weights), CAPACITY, BLOCK, max_components=MAX_COMPONENTS
        )
        in_rings = make_history(in_ring(rewards, iteration), in_ring(history, iteration))
        return padded, record, in_rings

    def adapt(self, iteration: int = 79, temperature: float = 1.0) -> Adapted:
        padded, record, history = self.arguments(iteration)
        archive = make_archive(np.array([[9.0, 9.0]]), np.zeros(1))
        return adapt(padded, archive, iteration, FROM_ARCHIVE, record, history, 0, 0, temperature)

    def kept(self, iteration: int = 79, temperature: float = 1.0) -> list[int]:
        """Returns which components the criteria keep."""
        padded, record, _ = self.arguments(iteration)
        history = make_history(in_ring(self.rewards, iteration), in_ring(self.weights, iteration))
        return np.flatnonzero(keep(padded, record, history, temperature, iteration)).tolist()


def keep(
    padded: PaddedMixture,
    record: ComponentRecord,
    history: History,
    temperature: float,
    iteration: int,
) -> Any:
    """Returns [CAPACITY] which components the criteria keep."""
    beta, now = jnp.asarray(temperature), jnp.asarray(iteration)
    return keep_jit(padded, record, history, beta, now, DEL_ITERS, 1e-6)
