"""The edge of a support under S: its jump enters by the score function, as the textbook has it."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.modules.natural_gradients import jumps
from gmmvi_jax.modules.natural_gradients.jumps import (
    BARRIER,
    JUMP_DEVIATIONS,
    LEAST_SHARE,
    LOWEST_JUMP,
    add_jump,
)
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.samples.window import empty_window
from gmmvi_jax.samples.window_size import MixtureShape

from ..oracles import Mixture, make_database, pad, with_window
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


def jump_terms(
    mixture: Mixture,
    points: np.ndarray,
    outside: np.ndarray,
    weights: np.ndarray,
    inside_estimates: tuple[np.ndarray, np.ndarray],
    temperature: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns [K, D] and [K, D, D] what the jump adds to whitened gradients and Hessians.

    E[phi z] and -E[phi (z z^T - I)] with z = L^-1 (x - mean), and phi minus the height outside,
    less its mean; and a sample z = 0 of weight LEAST_SHARE, as if it were inside.
    """
    gradients, hessians = [], []
    for component, weight in enumerate(weights.T):
        slope, curvature = (estimate[component] for estimate in inside_estimates)
        deviation = np.sqrt(slope @ slope + 0.5 * np.sum(curvature**2))
        inside = np.average(~outside, weights=weight)
        height = LOWEST_JUMP * temperature + JUMP_DEVIATIONS * deviation
        height += BARRIER * temperature / (inside + LEAST_SHARE)
        phi = np.where(outside, -height, 0.0)
        phi -= np.average(phi, weights=weight)
        whitened = np.linalg.solve(
            mixture.factors[component], (points - mixture.means[component]).T
        ).T
        gradients.append((weight * phi) @ whitened)
        squares = whitened[:, :, None] * whitened[:, None, :] - np.eye(D)
        hessians.append(
            -np.einsum("n,nij->ij", weight * phi, squares) + height * LEAST_SHARE * np.eye(D)
        )
    return np.stack(gradients), np.stack(hessians)


def edge_case(diagonal: bool) -> tuple:
    mixture, points, gradient, log_background = make_case(COUNT, diagonal, 700)  # two chunks
    outside = points[:, 0] > np.quantile(points[:, 0], 0.7)
    return (
        mixture,
        points,
        np.where(outside[:, None], 0.0, gradient),
        log_background,
        outside,
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("self_normalized", [True, False], ids=["self-normalised", "plain"])
@pytest.mark.parametrize(
    "reuse", [pytest.param(False, marks=pytest.mark.slow), True], ids=["new", "reused"]
)
def test_the_jump_enters_by_the_score_function(
    self_normalized: bool, reuse: bool, diagonal: bool
) -> None:
    mixture, points, gradient, log_background, outside = edge_case(diagonal)
    database = make_database(
        points,
        log_background,
        ROWS,
        CHUNK,
        target_gradient=gradient,
        outside=outside,
    )
    if reuse:
        shape = MixtureShape(20, D, form_named(diagonal), 8)
        window = empty_window(20, ROWS, BLOCK, shape, jnp.dtype(float))
        densities = np.zeros(window.log_densities.shape)
        densities[:COUNT, : len(points)] = mixture.component_log_densities(points).T
        window = dataclasses.replace(
            window, log_densities=jnp.asarray(densities), num_gaussians=jnp.asarray(COUNT)
        )
        database = with_window(database, window)
    padded = pad(mixture, CAPACITY, BLOCK, diagonal)
    found = estimate(Stein(self_normalized), padded, database, jnp.asarray(0.7))
    expected = textbook(mixture, points, gradient, log_background, 0.7, self_normalized)
    ratios = np.exp(mixture.component_log_densities(points) - log_background[:, None])
    weights = ratios / (ratios.sum(axis=0) if self_normalized else len(points))
    stored = expected[0], stored_hessian(expected[1], diagonal)
    added = jump_terms(mixture, points, outside, weights, stored, 0.7)
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
            make_database(
                points, log_background, ROWS, CHUNK, target_gradient=gradient, outside=flags
            ),
            jnp.asarray(1.0),
        )
        for flags in (np.zeros(len(points), bool), stale)
    )
    np.testing.assert_array_equal(plain.hessian, flagged.hessian)
    np.testing.assert_array_equal(plain.gradient, flagged.gradient)


@pytest.mark.parametrize("is_outside", [False, True])
def test_nothing_is_computed_where_no_sample_is_outside(
    is_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = []

    def counted(*arguments: Any) -> Any:
        jax.debug.callback(lambda _: visits.append(True), arguments[3][0])
        return add_jump(*arguments)

    monkeypatch.setattr(jumps, "add_jump", counted)
    mixture, points, gradient, log_background = make_case(COUNT, False)
    outside = np.arange(len(points)) == 3 * is_outside - 1
    database = make_database(
        points, log_background, ROWS, CHUNK, target_gradient=gradient, outside=outside
    )
    padded = pad(mixture, CAPACITY, BLOCK)
    function: Any = estimate
    function.__wrapped__(Stein(), padded, database, jnp.asarray(1.0))
    jax.effects_barrier()
    assert bool(visits) == is_outside
