"""Tests of MORE's estimates in single precision."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.natural_gradients.more import MORE
from gmmvi_jax.modules.records import NaturalGradient
from gmmvi_jax.numerics.forms.record import Gaussian

from ..oracles import Mixture, make_database, pad, unpad
from .more_cases import (
    BLOCK,
    CAPACITY,
    OWN,
    SELF,
    D,
    assert_equal,
    draw,
    estimate,
    make_case,
    run,
    textbook,
    wavy,
    without_gradient,
)


def test_the_components_with_too_few_samples_do_not_harm_the_others() -> None:
    # Own samples: the first has 60, the second 2, the third none.
    mixture, samples = make_case(3, diagonal=False)
    kept = (samples.origins == 0) | (np.arange(len(samples.points)) // 2 == 30)
    few = samples.take(kept)
    found = estimate(OWN, pad(mixture, CAPACITY, BLOCK), few.database())
    expected = textbook(OWN, mixture, samples, 1.0, False)
    np.testing.assert_allclose(found.gradient[0], expected.gradient[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.hessian[0], expected.hessian[0], rtol=1e-3, atol=1e-3)
    assert np.all(np.isfinite(found.hessian[1]))
    assert np.all(np.isnan(found.hessian[2]))
    assert np.all(np.isnan(found.gradient[2]))


def test_a_component_far_from_all_samples_is_finite_or_honest(diagonal: bool) -> None:
    # Its importance weights are those of one or two samples, a thousand nats below the others'.
    mixture, samples = make_case(3, diagonal)
    far = Mixture(
        weights=np.full(4, 0.25),
        means=np.concatenate([mixture.means, [[30.0, -30.0, 30.0]]]),
        covariances=np.concatenate([mixture.covariances, [np.eye(D)]]),
    )
    found = estimate(SELF, pad(far, CAPACITY, BLOCK, diagonal), samples.database())
    # The others, of which the rewards know the fourth.
    rewards_aside = far._replace(means=far.means[:3], covariances=far.covariances[:3])
    rewards_aside = rewards_aside._replace(weights=far.weights[:3])
    expected = textbook(SELF, rewards_aside, samples, 1.0, diagonal)
    assert_equal(NaturalGradient(*(part[:3] for part in found)), expected, 1e-4)
    last = np.concatenate([found.gradient[3], np.ravel(found.hessian[3])])
    assert np.all(np.isnan(last)) or np.all(np.abs(last) < 1e6)


def test_without_usable_samples_there_is_no_estimate() -> None:
    mixture, samples = make_case(3, diagonal=False)
    nothing = dataclasses.replace(samples, log_background=np.full(len(samples.points), np.inf))
    found = estimate(SELF, pad(mixture, CAPACITY, BLOCK), nothing.database())
    assert np.all(np.isnan(found.gradient))
    assert np.all(np.isnan(found.hessian))


def test_a_large_constant_costs_single_precision_nothing_but_its_own_rounding(
    diagonal: bool,
) -> None:
    # r = 10,000 + variations of size 10, known to 1e-3.
    mixture, _ = make_case(4, diagonal)
    mixture = unpad(pad(mixture, CAPACITY, BLOCK, diagonal))
    samples = draw(mixture, 60, lambda points: wavy(points) + 1e4, np.float32)
    found = estimate(SELF, pad(mixture, CAPACITY, BLOCK, diagonal), samples.database())
    assert found.gradient.dtype == found.hessian.dtype == np.float32
    assert_equal(found, textbook(SELF, mixture, samples, 1.0, diagonal), 1e-4)


@pytest.mark.parametrize("stretch", [1.0, 3.0])
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_single_precision_recovers_every_eigenvalue_of_an_ill_conditioned_quadratic(
    temperature: float, stretch: float
) -> None:
    # 30 dimensions, eigenvalues from 1 to 10,000, 5,000 samples of a component that knows nothing
    # of the target.
    dim, count = 30, 5000
    generator = np.random.default_rng(3)
    basis, own_basis = np.linalg.qr(generator.normal(size=(2, dim, dim)))[0]
    precision = (basis * np.geomspace(1.0, 1e4, dim)) @ basis.T
    optimum = 0.3 * generator.normal(size=dim)
    covariance = (own_basis * np.geomspace(1 / stretch, stretch, dim)) @ own_basis.T
    padded = pad(Mixture(np.ones(1), np.zeros((1, dim)), covariance[None]), 1, 1)
    mixture = unpad(padded)

    def log_target(points: np.ndarray) -> np.ndarray:
        centred = points - optimum
        return -0.5 * np.einsum("ni,ij,nj->n", centred, precision, centred)

    samples = draw(mixture, count, log_target, np.float32)
    database = samples.database(5120, 512)
    found = estimate(MORE(), padded, database, temperature)
    factor = mixture.factors[0]
    hessian = factor.T @ precision @ factor - temperature * np.eye(dim)
    gradient = -factor.T @ precision @ (mixture.means[0] - optimum)
    eigenvalues = np.linalg.eigvalsh(found.hessian[0].astype(float))
    np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(hessian), rtol=1e-2)
    error = np.linalg.norm(found.hessian[0] - hessian, 2) / np.linalg.norm(hessian, 2)
    assert error < 1e-6
    error = np.linalg.norm(found.gradient[0] - gradient) / np.linalg.norm(gradient)
    assert error < 1e-6


def test_in_2000_dimensions_the_diagonal_fit_interpolates_without_a_d_by_d_array() -> None:
    dim, count = 2000, 48
    generator = np.random.default_rng(0)
    mean = np.float32(generator.normal(size=dim)).astype(float)
    deviations = np.float32(generator.uniform(0.5, 2.0, dim)).astype(float)
    points = np.float32(mean + deviations * generator.normal(size=(count, dim))).astype(float)
    log_target = np.float32(-0.5 * np.square(points - 1.0).sum(axis=1)).astype(float)
    database = make_database(points, np.zeros(count), 64, 32, log_target=log_target)
    database = without_gradient(database)
    parts = (mean, deviations, 1.0 / deviations)
    padded = PaddedMixture(
        log_weights=jnp.zeros(1),
        gaussians=Gaussian(*(jnp.asarray(part)[None] for part in parts)),
        num_components=jnp.asarray(1, jnp.int32),
        max_components=1,
        block_size=1,
    )
    more = MORE(only_own_samples=True)
    found = estimate(more, padded, database, temperature=0.0)

    whitened = (points - mean) / deviations
    features = np.concatenate([whitened**2, whitened], axis=1)
    smallest = np.linalg.pinv(features - features.mean(axis=0)) @ (log_target - log_target.mean())
    expected = NaturalGradient(smallest[None, dim:], -2.0 * smallest[None, :dim])
    assert_equal(found, expected, 1e-4)

    program = str(jax.make_jaxpr(run)(more, padded, database, jnp.asarray(0.0)))
    shapes = {tuple(map(int, text.split(","))) for text in re.findall(r"\[([\d,]+)\]", program)}
    assert (1, dim) in shapes
    assert not [shape for shape in shapes if sum(size >= dim for size in shape) > 1]
