"""The stored reference samples: of the right target, right distribution, well documented."""

import functools
import math

import jax
import numpy as np
import pytest

from gmmvi_jax import targets
from gmmvi_jax.targets import LogisticRegression, lgcp
from gmmvi_jax.targets.reference import decode, reference_names

from ..double_precision import enable_x64

NAMES = reference_names()
NUM_STORED = 2000
# Largest of some hundred normal deviates per target: 1 in 10,000 targets by chance.
DEVIATIONS = 5.0

get = functools.cache(targets.get)
evaluate_many = jax.jit(lambda target, x: jax.vmap(jax.value_and_grad(target))(x))


@functools.cache
def evaluate(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return log densities [n] and gradients [n, D] at the stored samples, in float64."""
    with enable_x64(True):
        values, gradients = evaluate_many(get(name), targets.reference_samples(name))
        return np.asarray(values), np.asarray(gradients)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Return that of the mean over the first axis, of independent values."""
    return values.std(axis=0) / math.sqrt(len(values))


@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str) -> None:
    samples = targets.reference_samples(name)
    assert samples.shape == (NUM_STORED, get(name).dim)
    assert samples.dtype == np.float64
    assert np.all(np.isfinite(samples))
    assert samples is targets.reference_samples(name)
    with pytest.raises(ValueError, match="read-only"):
        samples[0, 0] = 0.0


@pytest.mark.parametrize("name", NAMES)
def test_converged(name: str) -> None:
    summary = targets.reference_summary(name)
    if summary["method"] == "NUTS":
        assert summary["worst_r_hat"] == max(summary["r_hat"]) <= 1.01
        assert summary["worst_ess"] == min(summary["ess"] + summary["ess_of_squares"]) >= 2000
        num_draws = summary["num_chains"] * summary["num_draws_per_chain"]
        assert summary["num_divergent"] <= 1e-3 * num_draws
    else:
        assert len(summary["runs"]) == 5
        assert summary["log_z_spread"] <= 0.1
        assert summary["worst_spread_of_mean_in_standard_deviations"] <= 0.1


