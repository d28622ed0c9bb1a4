"""The wine network against loops over its rows and layers."""

import functools
import itertools
import math

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax import targets
from gmmvi_jax.densities.data_rows import draw_rows
from gmmvi_jax.targets.datasets import load_table
from gmmvi_jax.targets.splits import split_rows

wine = functools.cache(targets.wine)
evaluate = jax.jit(lambda target, x, key: (target(x, key), target.full(x)))

SIZES = [11, 8, 8, 1]


def textbook_prediction(weights: np.ndarray, row: np.ndarray) -> float:
    """Return the network's output, unit by unit."""
    units, start = list(row), 0
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        biases = start + inputs * outputs
        sums = [
            sum(units[i] * weights[start + i * outputs + j] for i in range(inputs))
            + weights[biases + j]
            for j in range(outputs)
        ]
        is_last = layer == len(SIZES) - 2
        units = sums if is_last else [1 / (1 + math.exp(-value)) for value in sums]
        start = biases + outputs
    assert start == len(weights)
    return units[0]


def textbook_predictions(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.array([textbook_prediction(weights, row) for row in rows])


def draws(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 177))


@pytest.mark.usefixtures("float64")
def test_density_is_the_textbook_one_on_a_minibatch_and_on_all_rows() -> None:
    target = wine()
    features, labels = map(np.asarray, target.splits["train"])
    for i, x in enumerate(draws(2)):
        key = jax.random.key(i)
        estimate, value = evaluate(target, x, key)
        rows = np.asarray(draw_rows(key, len(labels), 128))
        errors = labels - textbook_predictions(x, features)
        log_prior = -sum(weight**2 for weight in x) / 2
        np.testing.assert_allclose(value, log_prior - np.sum(errors**2), rtol=1e-11)
        expected = log_prior - len(labels) * np.mean(errors[rows] ** 2)
        np.testing.assert_allclose(estimate, expected, rtol=1e-11)


@pytest.mark.usefixtures("float64")
def test_the_likelihood_is_that_of_normal_noise_of_variance_one_half() -> None:
    target = wine()
    features, labels = map(np.asarray, target.splits["train"])
    values, expected = [], []
    for x in draws(2):
        predictions = np.asarray(target.predict(x, features))
        log_likelihood = np.sum(stats.norm.logpdf(labels, predictions, math.sqrt(0.5)))
        expected.append(log_likelihood + np.sum(stats.norm.logpdf(x)))
        values.append(evaluate(target, x, jax.random.key(0))[1])
    np.testing.assert_allclose(values[0] - values[1], expected[0] - expected[1], rtol=1e-11)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_scores_on_rows_that_were_not_seen() -> None:
    target, samples = wine(), draws(3)
    for split in ("test", "validation"):
        features, labels = map(np.asarray, target.splits[split])
        predictions = np.array([textbook_predictions(x, features) for x in samples])
        rmse = math.sqrt(np.mean((labels - predictions.mean(axis=0)) ** 2))
        np.testing.assert_allclose(target.rmse(samples, split), rmse, rtol=1e-11)
        densities = stats.norm.pdf(labels, predictions, math.sqrt(0.5))
        expected = np.mean(np.log(np.mean(densities, axis=0)))
        score = target.log_predictive_density(samples, split)
        np.testing.assert_allclose(score, expected, rtol=1e-9)
    assert target.rmse(samples) == target.rmse(samples, "test")
    with pytest.raises(ValueError, match=r"must be one of .*validation.*; got 'tests'"):
        target.rmse(samples, "tests")


def test_log_predictive_density_far_from_the_labels_is_finite() -> None:
    # A density of exp(-1e4) underflows, its logarithm does not.
    weights = np.zeros((2, 177))
    weights[:, -1] = 100.0  # every prediction
    labels = wine().splits["test"][1]
    expected = np.mean(stats.norm.logpdf(labels, 100.0, math.sqrt(0.5)))
    np.testing.assert_allclose(wine().log_predictive_density(weights), expected, rtol=1e-5)


def test_splits_are_seeded_disjoint_and_standardised_by_what_trains() -> None:
    features, labels = load_table("wine")
    target = wine()
    sizes = [len(target.splits[split][1]) for split in ("train", "validation", "test")]
    assert sizes == [2939, 979, 980]
    np.testing.assert_allclose(np.mean(target.splits["train"][0], axis=0), 0, atol=1e-11)
    np.testing.assert_allclose(np.std(target.splits["train"][0], axis=0), 1, rtol=1e-12)
    assert np.max(np.abs(np.mean(target.splits["test"][0], axis=0))) > 1e-3

    rows = split_rows(len(labels), 0)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(labels)))
    for split, own in rows.items():
        np.testing.assert_array_equal(target.splits[split][1], labels[own])
        # A standardised column is the column up to its scale and origin.
        correlation = np.corrcoef(target.splits[split][0][:, 3], features[own, 3])[0, 1]
        np.testing.assert_allclose(correlation, 1, rtol=1e-12)
    assert not np.array_equal(targets.wine(seed=1).splits["test"][1], target.splits["test"][1])
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        targets.wine(seed=-1)
