"""Pareto smoothing against ArviZ and BlackJAX, and k-hat against the tails it is the shape of."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.evaluation import describe_k_hat, k_hat_limit, psis

DATA = Path(__file__).parent.parent / "data"
NUM_SAMPLES = 2000
TAILS = {
    "light": lambda rng: 0.3 * rng.normal(size=NUM_SAMPLES),
    "heavy": lambda rng: 0.8 * rng.exponential(size=NUM_SAMPLES),
    "hopeless": lambda rng: 1.5 * rng.exponential(size=NUM_SAMPLES) - 400.0,
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("tail", TAILS)
def test_equals_arviz(tail):
    # Written by arviz.psislw; arviz itself would bring pandas and xarray along.
    with np.load(DATA / "psis_arviz_0.23.4.npz") as stored:
        log_weights, k_hat = psis(jnp.asarray(stored[tail]))
        assert float(k_hat) == pytest.approx(float(stored[f"{tail}_k_hat"]), abs=1e-9)
        np.testing.assert_allclose(log_weights, stored[f"{tail}_log_weights"], atol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("tail", TAILS)
def test_equals_blackjax(tail):
    diagnostics = pytest.importorskip("blackjax.diagnostics")  # it needs JAX 0.9
    # 3 sqrt(1600) is a whole number: BlackJAX rounds it down, the paper and we up.
    ratios = jnp.asarray(TAILS[tail](np.random.default_rng(3))[:1600])
    log_weights, k_hat = psis(ratios)
    expected_weights, expected_k_hat = diagnostics.psis_weights(ratios)
    assert float(k_hat) == pytest.approx(float(expected_k_hat), abs=1e-3)
    assert (k_hat > 1 / 3) == (tail != "light")  # below, BlackJAX smooths nothing
    if tail != "light":
        np.testing.assert_allclose(log_weights, expected_weights, atol=1e-3)


@pytest.mark.parametrize(("scale", "tolerance"), [(0.3, 0.15), (0.8, 0.2)])
def test_exponential_log_ratios_have_the_shape_of_their_scale(scale, tolerance):
    # exp(scale * E), E exponential, is Pareto with shape k = scale; the fit's own standard error is
    # (1 + k) / sqrt(3 sqrt N), about 0.15.
    ratios = jnp.asarray(scale * np.random.default_rng(0).exponential(size=NUM_SAMPLES))
    assert float(psis(ratios)[1]) == pytest.approx(scale, abs=2.0 * tolerance)


def test_weights_are_normalised_ordered_and_unusable_ones_zero():
    ratios = np.random.default_rng(1).exponential(size=NUM_SAMPLES) * 0.8
    ratios[:10] = np.nan
    log_weights, _ = psis(jnp.asarray(ratios))
    weights = np.exp(np.asarray(log_weights, float))
    assert weights.sum() == pytest.approx(1.0, abs=1e-4)
    assert np.all(weights[:10] == 0.0)
    order = np.argsort(ratios[10:])
    assert np.all(np.diff(np.asarray(log_weights)[10:][order]) >= -1e-5)
    # The largest ones are smoothed, the bulk is as it was.
    shifts = np.asarray(log_weights)[10:][order] - ratios[10:][order]
    assert np.ptp(shifts[:1500]) < 1e-4
    assert np.ptp(shifts[-100:]) > 1e-2


@pytest.mark.parametrize("num_inside", [NUM_SAMPLES, NUM_SAMPLES // 2, 50, 3])
def test_equal_ratios_have_no_tail_whatever_the_number_of_zeros(num_inside):
    ratios = np.where(np.arange(NUM_SAMPLES) < num_inside, 7.0, -np.inf)
    ratios = np.random.default_rng(4).permutation(ratios)
    log_weights, k_hat = psis(jnp.asarray(ratios))
    assert float(k_hat) == -np.inf
    expected = np.where(np.isfinite(ratios), -np.log(num_inside), -np.inf)
    np.testing.assert_allclose(log_weights, expected, rtol=1e-5)


@pytest.mark.parametrize("value", [-np.inf, np.nan, np.inf])
def test_without_any_weight_there_is_none_to_normalise(value):
    log_weights, k_hat = psis(jnp.full(NUM_SAMPLES, value))
    assert float(k_hat) == np.inf
    assert np.all(np.asarray(log_weights) == -np.inf)


def test_three_weights_that_stand_out_are_no_tail():
    ratios = np.r_[np.zeros(NUM_SAMPLES - 3), np.full(3, 20.0)]
    assert float(psis(jnp.asarray(ratios))[1]) == np.inf


def test_too_few_ratios_are_refused():
    with pytest.raises(ValueError, match=r"\(24,\).*at least 25"):
        psis(jnp.zeros(24))


def test_limits_and_words():
    assert k_hat_limit(100) == pytest.approx(0.5)
    assert k_hat_limit(10_000) == pytest.approx(0.7)
    words = [describe_k_hat(k, 10_000) for k in (-np.inf, 0.3, 0.6, 0.9, 1.2, np.inf)]
    assert max(len(text) for text in words) <= 41  # what is left of a line of a diagnosis
    assert [text.split(":")[0] for text in words] == [
        "good",
        "good",
        "usable",
        "high",
        "too high",
        "no tail could be fitted",
    ]