@pytest.mark.parametrize("name", NAMES)
def test_moments_are_those_of_all_draws(name: str) -> None:
    # 2,000 of the draws that the summary is about: its errors count, and their own.
    samples, summary = targets.reference_samples(name), targets.reference_summary(name)
    mean, deviation = (np.asarray(summary[key]) for key in ("mean", "standard_deviation"))
    squares = (samples - mean) ** 2
    for values, expected, error in (
        (samples, mean, np.asarray(summary["mean_standard_error"])),
        (
            squares,
            deviation**2,
            2 * deviation * np.asarray(summary["standard_deviation_standard_error"]),
        ),
    ):
        errors = np.hypot(standard_error(values), error)
        np.testing.assert_array_less(np.abs(values.mean(axis=0) - expected) / errors, DEVIATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_of_this_density(name: str) -> None:
    # Integration by parts: where x has density p, E[d log p / dx_i] = 0 and E[(x_i - m) d log p /
    # dx_i] = -1, for any constant m. The normaliser need not be known.
    samples, (values, gradients) = targets.reference_samples(name), evaluate(name)
    products = (samples - samples.mean(axis=0)) * gradients
    for terms, expected in ((gradients, 0.0), (products, -1.0)):
        deviations = np.abs(terms.mean(axis=0) - expected) / standard_error(terms)
        np.testing.assert_array_less(deviations, DEVIATIONS)
    # What the moments cannot see: the density is the one that was sampled, constants included.
    summary = targets.reference_summary(name)
    assert abs(values[0] - summary["log_density_of_first_sample"]) < 1e-3
    spread = summary["log_density_standard_deviation"]
    assert abs(values.mean() - summary["log_density_mean"]) < DEVIATIONS * spread / math.sqrt(1000)


@pytest.mark.parametrize("name", NAMES)
def test_targets_know_their_samples(name: str) -> None:
    assert getattr(get(name), "reference_samples") is targets.reference_samples(name)  # noqa: B009


@functools.cache
def robot_shares(num_samples: int) -> dict[tuple[int, str], tuple[float, float]]:
    """Integrate the four-goal robot: (goal's quarter turn, side) -> integral, standard error.

    Given the other joints, the hand's distance r and its angle phi to the first link, only
    the first joint is left, and only to point at the goal: it has a normal factor with standard
    deviation 0.01 / sqrt(7 r) about the goal's angle minus phi, so narrow that the prior is the
    same all over it. The other joints are sampled, with weights.
    """
    joints = targets.reference_samples("planar_robot_4")[:, 1:]
    factor = np.linalg.cholesky(1.2 * np.cov(joints.T))
    noise = np.random.default_rng(0).normal(size=(num_samples, 9))
    joints = noise @ factor.T
    log_weights = (
        -0.5 * np.sum((joints / 0.2) ** 2, axis=1)
        - 9 * math.log(0.2)
        + 0.5 * np.sum(noise**2, axis=1)
        + np.sum(np.log(np.diagonal(factor)))
    )
    directions = np.cumsum(joints, axis=1)
    hands = 1.0 + np.sum(np.exp(1j * directions), axis=1)
    radii, turns = np.abs(hands), np.angle(hands)
    log_weights -= 0.5 * ((radii - 7) / 0.01) ** 2 + math.log(2 * math.pi * 0.01**2)
    log_weights += math.log(0.01) - 0.5 * np.log(7 * radii)  # times sqrt(2 pi): with the prior's
    integrals = {}
    for quarter in range(4):
        first_joints = quarter * math.pi / 2 - turns[:, None] + 2 * math.pi * np.arange(-3, 4)
        prior = np.sum(np.exp(-0.5 * first_joints**2), axis=1)
        for side, sign in (("left", 1), ("right", -1)):
            weights = np.exp(log_weights) * prior * (sign * joints.sum(axis=1) > 0)
            integrals[quarter, side] = (weights.mean(), float(standard_error(weights)))
    return integrals


def test_robot_has_the_evidence_and_the_shares_of_an_integral() -> None:
    summary = targets.reference_summary("planar_robot_4")
    integrals = robot_shares(200_000)
    evidence = sum(integral for integral, _ in integrals.values())
    error = math.sqrt(sum(error**2 for _, error in integrals.values())) / evidence
    assert error < 0.03
    runs = len(summary["runs"])
    log_z_error = math.hypot(error, summary["log_z_spread"] / math.sqrt(runs))
    assert abs(summary["log_z"] - math.log(evidence)) < DEVIATIONS * log_z_error
    goals = {0: "(7, 0)", 1: "(0, 7)", 2: "(-7, 0)", 3: "(0, -7)"}
    for (quarter, side), (integral, error) in integrals.items():
        key = f"goal {goals[quarter]}, {side}"
        share_error = math.hypot(error / evidence, summary["share_spread"][key] / math.sqrt(runs))
        assert abs(summary["shares"][key] - integral / evidence) < DEVIATIONS * share_error


def test_same_posterior_under_another_name() -> None:
    expected = targets.reference_samples("breast_cancer")
    assert targets.reference_samples("breast_cancer_mb") is expected
    assert getattr(get("breast_cancer_mb"), "reference_samples") is expected  # noqa: B009
    robot = targets.reference_samples("planar_robot_4")
    assert targets.reference_samples("planar_robot") is robot


def test_missing() -> None:
    for look_up in (targets.reference_samples, targets.reference_summary):
        with pytest.raises(ValueError, match="no reference samples of 'gmm20'") as error:
            look_up("gmm20")
        assert all(name in str(error.value) for name in NAMES)


def test_other_data_under_the_same_name_have_none() -> None:
    assert not hasattr(LogisticRegression("toy", np.ones((3, 1)), np.ones(3)), "reference_samples")
    # As many dimensions, other numbers.
    german = targets.german_credit()
    other = LogisticRegression("german_credit", german.features[:500], german.signed_labels[:500])
    assert not hasattr(other, "reference_samples")
    with pytest.raises(
        AttributeError, match=r"of this 'german_credit' with 25 dim.*as `targets\.g"
    ):
        _ = other.reference_samples
    assert not hasattr(lgcp(grid=4), "reference_samples")


def test_decode() -> None:
    codes = np.array([[0, 255], [10, 1]], np.uint8)
    arrays = {"samples": codes, "lowest": np.array([-1.0, 5.0]), "step": np.array([0.5, 2.0])}
    np.testing.assert_array_equal(decode(arrays), [[-1.0, 515.0], [4.0, 7.0]])
    plain = decode({"samples": np.array([[1.5]], np.float32)})
    assert plain.dtype == np.float64
    np.testing.assert_array_equal(plain, [[1.5]])
