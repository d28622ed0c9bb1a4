"""The logistic regressions against the textbook formula, row by row."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

from gmmvi_jax.targets import LogisticRegression, breast_cancer, german_credit, ionosphere, sonar
from gmmvi_jax.targets.datasets import load_table

from ..double_precision import enable_x64

evaluate = jax.jit(lambda target, points: jax.vmap(jax.value_and_grad(target))(points))

# The published labels of the class whose probability is sigmoid(f^T x).
CASES = [(breast_cancer, "breast_cancer", 1), (german_credit, "german_credit", 2)]
STANDARDISED_CASES = [(ionosphere, "ionosphere", 1), (sonar, "sonar", 1)]


def textbook_log_posterior(
    table: str, positive_label: int, coefficients: np.ndarray, standardised: bool
) -> tuple[float, np.ndarray]:
    """Return the log joint density of labels and coefficients, and its gradient [D]."""
    features, labels = load_table(table)
    prior_scale = 1 if standardised else 10
    num_rows, num_features = features.shape
    scales = [
        math.sqrt(np.mean((features[:, j] - np.mean(features[:, j])) ** 2))
        for j in range(num_features)
    ]
    centres = [np.mean(features[:, j]) if standardised else 0 for j in range(num_features)]
    value = float(np.sum(stats.norm.logpdf(coefficients, 0, prior_scale)))
    gradient = -coefficients / prior_scale**2
    for i in range(num_rows):
        row = np.ones(1 + num_features)
        for j in range(num_features):
            # A feature without variance is 0 once it is centred.
            row[1 + j] = (features[i, j] - centres[j]) / scales[j] if scales[j] > 0 else 0
        logit = float(row @ coefficients)
        positive = labels[i] == positive_label
        value -= np.logaddexp(0, -logit if positive else logit)
        gradient = gradient + (float(positive) - 1 / (1 + np.exp(-logit))) * row
    return value, gradient


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("build", "table", "positive_label"), [*CASES, *STANDARDISED_CASES])
def test_density_and_gradient_are_the_textbook_ones(build, table: str, positive_label: int) -> None:
    target = build()
    standardised = (build, table, positive_label) in STANDARDISED_CASES
    scales = np.array([0.0, 0.1, 1.0, 10.0])
    points = scales[:, None] * np.random.default_rng(0).normal(size=(4, target.dim))
    values, gradients = map(np.asarray, evaluate(target, points))
    for i, x in enumerate(points):
        value, gradient = textbook_log_posterior(table, positive_label, x, standardised)
        np.testing.assert_allclose(values[i], value, rtol=1e-12)
        scale = np.max(np.abs(gradient))
        np.testing.assert_allclose(gradients[i], gradient, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.usefixtures("float64")
def test_hessian_is_the_textbook_one_also_at_zero() -> None:
    target = breast_cancer()
    hessian = jax.jit(jax.hessian(target))
    features = np.asarray(target.features)
    for x in (np.zeros(target.dim), 0.1 * np.random.default_rng(0).normal(size=target.dim)):
        probabilities = 1 / (1 + np.exp(-features @ x))
        expected = -(features.T * (probabilities * (1 - probabilities))) @ features
        expected -= np.eye(target.dim) / 100
        np.testing.assert_allclose(hessian(x), expected, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_evidence_of_german_credit() -> None:
    # Laplace's approximation; SAMTRON's ELBO, a lower bound that is nearly tight for this
    # unimodal posterior, is -585.10 (Arenz et al., TMLR 2023).
    target = german_credit()
    hessian = jax.jit(jax.hessian(target))
    mode = np.zeros(target.dim)
    for _ in range(8):  # Newton's method; the log posterior is concave
        _, gradients = map(np.asarray, evaluate(target, mode[None]))
        mode = mode - np.linalg.solve(hessian(mode), gradients[0])
    values, gradients = map(np.asarray, evaluate(target, mode[None]))
    assert np.max(np.abs(gradients)) < 1e-8
    log_determinant = np.linalg.slogdet(-np.asarray(hessian(mode)))[1]
    laplace = values[0] + 0.5 * target.dim * math.log(2 * math.pi) - 0.5 * log_determinant
    assert abs(laplace - -585.1) < 0.5


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("build", "table", "positive_label"), CASES)
def test_layout_of_the_data(build, table: str, positive_label: int) -> None:
    target = build()
    features, labels = load_table(table)
    np.testing.assert_array_equal(target.features[:, 0], 1.0)
    np.testing.assert_allclose(np.std(target.features[:, 1:], axis=0), 1.0, rtol=1e-12)
    assert np.min(np.mean(target.features[:, 1:], axis=0)) > 0  # not centred
    np.testing.assert_array_equal(target.signed_labels == 1, labels == positive_label)
    np.testing.assert_array_equal(np.abs(target.signed_labels), 1)
    assert target.dim == features.shape[1] + 1


@pytest.mark.parametrize(("build", "table", "positive_label"), STANDARDISED_CASES)
def test_layout_of_the_standardised_data(build, table: str, positive_label: int) -> None:
    target = build()
    features, labels = load_table(table)
    varying = np.std(features, axis=0) > 0
    np.testing.assert_array_equal(target.features[:, 0], 1)
    np.testing.assert_allclose(np.mean(target.features[:, 1:], axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.std(target.features[:, 1:], axis=0), varying, atol=1e-12)
    assert np.sum(~varying) == (1 if table == "ionosphere" else 0)
    np.testing.assert_array_equal(target.signed_labels, np.where(labels == positive_label, 1, -1))
    assert target.dim == features.shape[1] + 1
    assert target.prior_scale == 1


@pytest.mark.parametrize("scale", [1e1, 1e3, 1e5])
def test_extreme_coefficients_stay_finite_and_exact(scale: float) -> None:
    target = breast_cancer()
    directions = np.random.default_rng(0).normal(size=(20, target.dim))
    points = (scale * directions).astype(np.float32)
    values, gradients = evaluate(target, points)
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(gradients))
    with enable_x64(True):
        expected, _ = evaluate(target, points.astype(np.float64))
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_prior_scale_is_the_callers() -> None:
    target = LogisticRegression("toy", np.ones((1, 1)), np.array([1.0]), prior_scale=3.0)
    expected = math.log(0.5) + stats.norm.logpdf(0.0, 0, 3)
    values, _ = evaluate(target, np.zeros((1, 1)))
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert target.initial_covariance == 9.0
