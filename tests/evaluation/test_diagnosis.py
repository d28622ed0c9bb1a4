"""What a diagnosis says: of a good fit, of one that misses a mode, of a run."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.scipy.stats import norm

from gmmvi_jax import GMM
from gmmvi_jax.evaluation import diagnose, mixture_divergence
from gmmvi_jax.evaluation.concerns import run_concerns
from gmmvi_jax.evaluation.fit_concerns import fit_concerns
from tests.oracles import HostTarget

MODES = GMM.from_moments([1.0, 1.0], [[-8.0, 0.0], [8.0, 0.0]], np.ones((2, 2)))
HALF = GMM.from_moments([1.0], MODES.means[:1], 0.99 * np.ones((1, 2)))
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
    return np.asarray(MODES.sample(jax.random.key(1), 2000))


@pytest.mark.slow
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


def test_evaluations_are_counted():
    target = HostTarget(lambda points: -0.5 * np.sum(points * points, axis=-1))
    gmm = GMM.from_moments([1.0, 1.0], [[0.5, 0.0], [-0.5, 0.0]], np.ones((2, 2)))
    diagnosis = diagnose(gmm, target, jax.random.key(0), 500)
    jax.effects_barrier()
    num_seen = len({tuple(point) for point in target.seen})
    # Some points of the lines are the same, and climbs that have arrived take no step.
    num_climbing = 8 * 40
    assert num_seen <= diagnosis.num_evaluations <= num_seen + 100 + num_climbing
    assert f"{diagnosis.num_evaluations:,}   for this diagnosis" in str(diagnosis)


def test_at_a_temperature_all_measures_are_of_the_tempered_density():
    # p^(1/beta) of a normal distribution is one with its variance times beta.
    gmm = GMM.from_moments([1.0], [[1.0, 2.0]], [[0.1, 0.2]])
    variances = jnp.array([1.0, 2.0])

    class Known:
        log_z, modes, reference_samples = 0.0, np.zeros((1, 2)), np.zeros((100, 2))

        def sample(self, key, count):
            raise AssertionError("samples of p are none of p^(1/beta)")

        def __call__(self, x):
            return -0.5 * jnp.sum(jnp.square(x - jnp.array([1.0, 2.0])) / variances)

    diagnosis = diagnose(gmm, Known(), jax.random.key(0), 500, temperature=0.1)
    expected = np.log(2.0 * np.pi) + 0.5 * np.log(0.1 * 0.2)
    assert float(diagnosis.elbo.mean) == pytest.approx(expected, abs=1e-4)
    assert float(diagnosis.log_z.value) == pytest.approx(expected, abs=1e-4)
    assert diagnosis.concerns == ()
    assert diagnosis.reference is None
    assert diagnosis.known_log_z is None
    assert "of p^(1/beta), temperature 0.1" in str(diagnosis)


def test_a_good_fit_that_sticks_out_of_the_support_is_trusted():
    def half(x):
        return jnp.where(x[0] > -1.5, -0.5 * x @ x, -jnp.inf)

    gmm = GMM.from_moments([1.0], np.zeros((1, 2)), np.ones((1, 2)))
    diagnosis = diagnose(gmm, half, jax.random.key(0), 4000)
    inside = float(scipy.stats.norm.sf(-1.5))
    expected = np.log(2.0 * np.pi * inside)  # both: the truncated mixture is the target
    assert float(diagnosis.elbo.mean) == pytest.approx(expected, abs=0.02)
    assert float(diagnosis.log_z.value) == pytest.approx(expected, abs=0.02)
    assert diagnosis.concerns == ()
    text = str(diagnosis)
    assert "of the mixture truncated to the support" in text
    share = int(diagnosis.elbo.num_outside) / 4000
    spread = float(np.sqrt(inside * (1.0 - inside) / 4000))
    assert share == pytest.approx(1.0 - inside, abs=4.0 * spread)
    error = 100.0 * np.sqrt(share * (1.0 - share) / 4000)
    assert f"{100.0 * share:.3g}%   +- {error:.2g}%, of the draws: target -inf" in text
    assert "weights are the same" in text


@pytest.mark.parametrize(("error", "serious"), [(0.01, [False]), (0.1, [True])])
def test_a_heavy_tail_is_serious_where_log_z_hangs_on_it(error, serious):
    found = diagnose(WHOLE, target, jax.random.key(0), 100)
    log_z = found.log_z._replace(effective_fraction=0.5, standard_error=error)
    found = dataclasses.replace(found, log_z=log_z, k_hat=1.5, reference=None)
    concerns = [concern for concern in fit_concerns(found) if "k-hat" in concern.text]
    assert [concern.is_serious for concern in concerns] == serious


def box(x, half_width):
    return jnp.where(jnp.all(jnp.abs(x) < half_width), 0.0, -jnp.inf)


def partly(x, limit):
    """The standard normal, unusable beyond a distance from its mean."""
    normal = norm.logpdf(x).sum()
    return jnp.where(jnp.linalg.norm(x) > limit, jnp.nan, normal)


@pytest.mark.parametrize(
    ("half_width", "is_serious", "words"),
    [
        (0.5, False, "reject them when you sample"),
        (0.05, True, "the measures are of these alone"),
        (0.0, True, "-inf at all usable draws"),
    ],
)
def test_draws_outside_of_the_support_are_a_concern(half_width, is_serious, words):
    target = jax.tree_util.Partial(box, half_width=half_width)  # data: one program for all
    gmm = GMM.from_moments([1.0], np.zeros((1, 2)), np.full((1, 2), 0.2))
    diagnosis = diagnose(gmm, target, jax.random.key(0), 1000)
    (concern,) = [concern for concern in diagnosis.concerns if words in concern.text]
    assert concern.is_serious == is_serious
    assert "nan" not in str(diagnosis).lower()


@pytest.mark.parametrize(("share", "is_serious"), [(0.97, True), (0.004, False), (1.0, True)])
def test_unusable_draws_are_a_concern(share, is_serious):
    gmm = GMM.from_moments([1.0], np.zeros((1, 2)), np.ones((1, 2)))
    target = jax.tree_util.Partial(partly, limit=np.sqrt(-2.0 * np.log(share)))
    diagnosis = diagnose(gmm, target, jax.random.key(0), 5000)
    (concern,) = [c for c in diagnosis.concerns if "NaN or +inf at" in c.text]
    assert concern.is_serious == is_serious
    assert 0.0 <= float(diagnosis.log_z.effective_fraction) < 1.0
    if share < 1.0:  # what is left is all that log Z has
        expected = np.log(int(diagnosis.num_inside) / 5000)
        assert float(diagnosis.log_z.value) == pytest.approx(expected, abs=1e-3)
    str(diagnosis)


@pytest.mark.slow
def test_mass_that_the_draws_pass_over_and_targets_without_end_are_serious():
    gmm = GMM.from_moments([1.0], np.zeros((1, 8)), np.ones((1, 8)))

    def spike(x):
        wide = np.log(0.5) + norm.logpdf(x, 0.0, 1.0).sum()
        return jnp.logaddexp(wide, np.log(0.5) + norm.logpdf(x, 0.0, 0.01).sum())

    diagnosis = diagnose(gmm, spike, jax.random.key(0), 1000)
    assert "do not trust" in diagnosis.verdict
    assert any("at a component's mean (0, 0, 0, 0" in c.text for c in diagnosis.concerns)
    endless = diagnose(gmm, lambda x: -0.5 * x[1:] @ x[1:], jax.random.key(0), 1000)
    assert endless.concerns[0].is_serious
    assert "improper or unbounded along x[0]" in endless.concerns[0].text


def test_reference_samples_without_a_density_are_told_apart(samples):
    outside = np.concatenate([samples, np.full((100, 2), 50.0)])

    def bounded(x):
        return jnp.where(x[1] > 20.0, -jnp.inf, target(x))

    diagnosis = diagnose(WHOLE, bounded, jax.random.key(0), 2000, reference_samples=outside)
    assert diagnosis.reference is not None
    assert diagnosis.reference.num_without_density == 100
    assert np.isfinite(float(diagnosis.reference.forward.eubo))
    assert any("no density at 4.76% of the reference" in c.text for c in diagnosis.concerns)


def components(ages, rejected) -> Any:
    class Records:
        pass

    records: Any = Records()
    records.ages, records.num_rejected = np.asarray(ages), np.asarray(rejected)
    return records


def concerns(
    ages=(100, 100),
    rejected=(0, 0),
    weights=(0.5, 0.5),
    unusable=0,
    broken: Any = 0,
    slope=0.0,
    previous=None,
    temperatures: Any = 1.0,
):
    count = 8
    history = {
        "iteration": np.arange(1, count + 1) * 10,
        "elbo": slope * np.arange(count),
        "elbo_stderr": np.full(count, 0.01),
        "num_unusable_samples": np.full(count, unusable) + broken,
        "num_nonfinite_gradients": np.full(count, broken),
        "num_samples": np.full(count, 100),
        "temperature": np.broadcast_to(temperatures, count),
    }
    gmm = GMM.from_moments(weights, MODES.means, np.ones((2, 2)))
    found = run_concerns(history, components(ages, rejected), gmm, 100, previous)
    return [concern.text for concern in found]


def test_a_run_without_trouble_raises_no_concern():
    assert concerns() == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"rejected": (30, 0)}, "15% of the component updates were rejected"),
        ({"unusable": 5}, "NaN or +inf at 5% of the samples"),
        ({"broken": 4}, "the gradient of the target was NaN or infinite at 4% of the last samples"),
        ({"slope": 0.05}, "ELBO still improves, by 0.15 nats over the last 30"),
        ({"previous": HALF}, "the mixture still moves: KL"),
    ],
)
def test_every_trouble_is_named(trouble, words):
    (text,) = concerns(**trouble)
    assert words in text


def test_broken_gradients_matter_at_the_end():
    assert concerns(broken=[50] * 6 + [0, 1]) == []
    (text,) = concerns(broken=[0] * 6 + [2, 3])
    assert "double where" in text


def test_young_components_are_a_concern_where_the_mixture_changes():
    assert concerns(ages=(100, 5)) == []
    young, trend = concerns(ages=(100, 5), slope=0.05)
    assert "1 of its 2 components, with 50% of its mass" in young
    assert "still improves" in trend
    young, _ = concerns(ages=(100, 5), previous=HALF)
    assert "still grows" in young
    assert len(concerns(ages=(100, 5), weights=(0.999, 0.001), slope=0.05)) == 1


def test_noise_is_no_concern():
    assert concerns(slope=0.001) == []


def test_an_elbo_at_another_temperature_is_no_trend():
    assert concerns(slope=0.05, temperatures=np.linspace(2.0, 1.0, 8)) == []
    assert concerns(slope=0.05, temperatures=np.array([2.0] * 5 + [1.0] * 3)) == []
    assert len(concerns(slope=0.05, temperatures=np.array([2.0] * 4 + [1.0] * 4))) == 1


def test_components_that_trade_their_weights_do_not_move_the_mixture():
    same = GMM.from_moments([0.9, 0.1], np.zeros((2, 2)), np.ones((2, 2)))
    traded = GMM.from_moments([0.1, 0.9], np.zeros((2, 2)), np.ones((2, 2)))
    assert mixture_divergence(same, traded, jax.random.key(0)) == pytest.approx(0.0, abs=1e-5)
    # KL(N(0, s) || N(m, t)) in closed form.
    first = GMM.from_moments([1.0], [[0.0, 0.0]], [[0.5, 1.0]])
    second = GMM.from_moments([1.0], [[0.3, 0.0]], [[1.0, 1.0]])
    expected = 0.5 * (0.5 - 1.0 + np.log(2.0) + 0.09)
    assert mixture_divergence(first, second, jax.random.key(0), 20_000) == pytest.approx(
        expected, abs=0.02
    )
