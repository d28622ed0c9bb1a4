"""Mixtures of one family are merged into one of that family; others are refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

MEANS = np.array([[-1.0, 0.0, 2.0], [1.0, 3.0, 0.0]])


def student_t(mean, degrees):
    return gmmvi.TMixture.from_parameters([1.0], [mean], [np.eye(3)], degrees)


def low_rank(mean, width):
    loadings = width * np.ones((1, 3, 1))
    return gmmvi.LowRankGMM.from_moments([1.0], [mean], np.ones((1, 3)), loadings)


@pytest.mark.parametrize(
    "parts",
    [
        (student_t(MEANS[0], 2.0), student_t(MEANS[1], 7.0)),
        (low_rank(MEANS[0], 0.5), low_rank(MEANS[1], 2.0)),
    ],
)
def test_the_density_is_the_weighted_sum(parts):
    merged = gmmvi.merge(parts, np.log([0.25, 0.75]))
    assert type(merged) is type(parts[0])
    points = np.random.default_rng(0).normal(size=(20, 3))
    densities = [np.exp(np.asarray(part.log_prob(points), float)) for part in parts]
    right = 0.25 * densities[0] + 0.75 * densities[1]
    np.testing.assert_allclose(np.exp(merged.log_prob(points)), right, rtol=1e-4)


def test_families_do_not_mix():
    gaussian = gmmvi.GMM.from_moments([1.0], MEANS[:1], [np.eye(3)])
    with pytest.raises(ValueError, match="differ in their family: GMM, TMixture"):
        gmmvi.merge([gaussian, student_t(MEANS[1], 2.0)], [0.0, 0.0])


def test_what_is_not_finite_is_named():
    broken = low_rank(MEANS[0], 0.5)
    broken = type(broken)(broken.log_weights, broken.means * jnp.nan, broken.factors)
    with pytest.raises(ValueError, match=r"gmms\[0\] is unusable: its means are not finite"):
        gmmvi.merge([broken, low_rank(MEANS[1], 2.0)], [0.0, 0.0])


def test_runs_of_student_t_components_stay_heavy():
    config = gmmvi.samtron(
        2, components="student_t", degrees=3.0, num_iterations=5, max_components=2
    )
    many = gmmvi.train_many(config, lambda x: -2.5 * jnp.log1p(x @ x / 3.0), seeds=[0, 1])
    assert isinstance(many.merged, gmmvi.TMixture)
    np.testing.assert_allclose(many.merged.degrees, 3.0)
