"""The edge of a support under S: its jump enters by the score function, as the textbook has it."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.modules.natural_gradients.jumps import JUMP_DEVIATIONS, LOWEST_JUMP
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.reuse_window import empty_window

from ..oracles import Mixture, make_batch, pad
from .test_stein import (
    BLOCK,
    CAPACITY,
    CHUNK,
    EXACT,
    ROWS,
    D,
    estimate,
    make_case,
    stored_hessian,
    textbook,
)

COUNT = 3


@pytest.fixture(params=["full", "diagonal"])
def diagonal(request: pytest.FixtureRequest) -> bool:
    return request.param == "diagonal"


def jump_terms(
    mixture: Mixture,
    points: np.ndarray,
    values: np.ndarray,
    outside: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns [K, D] and [K, D, D] what the jump adds to whitened gradients and Hessians.

    h grad log P(inside): E[phi z] and -E[phi (z z^T - I)] with z = L^-1 (x - mu), and phi the
    height over P inside, 0 outside, less its mean.
    """
    gradients, hessians = [], []
    for component, weight in enumerate(weights.T):
        inside = weight[~outside] / weight[~outside].sum()
        mean = inside @ values[~outside]
        deviation = np.sqrt(inside @ (values[~outside] - mean) ** 2)
        height = LOWEST_JUMP + JUMP_DEVIATIONS * deviation
        share = weight[~outside].sum() / weight.sum()
        phi = height * (np.where(outside, 0.0, 1.0 / share) - 1.0)
        factor = mixture.factors[component]
        whitened = np.linalg.solve(factor, (points - mixture.means[component]).T).T
        gradients.append((weight * phi) @ whitened)
        squares = whitened[:, :, None] * whitened[:, None, :] - np.eye(D)
        hessians.append(-np.einsum("n,nij->ij", weight * phi, squares))
    return np.stack(gradients), np.stack(hessians)


def edge_case(diagonal: bool) -> tuple:
    mixture, points, gradient, log_background = make_case(COUNT, diagonal, 700)  # two chunks
    outside = points[:, 0] > np.quantile(points[:, 0], 0.7)
    values = np.where(outside, -1e4, -np.sum(points**2, axis=1))
    return (
        mixture,
        points,
        np.where(outside[:, None], 0.0, gradient),
        log_background,
        values,
        outside,
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False], ids=["self-normalised", "plain"])
@pytest.mark.parametrize("reuse", [False, True], ids=["new", "reused"])
def test_the_jump_enters_by_the_score_function(
    self_normalized: bool, reuse: bool, diagonal: bool
) -> None:
    mixture, points, gradient, log_background, values, outside = edge_case(diagonal)
    batch = make_batch(
        points,
        log_background,
        ROWS,
        CHUNK,
        log_target=values,
        target_gradient=gradient,
        outside=outside,
    )
    window = None
    if reuse:
        window = empty_window(20, ROWS, BLOCK, D, diagonal, jnp.dtype(float))
        densities = np.zeros(window.log_densities.shape)
        densities[:COUNT, : len(points)] = mixture.component_log_densities(points).T
        window = dataclasses.replace(
            window, log_densities=jnp.asarray(densities), num_gaussians=jnp.asarray(COUNT)
        )
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(Stein(self_normalized), padded, batch, jnp.asarray(0.7), window)
    expected = textbook(mixture, points, gradient, log_background, 0.7, self_normalized)
    ratios = np.exp(mixture.component_log_densities(points) - log_background[:, None])
    weights = ratios / (ratios.sum(axis=0) if self_normalized else len(points))
    added = jump_terms(mixture, points, values, outside, weights)
    np.testing.assert_allclose(
        np.asarray(found.gradient)[:COUNT], expected[0] + added[0], rtol=1e-9, atol=EXACT
    )
    np.testing.assert_allclose(
        np.asarray(found.hessian)[:COUNT],
        stored_hessian(expected[1] + added[1], diagonal),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.usefixtures("float64")
def test_rows_behind_the_samples_are_not_outside(diagonal: bool) -> None:
    mixture, points, gradient, log_background = make_case(COUNT, diagonal)
    stale = np.append(np.zeros(len(points), bool), np.ones(CHUNK, bool))
    plain, flagged = (
        estimate(
            Stein(),
            pad(mixture, CAPACITY, BLOCK, diagonal),
            make_batch(
                points, log_background, ROWS, CHUNK, target_gradient=gradient, outside=flags
            ),
            jnp.asarray(1.0),
        )
        for flags in (np.zeros(len(points), bool), stale)
    )
    np.testing.assert_array_equal(plain.hessian, flagged.hessian)
    np.testing.assert_array_equal(plain.gradient, flagged.gradient)
