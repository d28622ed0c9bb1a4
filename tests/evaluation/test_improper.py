"""Which targets are called improper or unbounded, and that proper ones never are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import improper_direction
from gmmvi_jax.evaluation.improper import search_improper
from tests.oracles import HostTarget

ALONG_ONES = np.eye(4) + 900.0 * np.ones((4, 4))
ONES = (1.0, 1.0, 1.0, 1.0)
SLANT = np.array([0.36, -0.48, 0.8])  # of length 1
ACROSS = np.eye(3) - np.outer(SLANT, SLANT)


def normal(means, deviations) -> GMM:
    deviations = np.atleast_1d(np.asarray(deviations, float))
    return GMM.from_moments([1.0], np.atleast_2d(means), np.square(deviations)[None])


def slanted(x):  # flat along SLANT
    across = jnp.asarray(ACROSS, x.dtype) @ x
    return -0.5 * across @ across


def almost_slanted() -> GMM:
    # Wide along an axis that is only nearly SLANT, as a fit has it.
    axis = SLANT + np.array([0.01, 0.005, 0.0])
    return GMM.from_moments(
        [1.0], np.zeros((1, 3)), (0.5 * np.eye(3) + 400 * np.outer(axis, axis))[None]
    )


IMPROPER = {
    "a cosine, at one of its modes": (lambda x: 8.0 * jnp.cos(x[0]), normal([0.0], 0.35), [1.0]),
    "a cosine, over many modes": (lambda x: 8.0 * jnp.cos(x[0]), normal([5e5], 2e5), [1.0]),
    "a softmax": (
        lambda x: jnp.arange(2.0, 6.0) @ jax.nn.log_softmax(x),
        GMM.from_moments([1.0], np.zeros((1, 4)), ALONG_ONES[None]),
        ONES,
    ),
    "flat along any axis": (slanted, almost_slanted(), SLANT),
    "a parabola that opens upwards": (lambda x: 0.5 * x @ x, normal([10.0, 9.0], [3.0, 2.0]), None),
    "the same, far out": (lambda x: 0.5 * x @ x, normal([1e15, 1e14], [1e15, 1e14]), None),
    "a constant": (lambda x: 0.0 * x[0], normal([0.0, 0.0], [5.0, 4.0]), None),
    "a line": (lambda x: x[0] + 2.0 * x[1], normal([20.0, 40.0], [3.0, 3.0]), None),
    "flat on one side": (
        lambda x: jnp.where(x[0] > 0.0, -0.5 * x[1] ** 2, -jnp.inf),
        normal([10.0, 0.0], [8.0, 1.0]),
        [1.0, 0.0],
    ),
}


@pytest.mark.parametrize("name", IMPROPER)
def test_improper_targets_are_named_with_their_direction(name):
    target, gmm, expected = IMPROPER[name]
    found = improper_direction(target, gmm, np.zeros(gmm.dim))
    assert found is not None
    assert np.linalg.norm(found.direction) == pytest.approx(1.0)
    if expected is not None:
        cosine = abs(found.direction @ expected) / np.linalg.norm(expected)
        assert cosine == pytest.approx(1.0, abs=1e-6)


def test_a_flat_coordinate_of_very_many_is_found():
    dim = 600
    deviations = np.ones(dim)
    deviations[7] = 20.0
    found = improper_direction(
        lambda x: -0.5 * (x @ x - x[7] ** 2), normal(np.zeros(dim), deviations), 0.0
    )
    assert found is not None
    np.testing.assert_array_equal(np.abs(found.direction), np.eye(dim)[7])


def test_the_direction_is_named_by_its_largest_coordinates():
    target, gmm, _ = IMPROPER["a softmax"]
    found = improper_direction(target, gmm, 0.0)
    assert found is not None
    assert "along 0.5 x[0] + 0.5 x[1] + 0.5 x[2] + 0.5 x[3]:" in found.text
    target, gmm, _ = IMPROPER["flat on one side"]
    found = improper_direction(target, gmm, 0.0, names=["scale", "shift"])
    assert found is not None
    assert "improper or unbounded along scale:" in found.text


def funnel(x):
    return norm.logpdf(x[0], 0.0, 3.0) + norm.logpdf(x[1:], 0.0, jnp.exp(0.5 * x[0])).sum()


def neck(x):  # rises without bound along x[1:] = 0, where it narrows faster
    scale = jnp.exp(x[0])
    return x[0] - jnp.log1p(scale**2) + norm.logpdf(x[1:], 0.0, scale).sum() - 0.05 * x[1:] @ x[1:]


PROPER = {
    "a Gaussian": (lambda x: -0.5 * x @ x, normal([0.0, 0.0], [1.0, 1.0])),
    "Cauchy": (lambda x: -jnp.log1p(x[0] ** 2), normal([0.0], 1.0)),
    "Cauchy, a wide fit": (lambda x: -jnp.log1p(x[0] ** 2), normal([0.0], 100.0)),
    "half Cauchy": (
        lambda x: jnp.where(x[0] > 0.0, -jnp.log1p(x[0] ** 2), -jnp.inf),
        normal([3.0], 5.0),
    ),
    "Student's t with 2 degrees": (
        lambda x: -2.0 * jnp.log1p(0.5 * x @ x),
        normal([0.0, 0.0], [2.0, 2.0]),
    ),
    "log normal": (
        lambda x: jnp.where(x[0] > 0.0, -jnp.log(x[0]) - jnp.log(x[0]) ** 2 / 18.0, -jnp.inf),
        normal([50.0], 40.0),
    ),
    "a support that begins late": (
        lambda x: jnp.where(x[0] > 50.0, -0.01 * x[0] - jnp.log(x[0]), -jnp.inf),
        normal([108.0], 58.0),
    ),
    "the same, missed": (
        lambda x: jnp.where(x[0] > 50.0, -0.01 * x[0] - jnp.log(x[0]), -jnp.inf),
        normal([0.0], 1.0),
    ),
    "a box": (
        lambda x: jnp.where(jnp.all(jnp.abs(x) < 1.0), 0.0, -jnp.inf),
        normal([0.0, 0.0], [0.5, 0.5]),
    ),
    "a funnel": (funnel, normal(np.zeros(5), 2.0 * np.ones(5))),
    "a neck without end": (neck, normal(np.zeros(5), np.ones(5))),
    "a mode that is missed, in the way": (
        lambda x: jnp.logaddexp(-0.5 * x[0] ** 2, -0.5 * (x[0] - 2000.0) ** 2),
        normal([0.0], 1.0),
    ),
    "NaN far out": (lambda x: -0.5 * jnp.exp(x[0]) ** 2 / jnp.exp(x[0]), normal([0.0], 1.0)),
}


@pytest.mark.parametrize("name", PROPER)
def test_proper_targets_are_not_called_improper(name):
    target, gmm = PROPER[name]
    assert improper_direction(target, gmm, np.zeros(gmm.dim)) is None


def test_a_temperature_can_make_heavy_tails_improper():
    target, gmm = PROPER["Cauchy"]
    assert improper_direction(target, gmm, 0.0, temperature=3.0) is not None


def test_evaluations_are_counted():
    for function in (lambda x: np.zeros(len(x)), lambda x: -0.5 * np.sum(x * x, axis=-1)):
        target = HostTarget(function)
        found, spent = search_improper(target, normal([0.0, 1.0], [1.0, 2.0]), 0.0)
        jax.effects_barrier()
        assert len({tuple(point) for point in target.seen}) <= spent
        assert found is None or found.num_evaluations == spent
