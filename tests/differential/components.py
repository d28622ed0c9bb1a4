"""Steps of the components (module 4), with inputs that do not come from an estimator."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_updaters import direct, iblr, trust_region
from gmmvi_jax.modules.component_updaters.protocol import ComponentUpdater
from gmmvi_jax.modules.natural_gradients.ridge_schedule import next_ridge_factors
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient
from gmmvi_jax.numerics.forms.array_steps import change_precision
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.roots import unit_like
from gmmvi_jax.typing import Array

from .comparison import Comparison, compare
from .reference import (
    Arrays,
    make_mixture,
    make_record,
    temperature,
    whitened_gradient,
)

ALONE = "ONE component, without a mixture, against the blocked pass"
THEIR_ETA = "our formula at the multiplier that their search found"
THEIR_BOUND = "their divergence, their other code, the multiplier to the last bit"
OUR_BOUND = "ours is within 0.1 % below the bound, or a full step"
# A divergence 0.1 % below the bound is a step 0.05 % shorter; the rest is float32's share.
OF_THE_BOUND = 1e-3
FLOAT32_RATIO = 1e-4

UpdateOne = Callable[[Gaussian, NaturalGradient, Array, Array, Array], tuple[Gaussian, Array]]


@partial(jax.jit, static_argnames="kind")
def _update(
    updater: ComponentUpdater,
    mixture: PaddedMixture,
    record: ComponentRecord,
    gradient: NaturalGradient,
    kind: type,
) -> tuple[PaddedMixture, ComponentRecord]:
    """Returns what an updater makes of the mixture and the record.

    ``kind`` is its class: jit (jax 0.10) takes the structures of two dataclasses for equal when
    their fields are, whatever their classes, and may then run the wrong program.
    """
    del kind
    memory = updater.init(mixture)
    mixture, record, _, _ = updater(mixture, record, memory, gradient, temperature())
    return mixture, record


@partial(jax.jit, static_argnames="update_one")
def _update_alone(
    update_one: UpdateOne, gaussian: Gaussian, gradient: NaturalGradient, stepsize: Any, age: Any
) -> tuple[Gaussian, Array]:
    return update_one(gaussian, gradient, stepsize, age, temperature())


def divergences(arrays: Arrays, means: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns [K] KL(new || old) in float64."""
    old_means = arrays["inputs/means"].astype(np.float64)
    old = arrays["inputs/factors"].astype(np.float64)
    new = np.asarray(factors, np.float64)
    shift = np.asarray(means, np.float64) - old_means
    if old.ndim == 2:
        ratio, moved = new / old, shift / old
        terms = 0.5 * (ratio**2 - 1 + moved**2) - np.log(ratio)
        return terms.sum(axis=1)
    inverse = np.linalg.inv(old)
    ratio, moved = inverse @ new, np.einsum("kij,kj->ki", inverse, shift)
    squares = (ratio**2).sum(axis=(1, 2)) - old.shape[1] + (moved**2).sum(axis=1)
    return 0.5 * squares - np.log(np.diagonal(ratio, axis1=1, axis2=2)).sum(axis=1)


