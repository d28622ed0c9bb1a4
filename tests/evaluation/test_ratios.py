"""ELBO, log Z, effective sample sizes and forward measures against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import (
    average,
    elbo,
    forward_metrics,
    log_ratios,
    log_ratios_at,
    log_z,
    reverse_effective_sample_size,
    unseen_share,
)

LOG_Z = 1.5
NUM_SAMPLES = 20_000  # more than one segment of draws, and not a whole number of chunks
MIXTURE = GMM.from_moments([1.0, 3.0], [[-1.0, 0.0], [2.0, 1.0]], [[1.0, 0.5], [0.4, 1.0]])
# Narrower than the target's components: all moments of the weights below are finite.
WIDER = GMM.from_moments([1.0, 3.0], MIXTURE.means, 1.2 * MIXTURE.variances)


def target(x):
    return WIDER.log_prob(x) + LOG_Z


def weights_by_quadrature():
    """Returns E_q[w^2], E_q[log w], E_p[log w] of w = p / q, on a grid in float64."""
    axis = np.linspace(-12.0, 12.0, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)

    def density(mixture):
        terms = [
            weight * scipy.stats.norm.pdf(grid, mean, np.sqrt(variance)).prod(axis=-1)
            for weight, mean, variance in zip(
                *(
                    np.asarray(a, float)
                    for a in (mixture.weights, mixture.means, mixture.variances)
                ),
                strict=True,
            )
        ]
        return np.sum(terms, axis=0)

    q, p = density(MIXTURE), density(WIDER)
    cell = (axis[1] - axis[0]) ** 2
    log_w = np.log(p) - np.log(q)
    return [float(np.sum(f) * cell) for f in (p * p / q, q * log_w, p * log_w)]


@pytest.fixture(scope="module")
def exact():
    return weights_by_quadrature()


@pytest.fixture(scope="module")
def own():
    return log_ratios(MIXTURE, target, jax.random.key(1), NUM_SAMPLES)


@pytest.fixture(scope="module")
def theirs():
    samples = WIDER.sample(jax.random.key(2), NUM_SAMPLES)
    return log_ratios_at(MIXTURE, target, samples)


def test_elbo_is_the_negative_divergence(own, exact):
    estimate = average(own)
    assert abs(float(estimate.mean) - LOG_Z - exact[1]) < 4.0 * float(estimate.standard_error)
    assert 0.0 < float(estimate.standard_error) < 0.01
    other = elbo(MIXTURE, target, jax.random.key(3), NUM_SAMPLES)
    spread = np.hypot(float(estimate.standard_error), float(other.standard_error))
    assert abs(float(estimate.mean - other.mean)) < 4.0 * spread


def test_log_z_and_reverse_effective_sample_size(own, exact):
    estimate = log_z(own)
    assert abs(float(estimate.value) - LOG_Z) < 4.0 * float(estimate.standard_error)
    fraction = 1.0 / exact[0]  # E_q[w]^2 / E_q[w^2]
    assert float(reverse_effective_sample_size(own)) == pytest.approx(fraction, rel=0.05)
    expected_error = np.sqrt((exact[0] - 1.0) / NUM_SAMPLES)
    assert float(estimate.standard_error) == pytest.approx(expected_error, rel=0.2)


def test_forward_measures(theirs, exact):
    measures = forward_metrics(theirs, LOG_Z)
    error = float(measures.eubo_standard_error)
    assert abs(float(measures.eubo) - LOG_Z - exact[2]) < 4.0 * error
    assert abs(float(measures.forward_kl) - exact[2]) < 4.0 * error
    # E_p[1/w] = 1/Z and E_p[w] = Z E_q[w^2]
    assert float(measures.log_z) == pytest.approx(LOG_Z, abs=0.03)
    assert float(measures.effective_fraction) == pytest.approx(1.0 / exact[0], rel=0.05)
    assert np.isnan(forward_metrics(theirs).forward_kl)


def test_the_last_segment_is_as_random_as_the_others(own):
    # Draws lie sorted by component; cutting a segment off would leave out the last ones.
    tail = average(own[16_384:])
    whole = average(own)
    assert abs(float(tail.mean - whole.mean)) < 4.0 * float(tail.standard_error)


def test_unusable_values_have_no_weight():
    ratios = jnp.array([0.0, jnp.nan, jnp.log(3.0)])
    # (1 + 0 + 3) / 3, and (1 + 3)^2 / (1 + 9) / 3
    assert float(log_z(ratios).value) == pytest.approx(np.log(4.0 / 3.0), abs=1e-6)
    assert float(log_z(ratios).effective_fraction) == pytest.approx(16 / 10 / 3, abs=1e-6)
    estimate = average(ratios)
    assert float(estimate.mean) == pytest.approx(np.log(3.0) / 2, abs=1e-6)
    assert int(estimate.num_unusable) == 1


def test_draws_outside_of_the_support_give_the_elbo_of_the_truncated_mixture():
    rng = np.random.default_rng(5)
    inside = rng.normal(size=700)
    values = np.concatenate([inside, np.full(250, -np.inf), np.full(50, np.nan)])
    estimate = average(jnp.asarray(rng.permutation(values)))
    share = 700 / 950
    assert float(estimate.mean) == pytest.approx(inside.mean() + np.log(share), abs=1e-5)
    # The delta method, written out: the variance of the influence function over N.
    rows = np.concatenate([np.ones(700), np.zeros(250)])
    ratios = np.concatenate([inside, np.zeros(250)])
    influence = rows * (ratios - inside.mean()) / share + (rows - share) / share
    error = np.sqrt(np.mean(influence**2) / 950)
    assert float(estimate.standard_error) == pytest.approx(error, rel=2e-3)  # ddof 1, not 0
    assert (int(estimate.num_outside), int(estimate.num_unusable)) == (250, 50)
    assert float(estimate.mean) <= float(log_z(jnp.asarray(values)).value) + np.log(1000 / 950)


def test_the_truncated_elbo_is_below_log_z_of_a_box():
    def box(x):
        return jnp.where(jnp.all(jnp.abs(x) < 1.0), 0.0, -jnp.inf)

    q = GMM.from_moments([1.0], np.zeros((1, 2)), np.full((1, 2), 0.5))
    estimate = elbo(q, box, jax.random.key(0), NUM_SAMPLES)
    # E[-log q | inside] and P in closed form: q is a product of normals of variance 0.5.
    edge = 1.0 / np.sqrt(0.5)
    inside = scipy.stats.norm.cdf(edge) - scipy.stats.norm.cdf(-edge)
    square = 1.0 - 2.0 * edge * scipy.stats.norm.pdf(edge) / inside
    expected = 2.0 * (0.5 * np.log(2.0 * np.pi * 0.5) + 0.5 * square + np.log(inside))
    assert abs(float(estimate.mean) - expected) < 4.0 * float(estimate.standard_error)
    assert expected < np.log(4.0)
    outside = 1.0 - inside**2
    spread = np.sqrt(outside * (1.0 - outside) / NUM_SAMPLES)
    assert abs(int(estimate.num_outside) / NUM_SAMPLES - outside) < 4.0 * spread


def test_the_mean_of_huge_ratios_does_not_overflow():
    found = average(jnp.full(200, -1e38, jnp.float32))
    np.testing.assert_allclose(found.mean, -1e38, rtol=1e-5)


def test_a_large_constant_costs_the_measures_no_more_than_its_own_rounding():
    differences = np.random.default_rng(0).integers(-3, 4, 1000).astype(np.float32)
    for constant in (2.0**23, -(2.0**23)):  # float32 has the integers there
        ratios = jnp.asarray(differences + np.float32(constant))
        found, expected = average(ratios), average(jnp.asarray(differences))
        np.testing.assert_allclose(found.mean, expected.mean + constant, atol=0.5, rtol=0.0)
        np.testing.assert_allclose(found.standard_error, expected.standard_error, rtol=1e-4)
        found, expected = log_z(ratios), log_z(jnp.asarray(differences))
        np.testing.assert_allclose(found.value, expected.value + constant, atol=0.5, rtol=0.0)
        np.testing.assert_allclose(found.effective_fraction, expected.effective_fraction, rtol=1e-4)


def test_the_error_of_a_huge_spread_does_not_overflow():
    found = average(jnp.asarray([-1e30, -3e30], jnp.float32))
    np.testing.assert_allclose(found.standard_error, 1e30, rtol=1e-5)


def test_without_a_draw_inside_nothing_is_nan():
    ratios = jnp.full(30, -jnp.inf)
    estimate = average(ratios)
    assert float(estimate.mean) == -np.inf
    assert float(estimate.standard_error) == np.inf
    assert tuple(map(float, log_z(ratios))) == (-np.inf, np.inf, 0.0)
    assert float(unseen_share(jnp.zeros(4), jnp.array([-jnp.inf, jnp.nan]))) == 1.0


@pytest.mark.parametrize("temperature", [0.1, pytest.param(3.0, marks=pytest.mark.slow)])
def test_a_temperature_divides_the_target_alone(temperature):
    key, samples = jax.random.key(4), MIXTURE.sample(jax.random.key(5), 50)

    def tempered(x):
        return target(x) / temperature

    for got, expected in [
        (
            log_ratios(MIXTURE, target, key, 500, temperature=temperature),
            log_ratios(MIXTURE, tempered, key, 500),
        ),
        (
            log_ratios_at(MIXTURE, target, samples, temperature=temperature),
            log_ratios_at(MIXTURE, tempered, samples),
        ),
        (
            elbo(MIXTURE, target, key, 500, temperature=temperature).mean,
            elbo(MIXTURE, tempered, key, 500).mean,
        ),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_samples_outside_of_the_support_are_no_samples_of_the_target():
    ratios = np.random.default_rng(2).normal(size=100)
    expected = forward_metrics(jnp.asarray(ratios), 0.2)
    got = forward_metrics(jnp.concatenate([jnp.asarray(ratios), jnp.full(5, -jnp.inf)]), 0.2)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_samples_where_q_has_no_mass_are_seen():
    own, reference = jnp.array([0.1, -0.2, jnp.nan]), jnp.array([0.0, 0.2, 30.0, 40.0])
    assert float(unseen_share(reference, own)) == 0.75


def test_points_of_another_dimension_are_refused():
    with pytest.raises(ValueError, match=r"shape \(5, 3\).*\[N, 2\]"):
        log_ratios_at(MIXTURE, target, np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"num_samples must .* got 0"):
        log_ratios(MIXTURE, target, jax.random.key(0), 0)
