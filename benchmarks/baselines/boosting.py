"""Boosting a mixture: one component at a time, those before it stay as they are.

Sources: Miller, Foti, Adams, "Variational boosting: iteratively refining posterior
approximations", ICML 2017; Guo, Wang, Fan, Broderick, Dunson, "Boosting variational inference",
2016. A new component h with weight a maximises the ELBO of (1 - a) q + a h, estimated from draws of
q and reparameterised draws of h. It starts where, among draws of a widened q, p~/q is largest.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.baselines.mixture_parameters import (
    MixtureParameters,
    draw_each,
    draws_of,
    initial_parameters,
    log_density,
)
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.problem import Problem

FIRST_LOGIT = -2.0  # a new component starts with a weight of 0.12
WIDENING = 2.0  # of q's draws, among which a new component finds its mean
NUM_CANDIDATES = 500


def joined(old: MixtureParameters, new: MixtureParameters, index: Any, logit: Any) -> Any:
    """Returns the mixture with component ``index`` added, at weight sigmoid(logit).

    The first component, of an empty mixture, has all the weight: its log weight is at 0.
    """
    log_rest = jnp.where(index > 0, jax.nn.log_sigmoid(-logit), 0.0)
    log_own = jnp.where(index > 0, jax.nn.log_sigmoid(logit), 0.0)
    log_weights = jnp.where(index > 0, jax.nn.log_softmax(old.logits), old.logits) + log_rest
    parts = zip(old[1:], new[1:], strict=True)
    return MixtureParameters(
        log_weights.at[index].set(log_own), *(a.at[index].set(b[0]) for a, b in parts)
    )


class Boosting:
    """The parts of the method that are compiled."""

    def __init__(self, problem: Problem) -> None:
        """Takes the target and the settings, see ``fit``."""
        settings = problem.settings
        self.coordinates = PriorCoordinates(problem.target)
        self.diagonal = settings.get("diagonal", False)
        self.num_samples = settings.get("num_samples", 50)
        self.chunk_length = settings.get("steps_per_chunk", 200)
        self.optimiser = optax.adam(settings.get("learning_rate", 1e-2))
        self.start = jax.jit(self._start)
        self.chunk = jax.jit(self._chunk, donate_argnums=0)

    def _draws(self, old: MixtureParameters, key: Any, count: int) -> Any:
        key_pick, key_draw = jax.random.split(key)
        picks = jax.random.categorical(key_pick, old.logits, shape=(count,))
        own = MixtureParameters(*(leaf[picks] for leaf in old))
        return draw_each(own, key_draw, 1)[:, 0]

    def _loss(self, free: Any, old: MixtureParameters, index: Any, key: Any) -> Any:
        new, logit = free
        mixture = joined(old, new, index, logit)
        key_old, key_new = jax.random.split(key)
        target = self.coordinates.log_density
        ratio = jax.vmap(lambda point: target(point) - log_density(mixture, point))
        of_new = jnp.mean(ratio(draw_each(new, key_new, self.num_samples)[0]))
        # Of an empty mixture component 0 would be drawn: any point will do, its weight is 0.
        of_old = jnp.mean(ratio(self._draws(old, key_old, self.num_samples)))
        share = jnp.where(index > 0, jax.nn.sigmoid(logit), 1.0)
        return -(share * of_new + (1.0 - share) * of_old)

    def _start(self, old: MixtureParameters, index: Any, key: Any) -> Any:
        """Returns a new component and the optimiser's state."""
        wide = old._replace(
            log_scales=old.log_scales + jnp.log(WIDENING), lower=WIDENING * old.lower
        )
        candidates = self._draws(wide, key, NUM_CANDIDATES)
        target = self.coordinates.log_density
        surplus = jax.vmap(lambda point: target(point) - log_density(old, point))(candidates)
        best = candidates[jnp.argmax(jnp.where(jnp.isnan(surplus), -jnp.inf, surplus))]
        new = initial_parameters(key, 1, self.coordinates.dim, self.diagonal)
        new = new._replace(means=jnp.where(index > 0, best, 0.0)[None])
        # A type for the whole run: Python numbers are of a weaker one, and compile once more.
        free = (new, jnp.asarray(FIRST_LOGIT, new.means.dtype))
        return free, self.optimiser.init(free)

    def _chunk(self, state: Any, old: MixtureParameters, index: Any, key: Any) -> Any:
        def step(state: Any, key: Any) -> tuple[Any, None]:
            free, memory = state
            slopes = jax.grad(self._loss)(free, old, index, key)
            update, memory = self.optimiser.update(slopes, memory)
            return (optax.apply_updates(free, update), memory), None

        return jax.lax.scan(step, state, jax.random.split(key, self.chunk_length))[0]


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``num_components`` at most; ``diagonal``; ``learning_rate`` of Adam;
    ``num_samples`` of the old mixture, and as many of the new component, per step;
    ``steps_per_component``; ``steps_per_chunk``, between snapshots.
    """
    num_components = problem.settings.get("num_components", 20)
    method = Boosting(problem)
    chunks = max(1, problem.settings.get("steps_per_component", 1000) // method.chunk_length)
    key = jax.random.key(problem.seed)
    empty = initial_parameters(key, num_components, method.coordinates.dim, method.diagonal)
    logits = jnp.full(num_components, -jnp.inf, empty.means.dtype).at[0].set(0.0)
    mixture = empty._replace(logits=logits)
    join = jax.jit(joined)
    evaluations = steps = 0
    over, index = False, 0
    while index < num_components and not over:
        key, key_start = jax.random.split(key)
        state = method.start(mixture, index, key_start)
        if index > 0:
            evaluations += NUM_CANDIDATES
        current = mixture
        for _ in range(chunks):
            key, key_chunk = jax.random.split(key)
            state = method.chunk(state, mixture, index, key_chunk)
            current = jax.block_until_ready(join(mixture, state[0][0], index, state[0][1]))
            steps += method.chunk_length
            evaluations += method.chunk_length * method.num_samples * (2 if index > 0 else 1)
            draw = draws_of(method.coordinates, current)
            over = problem.take(steps, evaluations, draw, components=index + 1)
            if over:
                break
        mixture, index = current, index + 1
    return {"steps": steps, "components": index}