def relative_step(arrays: Arrays, means: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns [K, ...] the steps L^-1 (mu' - mu) and L^-1 L' - I side by side, in float64."""
    old_means, old = (arrays[f"inputs/{name}"].astype(np.float64) for name in ("means", "factors"))
    if old.ndim == 2:
        return np.concatenate([(means - old_means) / old, factors / old - 1.0], axis=1)
    inverse = np.linalg.inv(old)
    shift = np.einsum("kij,kj->ki", inverse, means - old_means)
    turn = inverse @ factors - np.eye(old.shape[1])
    return np.concatenate([shift[:, :, None], turn], axis=2)


def _step(
    arrays: Arrays, updater: ComponentUpdater, stepsizes: np.ndarray
) -> tuple[PaddedMixture, ComponentRecord]:
    mixture = make_mixture(arrays)
    record = make_record(
        mixture.capacity,
        stepsizes=stepsizes,
        ages=arrays["inputs/ages"],
    )
    gradient = whitened_gradient(arrays, mixture.capacity)
    return _update(updater, mixture, record, gradient, kind=type(updater))


def _parameters(arrays: Arrays, mixture: PaddedMixture) -> tuple[np.ndarray, np.ndarray]:
    count = len(arrays["inputs/means"])
    return np.asarray(mixture.gaussians.mean)[:count], np.asarray(mixture.gaussians.factor)[:count]


def _alone(
    arrays: Arrays, choice: str, update_one: UpdateOne, stepsizes: np.ndarray, mixture: Any
) -> Iterator[Comparison]:
    """Compares the rule for one component with the pass over all, where that accepted it."""
    means, factors = _parameters(arrays, mixture)
    start = make_mixture(arrays)
    gradient = whitened_gradient(arrays, start.capacity)
    inputs = jax.tree.map(np.asarray, (start.gaussians, gradient))
    proposals = []
    for row in range(len(means)):
        gaussian, slopes = jax.tree.map(lambda leaf, row=row: leaf[row], inputs)
        age = arrays["inputs/ages"][row]
        proposal, divergence = _update_alone(update_one, gaussian, slopes, stepsizes[row], age)
        finite = np.isfinite(divergence) and np.all(np.isfinite(proposal.factor))
        proposals.append(proposal if finite else gaussian)
    found = jax.tree.map(lambda *leaves: np.stack(leaves), *proposals)
    line = partial(compare, choice, "step")
    yield line("means alone", found.mean, means, why=ALONE)
    yield line("factors alone", found.factor, factors, why=ALONE)


def plain_steps(arrays: Arrays) -> Iterator[Comparison]:
    """Compares I and Y, the rejected component of I and the ridge factors among it."""
    stepsizes = arrays["inputs/stepsizes"]
    count = len(stepsizes)
    for choice, updater, update_one in (
        ("direct", direct.Direct(), direct.update_one),
        ("iblr", iblr.IBLR(), iblr.update_one),
    ):
        if f"{choice}/step/means" not in arrays:
            continue  # the published code crashes on this kind of covariance
        line = partial(compare, choice, "step")
        mixture, record = _step(arrays, updater, stepsizes)
        means, factors = _parameters(arrays, mixture)
        yield line("means", means, arrays[f"{choice}/step/means"])
        yield line("factors", factors, arrays[f"{choice}/step/factors"])
        last = np.zeros(mixture.capacity, np.float32)
        last[:count] = arrays["inputs/ridge_factors"]
        ridges = next_ridge_factors(record, jnp.asarray(last), jnp.asarray(1e-12, jnp.float32))
        ridges = ridges[:count]
        expected = arrays[f"{choice}/step/ridge_factors"]
        yield line("ridge factors, ratio", ridges / expected, np.ones(count))
        rejected = np.all(arrays[f"{choice}/step/means"] == arrays["inputs/means"], axis=1)
        rejected &= np.all(
            arrays[f"{choice}/step/factors"] == arrays["inputs/factors"],
            axis=tuple(range(1, factors.ndim)),
        )
        yield line("rejected", record.was_rejected[:count], rejected, 0.0)
        yield from _alone(arrays, choice, update_one, stepsizes, mixture)


@jax.jit
def _step_at(gaussians: Gaussian, gradient: NaturalGradient, etas: Array) -> Gaussian:
    def step(gaussian: Gaussian, gradient: NaturalGradient, eta: Array) -> Gaussian:
        hessian = gradient.hessian / eta
        return change_precision(gaussian, unit_like(hessian) + hessian, gradient.gradient / eta)

    return jax.vmap(step)(gaussians, gradient, etas)


def bounded_steps(arrays: Arrays) -> Iterator[Comparison]:
    """Compares T: at their multiplier; where theirs is exact; and our own divergences."""
    start = make_mixture(arrays)
    bounds = arrays["inputs/bounds"]
    count, missing = len(bounds), start.capacity - len(bounds)
    gradient = whitened_gradient(arrays, start.capacity)
    for variant in ("published", "exact"):
        prefix = f"trust_region/{variant}"
        etas = np.pad(arrays[f"{prefix}/etas"], (0, missing), constant_values=1.0)
        line = partial(compare, "trust region", f"at the {variant} multiplier", why=THEIR_ETA)
        proposal = _step_at(start.gaussians, gradient, jnp.asarray(etas))
        yield line("means", proposal.mean[:count], arrays[f"{prefix}/means"])
        yield line("factors", proposal.factor[:count], arrays[f"{prefix}/factors"])
    line = partial(compare, "trust region", "own multiplier")
    mixture, record = _step(arrays, trust_region.TrustRegion(), bounds)
    means, factors = _parameters(arrays, mixture)
    ours = relative_step(arrays, means, factors)
    theirs = relative_step(
        arrays, *(arrays[f"trust_region/exact/{name}"] for name in ("means", "factors"))
    )
    lengths = np.linalg.norm(theirs.reshape(count, -1), axis=1)
    apart = np.linalg.norm((ours - theirs).reshape(count, -1), axis=1)
    yield line("step / its length", apart / lengths, np.zeros(count), OF_THE_BOUND, THEIR_BOUND)
    achieved = divergences(arrays, means, factors)
    full_step = arrays["trust_region/exact/etas"] == 1.0
    allowed = np.where(full_step, achieved, bounds)
    yield line("KL / bound", achieved / allowed, np.ones(count), OF_THE_BOUND, OUR_BOUND)
    excess = np.maximum(achieved / bounds - 1.0, 0.0)
    yield line("KL beyond the bound", excess, np.zeros(count), FLOAT32_RATIO, "none, in float32")
    recorded = np.asarray(record.divergences)[:count]
    yield line("KL of the record", recorded / achieved, np.ones(count), FLOAT32_RATIO, "in float32")
    yield from _alone(arrays, "trust region", trust_region.update_one, bounds, mixture)
