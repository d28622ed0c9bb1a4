"""Tests of the direct update (I) and iBLR (Y) against the textbook formulas, in float64.

The formulas are in the original coordinates, with precisions; the package works in whitened ones.
"""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_updaters import direct, iblr
from gmmvi_jax.modules.component_updaters.direct import Direct
from gmmvi_jax.modules.component_updaters.iblr import IBLR
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo

from ..double_precision import enable_x64
from ..oracles import (
    Floats,
    Mixture,
    gaussian_divergence,
    make_record,
    pad,
    random_mixture,
    rows,
    unpad,
)

K, CAPACITY, BLOCK = 21, 24, 8  # the last block is partly filled
FRESH = np.arange(K) % 3 == 0  # components before their first update
EXACT = 1e-10

UPDATERS: dict[str, Any] = {"I": Direct(), "Y": IBLR()}
RULES: dict[str, Any] = {"I": direct.update_one, "Y": iblr.update_one}


@functools.partial(jax.jit, static_argnames="letter")
def update(
    letter: str, mixture: PaddedMixture, record: ComponentRecord, gradient: Any, temperature: Any
) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
    updater = UPDATERS[letter]
    mixture, record, memory, info = updater(
        mixture, record, updater.init(mixture), gradient, temperature
    )
    assert memory == ()
    return mixture, record, info


@pytest.fixture(params=UPDATERS)
def letter(request: pytest.FixtureRequest) -> str:
    return request.param


class Problem(NamedTuple):
    """A mixture with the natural gradient of each component in the original coordinates."""

    mixture: Mixture
    gradient: Floats  # [K, D] g = E[grad r]
    hessian: Floats  # [K, D, D] G = -E[hess r]; diagonal in diagonal problems
    stepsizes: Floats  # [K]

    def natural_gradient(self, diagonal: bool) -> NaturalGradient:
        """Returns the whitened gradients; what is behind the active slots must not matter."""
        factors = self.mixture.factors
        gradient = np.einsum("kji,kj->ki", factors, self.gradient)
        hessian = factors.transpose(0, 2, 1) @ self.hessian @ factors
        if diagonal:
            hessian = np.diagonal(hessian, axis1=1, axis2=2)
        padded = [
            np.concatenate([rows, np.full((CAPACITY - K, *rows.shape[1:]), np.nan)])
            for rows in (gradient, hessian)
        ]
        return NaturalGradient(*(jnp.asarray(rows, float) for rows in padded))


def random_problem(dim: int, diagonal: bool, seed: int = 0) -> Problem:
    """Returns convex, indefinite and concave problems under small and large stepsizes."""
    generator = np.random.default_rng(seed)
    mixture = random_mixture(generator, K, dim, diagonal)
    roots = generator.normal(size=(K, dim, dim)) / np.sqrt(dim)
    hessian = roots + roots.transpose(0, 2, 1)
    hessian[::4] = roots[::4] @ roots[::4].transpose(0, 2, 1)
    hessian[1::4] = -roots[1::4] @ roots[1::4].transpose(0, 2, 1)
    hessian = hessian * np.eye(dim) if diagonal else hessian
    return Problem(
        mixture=mixture,
        gradient=generator.normal(size=(K, dim)),
        hessian=hessian,
        stepsizes=np.geomspace(1e-3, 10.0, K)[generator.permutation(K)],
    )


def textbook(problem: Problem, letter: str) -> tuple[Mixture, np.ndarray]:
    """Returns the updated mixture, and [K] which components are rejected."""
    means, covariances, is_rejected = [], [], []
    for component in range(K):
        _, mean, covariance = (field[component] for field in problem.mixture)
        g, curvature = problem.gradient[component], problem.hessian[component]
        eps = problem.stepsizes[component]
        precision = np.linalg.inv(covariance) + eps * curvature
        if letter == "Y":
            precision += 0.5 * eps**2 * curvature @ covariance @ curvature
        is_rejected.append(np.linalg.eigvalsh(precision)[0] <= 0.0)
        if is_rejected[-1]:
            means.append(mean)
            covariances.append(covariance)
            continue
        new_covariance = np.linalg.inv(precision)
        shift = eps * (new_covariance if letter == "I" else covariance) @ g
        means.append(mean + shift * (letter == "I" or not FRESH[component]))
        covariances.append(new_covariance)
    new = Mixture(problem.mixture.weights, np.array(means), np.array(covariances))
    return new, np.array(is_rejected)


def run(problem: Problem, letter: str, diagonal: bool, temperature: float = 0.3) -> Any:
    """Returns the mixture, the record and the info after an update."""
    record = make_record(
        CAPACITY,
        stepsizes=problem.stepsizes,
        ages=np.where(FRESH, 0, 4),
        num_rejected=np.where(FRESH, 0, 2),
        divergences=np.ones(K),
    )
    padded = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    gradient = problem.natural_gradient(diagonal)
    return update(letter, padded, record, gradient, jnp.asarray(temperature))


