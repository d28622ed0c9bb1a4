"""Tests of the component updates against direct evaluation of their steps, in float64."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_updaters.trust_region import TrustRegion
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo

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
D = 3
EXACT = 1e-10
TOLERANCE = 1e-3  # how far below its bound a KL may stay


@jax.jit
def update(
    updater: TrustRegion,
    mixture: PaddedMixture,
    record: ComponentRecord,
    gradient: NaturalGradient,
    temperature: Any,
) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
    mixture, record, memory, info = updater(
        mixture, record, updater.init(mixture), gradient, temperature
    )
    assert memory == ()
    return mixture, record, info


class Problem(NamedTuple):
    """A mixture with a natural gradient and a bound for each component."""

    mixture: Mixture
    gradient: Floats  # [K, D] whitened
    hessian: Floats  # [K, D, D] whitened; diagonal in diagonal problems
    bounds: Floats  # [K]
    temperature: float


def random_problem(dim: int, diagonal: bool, temperature: float = 1.0, seed: int = 0) -> Problem:
    """Returns convex, indefinite and concave problems, steps from far inside to far outside."""
    generator = np.random.default_rng(seed)
    roots = generator.normal(size=(K, dim, dim)) / np.sqrt(dim)
    hessian = 0.5 * (roots + roots.transpose(0, 2, 1))
    hessian[::4] = roots[::4] @ roots[::4].transpose(0, 2, 1)  # convex
    hessian[1::4] = -roots[1::4] @ roots[1::4].transpose(0, 2, 1)
    scale = 10.0 ** generator.uniform(-2.0, 2.0, size=(2, K, 1))
    hessian = scale[0, :, :, None] * (hessian * np.eye(dim) if diagonal else hessian)
    gradient = scale[1] * generator.normal(size=(K, dim)) / np.sqrt(dim)
    gradient[5], hessian[6] = 0.0, 0.0  # a pure change of shape, a pure shift
    return Problem(
        mixture=random_mixture(generator, K, dim, diagonal),
        gradient=gradient,
        hessian=hessian,
        bounds=np.geomspace(1e-3, 10.0, K)[generator.permutation(K)],
        temperature=temperature,
    )


def arguments_of(problem: Problem, diagonal: bool) -> tuple[ComponentRecord, NaturalGradient]:
    hessian = problem.hessian
    if diagonal:
        hessian = np.diagonal(hessian, axis1=1, axis2=2)
    # What is in the gradient behind the active components must not matter.
    rows = [
        np.concatenate([rows, np.full((CAPACITY - K, *rows.shape[1:]), np.nan)])
        for rows in (problem.gradient, hessian)
    ]
    gradient = NaturalGradient(*(jnp.asarray(array, float) for array in rows))
    return make_record(CAPACITY, stepsizes=problem.bounds), gradient


def run(
    problem: Problem, diagonal: bool, **fields: Floats
) -> tuple[PaddedMixture, ComponentRecord, UpdateInfo]:
    record, gradient = arguments_of(problem, diagonal)
    record = make_record(CAPACITY, stepsizes=problem.bounds, **fields) if fields else record
    padded = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    return update(TrustRegion(), padded, record, gradient, jnp.asarray(problem.temperature, float))


def natural_steps(problem: Problem, component: int, eta: Floats) -> tuple[Floats, Floats]:
    """Returns [E, D] means and [E, D, D] covariances of the steps with multipliers [E].

    Lambda' = Lambda + G / eta and Lambda' mu' = Lambda mu + (G mu + g) / eta, in the original
    coordinates: G = L^-T H L^-1 and g = L^-T h.
    """
    inverse = np.linalg.inv(problem.mixture.factors[component])
    mean, precision = problem.mixture.means[component], inverse.T @ inverse
    curvature = inverse.T @ problem.hessian[component] @ inverse
    slope = inverse.T @ problem.gradient[component]
    covariance = np.linalg.inv(precision + curvature / eta[:, None, None])
    linear = precision @ mean + (curvature @ mean + slope) / eta[:, None]
    return np.einsum("eij,ej->ei", covariance, linear), covariance


def step_divergences(problem: Problem, component: int, eta: Floats) -> Floats:
    """Returns [E] the KL of the steps, inf where the precision is not positive definite."""
    means, covariances = natural_steps(problem, component, eta)
    old = problem.mixture.means[component], problem.mixture.covariances[component]
    is_definite = np.linalg.eigvalsh(problem.hessian[component])[0] > -eta
    return np.where(is_definite, gaussian_divergence(means, covariances, *old), np.inf)


def full_divergences(problem: Problem) -> Floats:
    """Returns [K] the KL of the full natural-gradient steps, eta = beta."""
    eta = np.array([problem.temperature])
    return np.array([step_divergences(problem, component, eta)[0] for component in range(K)])


def multipliers(problem: Problem, new: Mixture) -> Floats:
    """Returns [K] the multipliers that lead to the new components: P - I = H / eta, z = h / eta."""
    found = np.empty(K)
    for component in range(K):
        factor, hessian = problem.mixture.factors[component], problem.hessian[component]
        precision = factor.T @ np.linalg.inv(new.covariances[component]) @ factor
        shift = new.means[component] - problem.mixture.means[component]
        linear = precision @ np.linalg.solve(factor, shift)
        direction = np.append(hessian, problem.gradient[component])
        change = np.append(precision - np.eye(len(shift)), linear)
        found[component] = direction @ direction / (direction @ change)
    return found


CASES = [(1, False), (D, False), (40, False), (D, True)]
CASE_NAMES = ["1-D", "3-D", "40-D", "3-D diagonal"]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("temperature", [1.0, 0.2])
@pytest.mark.parametrize(("dim", "diagonal"), CASES, ids=CASE_NAMES)
def test_each_step_is_the_full_one_or_as_long_as_its_bound_allows(
    dim: int, diagonal: bool, temperature: float
) -> None:
    problem = random_problem(dim, diagonal, temperature)
    padded, record, info = run(problem, diagonal)
    new = unpad(padded)
    full = full_divergences(problem)
    is_full = full <= problem.bounds
    assert 2 <= is_full.sum() <= K - 5  # both kinds occur
    found = gaussian_divergence(*new[1:], *problem.mixture[1:])
    assert np.all(found <= problem.bounds * (1.0 + 1e-6))
    np.testing.assert_allclose(found[~is_full], problem.bounds[~is_full], rtol=TOLERANCE)
    # What is reported is what was done.
    np.testing.assert_allclose(np.asarray(record.divergences)[:K], found, rtol=1e-6)
    np.testing.assert_allclose(info.largest_divergence, found.max(), rtol=1e-6)
    assert info.num_rejected == 0
    for component in map(int, np.flatnonzero(is_full)):
        means, covariances = natural_steps(problem, component, np.array([temperature]))
        np.testing.assert_allclose(new.means[component], means[0], rtol=1e-8, atol=EXACT)
        np.testing.assert_allclose(
            new.covariances[component], covariances[0], rtol=1e-8, atol=EXACT
        )


@pytest.mark.parametrize(("dim", "diagonal"), CASES[1:], ids=CASE_NAMES[1:])
def test_float32_meets_the_bound_to_a_percent(dim: int, diagonal: bool) -> None:
    problem = random_problem(dim, diagonal, seed=1)
    padded, _, info = run(problem, diagonal)
    assert padded.gaussians.mean.dtype == jnp.float32
    old = unpad(pad(problem.mixture, CAPACITY, BLOCK, diagonal))
    found = gaussian_divergence(*unpad(padded)[1:], *old[1:])
    assert info.num_rejected == 0
    expected = np.minimum(full_divergences(problem), problem.bounds)
    np.testing.assert_allclose(found, expected, rtol=0.01, atol=1e-7)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_the_multiplier_is_the_first_admissible_one_of_a_fine_grid(diagonal: bool) -> None:
    temperature = 0.7
    problem = random_problem(D, diagonal, temperature, seed=2)
    found = multipliers(problem, unpad(run(problem, diagonal)[0]))
    grid = temperature * 1.004 ** np.arange(3000)
    for component in range(K):
        is_admissible = step_divergences(problem, component, grid) <= problem.bounds[component]
        first = np.flatnonzero(is_admissible)[0]
        assert found[component] <= grid[first] * (1.0 + TOLERANCE)
        assert found[component] >= grid[max(first - 1, 0)] * (1.0 - 1e-9)


@pytest.mark.usefixtures("float64")
def test_the_diagonal_path_is_the_full_path_on_diagonal_problems() -> None:
    problem = random_problem(D, diagonal=True, seed=3)
    full, diagonal = (run(problem, is_diagonal) for is_diagonal in (False, True))
    # Both searches stop within the tolerance; where does not depend on the path.
    chex.assert_trees_all_close(unpad(full[0]), unpad(diagonal[0]), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(full[1].divergences, diagonal[1].divergences, rtol=1e-7)


@pytest.mark.usefixtures("float64")
def test_updating_commutes_with_affine_maps() -> None:
    problem = random_problem(D, diagonal=False, seed=4)
    matrix = np.array([[0.01, 2.0, 0.0], [0.5, 3.0, -1.0], [-20.0, 1.0, 50.0]])
    shift = np.array([3.0, -2.0, 7.0])

    def transform(mixture: Mixture) -> Mixture:
        return Mixture(
            mixture.weights,
            mixture.means @ matrix.T + shift,
            matrix @ mixture.covariances @ matrix.T,
        )

    # The gradient of the same target at the same place, in the new component's whitened
    # coordinates: those differ by the rotation (A L)^-1 ... = chol(A Sigma A^T)^-1 A L.
    mapped = transform(problem.mixture)
    rotations = np.linalg.solve(mapped.factors, matrix @ problem.mixture.factors)
    gradient = np.einsum("kij,kj->ki", rotations, problem.gradient)
    hessian = rotations @ problem.hessian @ rotations.transpose(0, 2, 1)
    mapped_problem = problem._replace(mixture=mapped, gradient=gradient, hessian=hessian)
    expected = transform(unpad(run(problem, diagonal=False)[0]))
    found = unpad(run(mapped_problem, diagonal=False)[0])
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-6, atol=1e-6)
    scale = np.sqrt(np.einsum("kii->ki", expected.covariances))
    relative = (found.covariances - expected.covariances) / (scale[:, :, None] * scale[:, None])
    np.testing.assert_allclose(relative, np.zeros_like(relative), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("field", ["gradient", "hessian"])
@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_a_component_without_a_finite_gradient_is_rejected_alone_and_counted(
    diagonal: bool, field: str, bad: float
) -> None:
    problem = random_problem(D, diagonal, seed=5)
    broken = getattr(problem, field).copy()
    broken[[2, 13], ..., 0] = bad  # in two different blocks
    past = {"ages": np.arange(K), "num_rejected": np.arange(K) // 2, "divergences": np.ones(K)}
    sound = run(problem, diagonal, **past)
    padded, record, info = run(problem._replace(**{field: broken}), diagonal, **past)
    is_rejected = np.isin(np.arange(K), [2, 13])
    assert info.num_rejected == 2
    np.testing.assert_array_equal(
        np.asarray(record.num_rejected)[:K], np.arange(K) // 2 + is_rejected
    )
    np.testing.assert_array_equal(np.asarray(record.ages)[:K], np.arange(K) + 1)
    np.testing.assert_array_equal(np.asarray(record.divergences)[[2, 13]], np.zeros(2))
    before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    stay = [2, 13]
    chex.assert_trees_all_equal(rows(before.gaussians, stay), rows(padded.gaussians, stay))
    others = np.flatnonzero(~is_rejected)
    chex.assert_trees_all_equal(
        rows((padded.gaussians, record), others), rows((sound[0].gaussians, sound[1]), others)
    )


@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_slots_that_are_not_active_are_left_alone(diagonal: bool) -> None:
    problem = random_problem(D, diagonal, seed=6)
    before = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    padded, record, _ = run(problem, diagonal)
    np.testing.assert_array_equal(padded.log_weights, before.log_weights)
    inactive = slice(K, None)
    chex.assert_trees_all_equal(rows(before.gaussians, inactive), rows(padded.gaussians, inactive))
    np.testing.assert_array_equal(np.asarray(record.ages)[K:], np.zeros(CAPACITY - K))
    np.testing.assert_array_equal(np.asarray(record.stepsizes)[:K], np.float32(problem.bounds))


@pytest.mark.parametrize("diagonal", [False, True], ids=["full", "diagonal"])
def test_the_inverse_factor_stays_the_inverse_over_many_updates(diagonal: bool) -> None:
    problem = random_problem(D, diagonal, seed=7)
    problem = problem._replace(bounds=np.full(K, 0.1), temperature=1.0)
    padded = pad(problem.mixture, CAPACITY, BLOCK, diagonal)
    record, gradient = arguments_of(problem, diagonal)
    for sign in 100 * [1.0, -1.0]:  # there and back, or the covariances would leave float32
        moved = jax.tree.map(lambda leaf, sign=sign: sign * leaf, gradient)
        padded, record, _ = update(TrustRegion(), padded, record, moved, jnp.ones(()))
    factor, inverse = (np.asarray(leaf, np.float64)[:K] for leaf in padded.gaussians[1:3])
    product = factor * inverse if diagonal else factor @ inverse
    unit = np.ones(D) if diagonal else np.eye(D)
    np.testing.assert_allclose(product, np.broadcast_to(unit, product.shape), atol=1e-4)
    np.testing.assert_array_equal(np.asarray(record.ages)[:K], np.full(K, 200))
