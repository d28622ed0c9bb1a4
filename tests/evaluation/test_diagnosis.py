"""What a diagnosis says: of a good fit, of one that misses a mode, of a run."""

from typing import Any

import jax
import numpy as np
import pytest

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import diagnose
from gmmvi_jax.evaluation.concerns import run_concerns

MODES = GMM.from_moments([1.0, 1.0], [[-8.0, 0.0], [8.0, 0.0]], np.ones((2, 2)))
HALF = GMM.from_moments([1.0, 0.0], MODES.means, 0.99 * np.ones((2, 2)))
WHOLE = GMM.from_moments([1.0, 1.0], MODES.means, 0.95 * np.ones((2, 2)))


def target(x):
    return MODES.log_prob(x)


def judge(gmm, samples=None):
    diagnosis = diagnose(gmm, target, jax.random.key(0), 2000, reference_samples=samples)
    text = str(diagnosis)
    assert max(len(line) for line in text.splitlines()) <= 80
    return diagnosis, text


@pytest.fixture(scope="module")
def samples():
    return np.asarray(MODES.sample(jax.random.key(1), (2000,)))


def test_a_missed_mode_is_seen_by_samples_of_the_target_alone(samples):
    blind, text = judge(HALF)
    assert blind.concerns == ()
    assert blind.k_hat < 0.7 or float(blind.log_z.effective_fraction) > 0.99
    assert "cannot see a mode" in text
    seeing, text = judge(HALF, samples)
    assert seeing.reference is not None
    assert seeing.reference.unseen == pytest.approx(0.5, abs=4.0 * 0.5 / np.sqrt(2000))
    assert seeing.reference.k_hat > 1.0
    assert "do not trust" in seeing.verdict
    assert "cannot see a mode" not in text


def test_a_good_fit_is_told_so(samples):
    diagnosis, text = judge(WHOLE, samples)
    assert diagnosis.verdict == "nothing speaks against this fit."
    assert diagnosis.reference is not None
    assert 0.0 <= diagnosis.reference.mmd_squared < 4.0 * 2.0 / 2000
    assert "EUBO" in text


def components(ages, rejected, history) -> Any:
    class Records:
        pass

    records: Any = Records()
    records.ages, records.num_rejected = np.asarray(ages), np.asarray(rejected)
    records.weight_history = np.asarray(history, float)
    return records


def concerns(
    ages=(100, 100), rejected=(0, 0), weights=(0.5, 0.5), unusable=0, slope=0.0, past=None
):
    count = 8
    history = {
        "iteration": np.arange(1, count + 1) * 10,
        "elbo": slope * np.arange(count),
        "elbo_stderr": np.full(count, 0.01),
        "num_unusable_samples": np.full(count, unusable),
        "num_samples": np.full(count, 100),
    }
    past = [[0.5, 0.5]] * 2 if past is None else past
    found = run_concerns(history, components(ages, rejected, past), np.array(weights), 100)
    return [concern.text for concern in found]


def test_a_run_without_trouble_raises_no_concern():
    assert concerns() == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"rejected": (30, 0)}, "15% of the component updates were rejected"),
        ({"ages": (100, 5)}, "1 of its 2 components, with 50% of its mass"),
        ({"unusable": 5}, "NaN or .inf at 5% of the samples"),
        ({"slope": 0.05}, "ELBO still improves, by 0.15 nats over the last 30"),
        # Iteration 100 writes column 0 of 2; column 1 is from the iteration before.
        ({"past": [[0.5, 0.2], [0.5, 0.8]]}, "30% of the mass went from component to component"),
    ],
)
def test_every_trouble_is_named(trouble, words):
    (text,) = concerns(**trouble)
    assert words.replace(".inf", "+inf") in text


def test_noise_and_young_components_without_mass_are_no_concern():
    assert concerns(slope=0.001) == []
    assert concerns(ages=(100, 5), weights=(0.999, 0.001)) == []
