"""Tests of MORE's estimates against textbook ridge regression in numpy, and closed forms."""

import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.modules.natural_gradients.more import MORE, fit_one
from gmmvi_jax.modules.natural_gradients.regression_samples import (
    RegressionSamples,
    component_log_densities,
    regression_buffer,
)
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.samples.database import SampleDatabase

from ..oracles import GivenBackground, Mixture, pad, random_mixture, rows
from .more_cases import (
    BLOCK,
    CAPACITY,
    CHUNK,
    EXACT,
    OPTIMUM,
    OWN,
    PLAIN,
    PRECISION,
    RIDGE,
    ROWS,
    SELF,
    D,
    Samples,
    assert_equal,
    estimate,
    make_case,
    quadratic,
    run,
    textbook,
)

KINDS = pytest.mark.parametrize("more", [SELF, PLAIN, OWN], ids=["self-normalised", "plain", "own"])


@pytest.mark.usefixtures("float64")
@KINDS
@pytest.mark.parametrize(("num_components", "temperature"), [(1, 1.0), (4, 0.3), (5, 2.5)])
def test_estimates_are_the_textbooks_regressions_of_the_same_samples(
    num_components: int, temperature: float, more: MORE, diagonal: bool
) -> None:
    mixture, samples = make_case(num_components, diagonal)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(more, padded, samples.database(), temperature)
    assert_equal(found, textbook(more, mixture, samples, temperature, diagonal), EXACT)
    if not diagonal:
        np.testing.assert_array_equal(found.hessian, np.swapaxes(found.hessian, 1, 2))


@pytest.mark.usefixtures("float64")
@KINDS
def test_samples_without_weight_leave_the_regression_and_the_number_of_samples(
    more: MORE, diagonal: bool
) -> None:
    mixture, samples = make_case(3, diagonal)
    usable = np.random.default_rng(2).random(len(samples.points)) < 0.7
    marked = dataclasses.replace(
        samples,
        log_background=np.where(usable, samples.log_background, np.inf),
        log_target=np.where(usable, samples.log_target, 0.0),
    )
    found = estimate(more, pad(mixture, CAPACITY, BLOCK, diagonal), marked.database())
    expected = textbook(more, mixture, samples.take(usable), 1.0, diagonal)
    assert_equal(found, expected, EXACT)


def matched_samples(mixture: Mixture, count: int) -> Samples:
    """Returns samples of ONE component with exactly its mean, its covariance and no skewness.

    On them Stein's estimate of a quadratic has no sampling error.
    """
    half = np.random.default_rng(1).normal(size=(count // 2, D))
    noise = np.concatenate([half, -half])
    noise = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / count)).T
    points = mixture.means[0] + noise @ mixture.factors[0].T
    log_background = mixture.component_log_densities(points)[:, 0]
    return Samples(points, quadratic(points), log_background, np.zeros(count, int))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [0.0, 1.0, 0.4])
def test_on_a_quadratic_the_estimate_is_steins_and_the_closed_form(temperature: float) -> None:
    mixture = random_mixture(np.random.default_rng(5), 1, D)
    samples = matched_samples(mixture, 200)
    database, padded = samples.database(), pad(mixture, CAPACITY, BLOCK)
    found = estimate(MORE(), padded, database, temperature)
    factor = mixture.factors[0]
    # E[grad log p~] = -A (mu - m); the entropy adds beta I to the Hessian, nothing to the slope.
    exact = NaturalGradient(
        gradient=-factor.T @ PRECISION @ (mixture.means - OPTIMUM).T,
        hessian=factor.T @ PRECISION @ factor - temperature * np.eye(D),
    )
    np.testing.assert_allclose(found.gradient[0], exact.gradient[:, 0], atol=EXACT)
    np.testing.assert_allclose(found.hessian[0], exact.hessian, atol=EXACT)
    slopes = np.zeros((ROWS, D))
    slopes[: len(samples.points)] = -(samples.points - OPTIMUM) @ PRECISION
    batch = dataclasses.replace(database.batch, target_gradient=jnp.asarray(slopes))
    stein = estimate(Stein(), padded, database._replace(batch=batch), temperature)
    assert_equal(found, stein, EXACT)


def test_no_gradient_of_the_target_is_asked_for() -> None:
    assert not MORE().uses_target_gradient


@pytest.mark.usefixtures("float64")
def test_the_factors_are_remembered() -> None:
    mixture, samples = make_case(3, diagonal=False)
    padded, database = pad(mixture, CAPACITY, BLOCK), samples.database()
    _, ridge_factors, _ = run(SELF, padded, database, jnp.asarray(1.0))
    np.testing.assert_allclose(ridge_factors[:3], RIDGE)


@functools.partial(jax.jit, static_argnames=("self_normalized", "only_own_samples"))
def estimate_alone(
    gaussian: Any, index: Any, database: SampleDatabase, rewards: Any, **flags: bool
) -> NaturalGradient:
    ridge, given = jnp.asarray(RIDGE), database.densities
    assert isinstance(given, GivenBackground)
    batch = database.batch
    samples = RegressionSamples(batch, given.background, rewards, gaussian.mean)
    stack, empty = jax.tree.map(lambda leaf: leaf[None], gaussian), jnp.zeros((1, ROWS))
    log_densities = component_log_densities(stack, samples, empty)[0]
    buffer = regression_buffer(batch)
    return fit_one(gaussian, index, ridge, samples, log_densities, buffer, **flags)[0]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("more", [PLAIN, OWN], ids=["plain", "own"])
def test_one_component_alone_gives_what_the_blocked_pass_gives(more: MORE) -> None:
    mixture, samples = make_case(4, diagonal=False)
    padded, database = pad(mixture, CAPACITY, BLOCK), samples.database()
    blocked = estimate(more, padded, database)
    rewards = np.full(ROWS, np.nan)
    rewards[: 2 * CHUNK] = 0.0  # as the batch: zero up to the end of the last chunk
    rewards[: len(samples.points)] = samples.log_target - mixture.log_density(samples.points)
    flags = {"self_normalized": more.self_normalized, "only_own_samples": more.only_own_samples}
    for component in range(4):
        gaussian = jax.tree.map(lambda leaf, row=component: leaf[row], padded.gaussians)
        alone = estimate_alone(gaussian, jnp.asarray(component), database, rewards, **flags)
        chex.assert_trees_all_close(alone, rows(blocked, component), rtol=1e-7, atol=EXACT)


@pytest.mark.usefixtures("float64")
def test_runs_side_by_side_are_the_runs_one_by_one() -> None:
    cases = [
        make_case(num_components, False, count) for num_components, count in ((2, 60), (5, 30))
    ]
    padded = [pad(mixture, CAPACITY, BLOCK, max_components=CAPACITY) for mixture, _ in cases]
    databases = [samples.database() for _, samples in cases]
    temperatures = jnp.array([0.5, 1.5])
    together, _, _ = jax.vmap(run, in_axes=(None, 0, 0, 0))(
        SELF,
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *padded),
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *databases),
        temperatures,
    )
    for index, mixture in enumerate(padded):
        alone = estimate(SELF, mixture, databases[index], float(temperatures[index]))
        found = rows(together, (index, slice(int(mixture.num_components))))
        chex.assert_trees_all_close(found, alone, rtol=1e-7, atol=EXACT)