CASES = [(3, False), (3, True), (20, False)]
CASE_NAMES = ["3-D", "3-D diagonal", "20-D"]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dim", "diagonal"), CASES, ids=CASE_NAMES)
def test_updates_are_the_textbook_ones_and_what_is_not_definite_stays_and_is_counted(
    letter: str, dim: int, diagonal: bool
) -> None:
    problem = random_problem(dim, diagonal)
    expected, is_rejected = textbook(problem, letter)
    assert np.any(is_rejected) == (letter == "I")
    padded, record, info = run(problem, letter, diagonal)
    found = unpad(padded)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-8, atol=EXACT)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-8, atol=EXACT)
    before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    stay = np.append(np.flatnonzero(is_rejected), np.arange(K, CAPACITY))
    chex.assert_trees_all_equal(rows(padded.gaussians, stay), rows(before.gaussians, stay))
    np.testing.assert_array_equal(np.asarray(record.was_rejected)[:K], is_rejected)
    np.testing.assert_array_equal(
        np.asarray(record.num_rejected)[:K], np.where(FRESH, 0, 2) + is_rejected
    )
    np.testing.assert_array_equal(np.asarray(record.ages)[:K], np.where(FRESH, 1, 5))
    assert info.num_rejected == is_rejected.sum()
    # The divergence that is reported is that of the step, 0 where there was none.
    divergences = gaussian_divergence(*found[1:], *problem.mixture[1:])
    reported = np.asarray(record.divergences)[:K]
    np.testing.assert_allclose(reported, divergences, rtol=1e-6, atol=1e-14)
    np.testing.assert_allclose(info.largest_divergence, divergences.max(), rtol=1e-6)
    # The factors are each other's inverse, and lower triangular with a positive diagonal.
    factor, inverse = (np.asarray(leaf)[:K] for leaf in padded.gaussians[1:3])
    if not diagonal:
        np.testing.assert_array_equal(factor, np.tril(factor))
        assert np.all(np.diagonal(factor, axis1=1, axis2=2) > 0.0)
        factor = factor @ inverse - np.eye(dim) + 1.0
        inverse = np.ones_like(factor)
    np.testing.assert_allclose(factor * inverse, np.ones_like(factor), atol=1e-8)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_only_the_first_iblr_update_has_no_mean_step(diagonal: bool) -> None:
    problem = random_problem(3, diagonal, seed=1)
    for letter in UPDATERS:
        moved = unpad(run(problem, letter, diagonal)[0]).means != problem.mixture.means
        expected = ~textbook(problem, letter)[1] & ~(FRESH & (letter == "Y"))
        np.testing.assert_array_equal(moved, np.repeat(expected[:, None], 3, axis=1))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_a_component_alone_is_updated_as_among_the_others(letter: str, diagonal: bool) -> None:
    problem = random_problem(3, diagonal, seed=2)
    padded, record, _ = run(problem, letter, diagonal)
    before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    gradient = problem.natural_gradient(diagonal)
    rule = jax.jit(RULES[letter])
    is_rejected = textbook(problem, letter)[1]
    for component in range(K):
        gaussian, own = (
            jax.tree.map(lambda leaf, row=component: leaf[row], tree)
            for tree in (before.gaussians, gradient)
        )
        age = jnp.asarray(0 if FRESH[component] else 4, jnp.int32)
        eps = jnp.asarray(problem.stepsizes[component])
        proposal, divergence = rule(gaussian, own, eps, age, jnp.ones(()))
        if is_rejected[component]:
            assert not all(np.all(np.isfinite(leaf)) for leaf in proposal[:3])
            continue
        for alone, among in zip(proposal[:3], padded.gaussians[:3], strict=True):
            np.testing.assert_allclose(alone, among[component], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(divergence, record.divergences[component], rtol=1e-12)


@pytest.mark.parametrize("size", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize(("dim", "diagonal"), CASES[:2], ids=CASE_NAMES[:2])
def test_float32_knows_the_divergence_of_small_steps(
    letter: str, dim: int, diagonal: bool, size: float
) -> None:
    problem = random_problem(dim, diagonal, seed=3)
    norms = np.linalg.norm(problem.natural_gradient(diagonal).hessian[:K].reshape(K, -1), axis=1)
    problem = problem._replace(stepsizes=size / norms)
    _, record, _ = run(problem, letter, diagonal)
    assert record.divergences.dtype == jnp.float32
    expected = gaussian_divergence(*textbook(problem, letter)[0][1:], *problem.mixture[1:])
    np.testing.assert_allclose(np.asarray(record.divergences)[:K], expected, rtol=2e-6 / size)


def test_iblr_accepts_stiff_steps_in_float32() -> None:
    dim = 20
    # One stiff direction among flat ones: the new precision's condition is 5e9.
    generator = np.random.default_rng(4)
    stiff = generator.normal(size=(K, dim))
    stiff /= np.linalg.norm(stiff, axis=1, keepdims=True)
    signs = generator.permutation(K) % 2 * 2.0 - 1.0
    problem = random_problem(dim, diagonal=False, seed=4)
    problem = problem._replace(
        mixture=problem.mixture._replace(covariances=np.tile(np.eye(dim), (K, 1, 1))),
        hessian=1e5 * signs[:, None, None] * stiff[:, :, None] * stiff[:, None, :],
        stepsizes=np.ones(K),
    )
    padded, record, info = run(problem, "Y", diagonal=False)
    assert info.num_rejected == 0
    covariances = unpad(padded).covariances
    flat = np.eye(dim) - stiff[:, :, None] * stiff[:, None, :]
    np.testing.assert_allclose(covariances, flat, atol=0.01)  # the stiff entries round at 0.006
    assert np.all(np.einsum("ki,kij,kj->k", stiff, covariances, stiff) < 1e-6)
    assert np.all(np.isfinite(record.divergences))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_a_component_without_a_finite_gradient_is_rejected_alone(
    letter: str, diagonal: bool, bad: float
) -> None:
    problem = random_problem(3, diagonal, seed=5)
    problem = problem._replace(stepsizes=np.full(K, 1e-2))
    sound, _, info = run(problem, letter, diagonal)
    assert info.num_rejected == 0
    gradient = problem.natural_gradient(diagonal)
    broken = gradient._replace(hessian=gradient.hessian.at[13, 0].set(bad))
    before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    record = make_record(CAPACITY, stepsizes=problem.stepsizes, ages=np.where(FRESH, 0, 4))
    padded, record, info = update(letter, before, record, broken, jnp.ones(()))
    assert info.num_rejected == 1
    assert record.divergences[13] == 0.0
    others = np.flatnonzero(np.arange(K) != 13)
    mixtures = (before.gaussians, padded.gaussians, sound.gaussians)
    for was, now, healthy in zip(*map(jax.tree.leaves, mixtures), strict=True):
        np.testing.assert_array_equal(now[13], was[13])
        np.testing.assert_array_equal(now[others], healthy[others])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_a_component_as_narrow_as_its_floats_are_dense_is_rejected_alone(
    letter: str, diagonal: bool, bits: int
) -> None:
    # At a mean of 1, float32 numbers are 1e-7 apart: in one direction two components shrink to a
    # deviation of about 3e-9, which float64 still resolves.
    problem = random_problem(3, diagonal, seed=6)
    means = np.ones_like(problem.mixture.means)
    hessian = problem.mixture.precisions.copy()
    hessian[[2, 13], 0, 0] += 1e17 if letter == "I" else 4e8
    problem = problem._replace(
        mixture=problem.mixture._replace(means=means),
        gradient=np.zeros((K, 3)),
        hessian=hessian,
        stepsizes=np.ones(K),
    )
    with enable_x64(bits == 64):
        padded, record, _ = run(problem, letter, diagonal)
        is_rejected = np.isin(np.arange(K), [2, 13]) & (bits == 32)
        np.testing.assert_array_equal(np.asarray(record.was_rejected)[:K], is_rejected)
        before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    found, was = (np.asarray(leaf.gaussians.factor)[[2, 13]] for leaf in (padded, before))
    assert np.array_equal(found, was) == (bits == 32)


@pytest.mark.usefixtures("float64")
def test_one_direct_step_of_size_one_solves_a_gaussian_target() -> None:
    # At beta = 1, G = C^-1 - Lambda and g = C^-1 (m - mu): Lambda' = C^-1, mu' = m.
    generator = np.random.default_rng(6)
    mixture = random_mixture(generator, K, 3)
    target = random_mixture(generator, 1, 3)
    precision = target.precisions[0]
    problem = Problem(
        mixture=mixture,
        gradient=(target.means[0] - mixture.means) @ precision,
        hessian=precision - mixture.precisions,
        stepsizes=np.ones(K),
    )
    found = unpad(run(problem, "I", diagonal=False)[0])
    np.testing.assert_allclose(found.means, np.broadcast_to(target.means, (K, 3)), rtol=1e-8)
    np.testing.assert_allclose(
        found.covariances, np.broadcast_to(target.covariances, (K, 3, 3)), rtol=1e-8, atol=1e-10
    )
