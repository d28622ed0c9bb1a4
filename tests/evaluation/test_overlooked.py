"""Whether mass that draws pass over is found, and how much there is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.scipy.stats import norm

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import archive_candidates, log_ratios, overlooked_points
from gmmvi_jax.samples.archive import empty_archive

NUM_DRAWS = 2000


def overlooked(gmm, target, candidates=None, seed=0):
    own = log_ratios(gmm, target, jax.random.key(seed), NUM_DRAWS)
    return overlooked_points(gmm, target, own, jax.random.key(seed + 1), candidates=candidates)


def standard(dim) -> GMM:
    return GMM.from_moments([1.0], np.zeros((1, dim)), np.ones((1, dim)))


def spike(x, share):
    wide = jnp.log(1.0 - share) + norm.logpdf(x, 0.0, 1.0).sum()
    return jnp.logaddexp(wide, jnp.log(share) + norm.logpdf(x, 0.0, 0.01).sum())


@pytest.mark.parametrize("is_diagonal", [True, False])
@pytest.mark.parametrize("share", [0.9, 0.2])
def test_a_spike_at_a_mean_is_found_with_its_mass(share, is_diagonal):
    target = jax.tree_util.Partial(spike, share=share)  # data: one program for both
    gmm = standard(8) if is_diagonal else GMM.from_moments([1.0], np.zeros((1, 8)), np.eye(8)[None])
    found = overlooked(gmm, target)
    assert list(found.components) == [0]
    # At 0 the ratio is (1 - share) + share 100^8, at the draws 1 - share.
    expected = np.log((1.0 - share + share * 100.0**8) / (1.0 - share))
    assert found.excesses[0] == pytest.approx(expected, rel=1e-3)
    assert found.shares[0] == pytest.approx(share, rel=0.3)


def test_rounding_is_no_missing_mass():
    gmm = GMM.from_moments([0.5, 0.5], np.array([[0.0, 3.0], [1.0, -2.0]]), np.ones((2, 2)))
    candidates = np.random.default_rng(0).normal(size=(50, 2))
    # Ten draws: most candidates are a rounding error above them.
    own = log_ratios(gmm, gmm.log_prob, jax.random.key(0), 10)
    found = overlooked_points(gmm, gmm.log_prob, own - 1e-6, 0, candidates=candidates)
    assert len(found.points) == 0


def test_a_mode_beside_the_mixture_is_found_from_a_candidate():
    def target(x):
        here = jnp.log(0.7) + norm.logpdf(x, 0.0, 1.0).sum()
        return jnp.logaddexp(here, jnp.log(0.3) + norm.logpdf(x, 12.0, 0.5).sum())

    assert len(overlooked(standard(2), target).points) == 0
    candidate = np.array([[12.2, 11.9]])
    found = overlooked(standard(2), target, candidate)
    np.testing.assert_allclose(found.points, candidate)
    assert list(found.components) == [-1]
    assert found.shares[0] == pytest.approx(0.3, rel=0.4)


def test_a_sharper_peak_is_no_missing_mass():
    # Student's t in 20-D is a mixture of normals N(0, 1 / r) with r exponential; at its centre it
    # is far above 12 of them at quantiles of r, but next to none of its mass is there.
    def target(x):
        return -11.0 * jnp.log1p(0.5 * x @ x)

    rates = -np.log1p(-(np.arange(12) + 0.5) / 12)
    variances = np.repeat(1.0 / rates[:, None], 20, axis=1)
    gmm = GMM.from_moments(np.ones(12), np.zeros((12, 20)), variances)
    found = overlooked(gmm, target)
    assert found.excesses.max() > 1.0
    assert found.shares.max() < 1e-2


def test_the_mass_above_all_draws_is_that_of_quadrature():
    # The mixture is too narrow for the right tail of an exponential density.
    def target(x):
        return jnp.where(x[0] > 0.0, -x[0], -jnp.inf)

    gmm = GMM.from_moments([1.0], [[0.8]], [[0.36]])
    own = np.asarray(log_ratios(gmm, target, jax.random.key(0), NUM_DRAWS), float)
    grid = np.linspace(0.0, 40.0, 400_001)[1:]
    ratios = -grid - scipy.stats.norm.logpdf(grid, 0.8, 0.6)
    # Compared with the draws' own estimate of the integral, as the function has to do.
    missing = np.exp(-grid)[ratios > own.max()].sum() * (grid[1] - grid[0])
    own_mass = np.mean(np.exp(own))
    found = overlooked(gmm, target, candidates=np.array([[3.3]]))
    assert found.shares.max() == pytest.approx(missing / (missing + own_mass), rel=0.3)


def test_evaluations_are_counted_and_draws_without_a_density_show_nothing():
    gmm = standard(3)
    found = overlooked(gmm, lambda x: gmm.log_prob(x) - 0.1 * x @ x)
    assert found.num_evaluations == 1 + 500 * len(found.points)
    nothing = overlooked(gmm, lambda x: jnp.full((), -jnp.inf))
    assert (len(nothing.points), nothing.num_evaluations) == (0, 0)


def test_candidates_are_the_highest_points_and_not_neighbours():
    points = np.array([[0.0, 0.0], [0.01, 0.0], [5.0, 5.0], [9.0, 9.0], [1.0, 7.0]])
    values = np.array([1.0, 2.0, -3.0, 0.0, -np.inf])
    archive = empty_archive(8, 2, 4, True, jnp.dtype(jnp.float32))
    archive = type(archive)(
        points=archive.points.at[:5].set(points),
        log_target=archive.log_target.at[:5].set(values).at[5:].set(99.0),
        count=jnp.asarray(5, jnp.int32),
        stride=archive.stride,
        skip=archive.skip,
        chunk_size=archive.chunk_size,
        keeps_history=True,
    )
    expected = points[[1, 3, 2]]
    np.testing.assert_allclose(archive_candidates(archive, standard(2)), expected, rtol=1e-6)
    np.testing.assert_allclose(archive_candidates(archive, standard(2), 2), expected[:2], rtol=1e-6)
