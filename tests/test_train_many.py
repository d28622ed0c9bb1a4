"""Several runs in one program: each is the run it would be alone; merged they cover all modes."""

import dataclasses
import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from benchmarks.digests import digests

DIM = 2
SEEDS = (3, 5, 8)
MEANS = jnp.array([[-6.0, 0.0], [6.0, 1.0]])


def two_modes(x):
    """Two normalised unit Gaussians that weigh 0.8 and 0.2: log Z = 0."""
    squares = jnp.sum((x - MEANS) ** 2, axis=-1)
    return jax.nn.logsumexp(jnp.log(jnp.array([0.8, 0.2])) - 0.5 * squares) - jnp.log(2 * jnp.pi)


CONFIG = gmmvi.samtron(
    DIM,
    prior_scale=2.0,
    max_components=4,
    add_iters=4,
    desired_samples=40,
    num_iterations=10,
    log_every=6,
    diagnostic_samples=300,
    num_database_samples=200,
    max_database_size=500,
)


@pytest.fixture(scope="module")
def results():
    @functools.cache
    def of(vectorized):
        return gmmvi.train_many(CONFIG, two_modes, SEEDS, vectorized=vectorized)

    return of


@pytest.fixture(scope="module")
def alone():
    return [gmmvi.train(CONFIG.replace(seed=seed), two_modes) for seed in SEEDS]


@pytest.mark.parametrize("vectorized", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_run_is_the_one_that_train_makes(results, alone, vectorized):
    many = results(vectorized)
    assert many.seeds == SEEDS
    assert many.history["elbo"].shape == (2, 3)
    for index, single in enumerate(alone):
        np.testing.assert_array_equal(
            many.history["num_target_evaluations"][:, index],
            single.history["num_target_evaluations"],
        )
        np.testing.assert_allclose(
            many.history["elbo"][:, index], single.history["elbo"], rtol=2e-2, atol=2e-2
        )
        np.testing.assert_allclose(many.gmms[index].means, single.gmm.means, rtol=2e-2, atol=2e-2)


def test_several_runs_are_shown_in_one_line(results):
    text = repr(results(False))
    assert "\n" not in text
    assert text.startswith("TrainManyResult(3 completed, seeds=(3, 5, 8), ")
    assert f"{results(False).history['num_target_evaluations'][-1].sum():,} target" in text


def assert_same(first, second):
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_callbacks_see_all_runs_and_may_keep_them(results, capsys):
    states, iterations = [], []

    def remember(state, rows):
        states.append(state)
        iterations.append([row["iteration"] for row in rows])

    many = gmmvi.train_many(CONFIG, two_modes, SEEDS, callbacks=remember, progress=True)
    assert iterations == [[6] * 3, [10] * 3]
    assert "ELBO" in capsys.readouterr().err
    assert_same(many.gmms, results(False).gmms)
    for index, gmm in enumerate(many.gmms):
        assert_same(states[1].run(index).gmm(), many.run(index).last)
        assert gmm.num_components == many.run(index).last.num_components
        assert int(states[0].run(index).iteration) == 6
    with pytest.raises(ValueError, match=r"holds 3 runs; call state\.run\(0\)\.gmm\(\)"):
        states[1].gmm()

    stopped = gmmvi.train_many(CONFIG, two_modes, SEEDS, callbacks=[lambda state, rows: True])
    assert [str(status) for status in stopped.statuses] == ["stopped by a callback"] * 3


@pytest.mark.parametrize("vectorized", [False, True])
def test_a_run_that_has_met_a_rule_takes_no_more_steps(results, vectorized):
    def rule(rows):
        first = results(False).history["elbo"][0].min()  # one run meets it later than the others
        met = rows[-1]["elbo"] > first + 1e-3
        return gmmvi.Ending(gmmvi.Status.CONVERGED) if met else None

    many = gmmvi.train_many(CONFIG, two_modes, SEEDS, until=rule, vectorized=vectorized)
    assert many.statuses == ("converged",) * 3
    assert many.history["iteration"].tolist() == [[6, 6, 6], [10, 6, 6]]
    for name in ("num_target_evaluations", "num_diagnostic_evaluations", "wall_time"):
        first, second = many.history[name]
        assert (second > first).tolist() == [True, False, False], name
    assert_same(many.gmms[:1], results(vectorized).gmms[:1])
    assert [len(many.run(index).history["elbo"]) for index in range(3)] == [2, 1, 1]
    short = CONFIG.replace(num_iterations=6)
    alone = gmmvi.train_many(short, two_modes, SEEDS, vectorized=vectorized).run(1)
    assert_same([alone.gmm, alone.last], [many.gmms[1], many.run(1).last])
    assert int(many.state.run(1).iteration) == 6


def test_runs_go_on_from_a_result_a_state_or_files_of_each(results, tmp_path):
    part = CONFIG.replace(num_iterations=6)
    first = gmmvi.train_many(part, two_modes, SEEDS, checkpoint=tmp_path)
    paths = [tmp_path / f"run-{index}" for index in range(3)]
    rest = CONFIG.replace(num_iterations=4)
    for initial in (first, first.state, paths, [first.run(0), first.state.run(1), paths[2]]):
        many = gmmvi.train_many(rest, two_modes, SEEDS, initial=initial)
        assert_same(many.gmms, results(False).gmms)
    with pytest.raises(ValueError, match="initial has 2 starts for 3 seeds"):
        gmmvi.train_many(rest, two_modes, SEEDS, initial=paths[:2])
    other = gmmvi.init(CONFIG.replace(max_components=8).algorithm, 0)
    with pytest.raises(ValueError, match=r"initial\[1\] and initial\[0\] lead to states of dif"):
        gmmvi.train_many(rest, two_modes, (0, 1), initial=[first.run(0), other])


def test_one_start_and_the_samples_of_another_run_are_shared_by_all(results):
    short = CONFIG.replace(num_iterations=1)
    start = results(False).run(0)
    samples = gmmvi.export_samples(start.state)
    many = gmmvi.train_many(short, two_modes, SEEDS, initial=start.gmm, samples=samples)
    assert np.all(many.history["num_components"] >= start.gmm.num_components)
    held = np.asarray(many.state.database.archive.count)
    assert np.all(held > len(samples.points) // 2)
    going_on = gmmvi.train_many(short, two_modes, SEEDS, initial=start.state)
    assert np.all(going_on.state.iteration == 11)
    means = np.asarray(going_on.state.mixture.gaussians.mean[:, 0])
    assert len(np.unique(means, axis=0)) == 3  # each seed draws samples of its own


def test_several_runs_are_summarised_and_diagnosed_as_one(results, alone):
    many = results(False)
    text = many.summary()
    assert all(len(line) <= 80 for line in text.splitlines())
    for seed, elbo in zip(SEEDS, many.history["elbo"][-1], strict=True):
        assert f"{seed:>8} {elbo:>12.4f}" in text
    assert f"merged: {many.merged.num_components} components in 2 dimensions" in text
    one, single = many.run(2), alone[2]
    assert one.config.run == single.config.run
    assert set(one.history) == set(single.history)
    assert one.previous is not None
    assert one.previous.num_components == single.previous.num_components
    assert many.sample(0, 5).shape == (5, 2)
    assert many.modes().masses.sum() == pytest.approx(1.0, abs=1e-4)
    diagnosis = many.diagnose(num_samples=500)
    assert diagnosis.num_samples == 500
    mean, error = float(diagnosis.elbo.mean), 5 * float(diagnosis.elbo.standard_error)
    assert many.history["elbo"][-1].min() - error < mean < error  # log Z = 0
    told = [concern.text for run in range(3) for concern in many.run(run).concerns()]
    named = [concern.text for concern in diagnosis.concerns if concern.text.startswith("seed ")]
    assert [text.partition(": ")[2] for text in named] == told


def one_mode(mean):
    return gmmvi.GMM(
        log_weights=jnp.zeros(1), means=mean[None], factors=jnp.broadcast_to(jnp.eye(2), (1, 2, 2))
    )


def test_merging_runs_that_found_different_modes_gives_the_target():
    gmms = [one_mode(MEANS[0]), one_mode(MEANS[1])]
    elbos = [
        float(gmmvi.evaluation.elbo(gmm, two_modes, jax.random.key(0), 4000).mean) for gmm in gmms
    ]
    np.testing.assert_allclose(elbos, np.log([0.8, 0.2]), atol=1e-3)
    merged = gmmvi.merge(gmms, elbos)
    np.testing.assert_allclose(merged.weights, [0.8, 0.2], atol=1e-3)
    np.testing.assert_allclose(jnp.sum(merged.weights), 1.0, rtol=1e-6)
    estimate = gmmvi.evaluation.elbo(merged, two_modes, jax.random.key(1), 4000)
    assert abs(float(estimate.mean)) < 1e-3


def test_without_elbos_all_runs_weigh_the_same():
    gmms = [one_mode(MEANS[0]), one_mode(MEANS[1])]
    np.testing.assert_allclose(gmmvi.merge(gmms, [float("nan"), -3.0]).weights, [0.5, 0.5])


def test_the_merged_mixture_and_the_best_run(results):
    many = results(False)
    assert many.merged.num_components == sum(gmm.num_components for gmm in many.gmms)
    assert many.best is many.gmms[int(np.argmax(many.history["elbo"][-1]))]


def test_mixtures_that_do_not_fit_together_are_refused():
    diagonal = gmmvi.GMM(jnp.zeros(1), jnp.zeros((1, 2)), jnp.ones((1, 2)))
    with pytest.raises(ValueError, match="factors"):
        gmmvi.merge([one_mode(MEANS[0]), diagonal], [0.0, 0.0])
    with pytest.raises(ValueError, match="at least one mixture"):
        gmmvi.merge([], [])
    with pytest.raises(ValueError, match="seeds is empty"):
        gmmvi.train_many(CONFIG, two_modes, [])


def test_runs_that_are_unusable_are_named():
    good, bad = one_mode(MEANS[0]), one_mode(jnp.array([jnp.nan, 0.0]))
    with pytest.raises(ValueError, match=r"gmms\[1\] is unusable: its means are not finite"):
        gmmvi.merge([good, bad], [0.0, 0.0])
    weightless = dataclasses.replace(good, log_weights=jnp.full(1, jnp.nan))
    with pytest.raises(ValueError, match=r"gmms\[0\] is unusable: its weights"):
        gmmvi.merge([weightless, good], [0.0, 0.0])
    for elbos in ([-np.inf, -np.inf], [np.nan, -np.inf], [np.nan, np.nan], [np.inf, 0.0]):
        with pytest.raises(ValueError, match=r"elbos must be finite .* got \["):
            gmmvi.merge([good, good], elbos)


def test_a_run_with_mass_where_the_target_has_none_weighs_nothing():
    gmms = [one_mode(mean) for mean in (*MEANS, jnp.zeros(2))]
    for third in (-1.0, float("nan")):
        expected = [0.5, 0.0, 0.5]
        merged = gmmvi.merge(gmms, [-1.0, -np.inf, third])
        np.testing.assert_allclose(merged.weights, expected, rtol=1e-6)
    assert np.all(np.isfinite(merged.log_prob(MEANS)))


def test_the_best_of_runs_without_elbos_is_not_known_and_merged_they_weigh_the_same(results):
    many = results(False)
    history = many.history | {"elbo": np.full_like(many.history["elbo"], np.nan)}
    unknown = dataclasses.replace(many, history=history)
    for call in ("best", "merged"):
        with pytest.raises(ValueError, match=r"nan, nan, nan"):
            getattr(unknown, call)
    silent = dataclasses.replace(unknown, config=CONFIG.replace(diagnostic_samples=0))
    counts = [gmm.num_components for gmm in many.gmms]
    parts = np.split(np.asarray(silent.merged.weights), np.cumsum(counts)[:-1])
    np.testing.assert_allclose([part.sum() for part in parts], [1 / 3] * 3, rtol=1e-5)


@pytest.fixture(scope="module")
def begun(results, tmp_path_factory):
    del results  # has compiled the program
    directory = tmp_path_factory.mktemp("begun") / "runs"
    for num_iterations in (6, 12):
        short = CONFIG.replace(num_iterations=num_iterations)
        gmmvi.train_many(short, two_modes, SEEDS, resume=directory)
    return directory


@pytest.fixture(scope="module")
def whole(results):
    del results
    return gmmvi.train_many(CONFIG.replace(num_iterations=18), two_modes, SEEDS)


@pytest.mark.parametrize("is_killed", [False, True])
def test_runs_go_on_as_if_they_had_never_ended(begun, whole, is_killed, tmp_path):
    runs = shutil.copytree(begun, tmp_path / "runs")
    if is_killed:  # after the second run was written, before the third
        (runs / "run-2" / "snapshot-00000012.npz").unlink()
    for _ in range(2):  # the second time they have ended, and are read as they are
        resumed = gmmvi.train_many(whole.config, two_modes, SEEDS, resume=runs)
        assert resumed.statuses == whole.statuses
        loaded = gmmvi.load(runs / "run-2")
        assert_same((resumed.gmms, loaded.gmm), (whole.gmms, whole.gmms[2]))
        assert digests(resumed) == digests(whole)
        assert digests(loaded) == digests(whole.run(2))
        assert np.all(np.diff(resumed.history["wall_time"], axis=0) > 0.0)
        assert loaded.config.run.seed == SEEDS[2]


def test_a_run_that_has_met_a_rule_before_the_others_is_not_asked_again(begun, whole, tmp_path):
    elbos = whole.history["elbo"]
    met = {float(elbos[0, 0]), float(elbos[2, 1])}  # each by one run, after one chunk

    def rule(rows):
        return gmmvi.Ending(gmmvi.Status.CONVERGED) if rows[-1]["elbo"] in met else None

    runs = shutil.copytree(begun, tmp_path / "runs")
    resumed = gmmvi.train_many(whole.config, two_modes, SEEDS, resume=runs, until=rule)
    assert resumed.statuses == ("converged", "converged", "completed")


def test_other_runs_than_those_in_the_directory_are_refused(begun, whole, tmp_path):
    config = whole.config
    with pytest.raises(ValueError, match=r"there are 3 runs in .*runs, but 2 seeds"):
        gmmvi.train_many(config, two_modes, SEEDS[:2], resume=begun)
    runs = shutil.copytree(begun, tmp_path / "runs")
    shutil.rmtree(runs / "run-1")
    with pytest.raises(ValueError, match=r"run-1 of 3 runs is missing in .* has run-0, run-2;"):
        gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
    with pytest.raises(ValueError, match=r"run-2 has another config: run\.seed is 8, now 9"):
        gmmvi.train_many(config, two_modes, (3, 5, 9), resume=begun)
    with pytest.raises(ValueError, match=r"run-0 has another config: algorithm\.temperature"):
        gmmvi.train_many(config.replace(temperature=2.0), two_modes, SEEDS, resume=begun)
    with pytest.raises(ValueError, match=r"there is a run in .*run-0 already; resume="):
        gmmvi.train_many(config, two_modes, SEEDS, checkpoint=begun)
    with pytest.raises(ValueError, match=r"resume: .* has 3 runs of train_many"):
        gmmvi.train(config, two_modes, resume=begun)
    with pytest.raises(FileNotFoundError, match=r"has the runs run-0, run-1, run-2 of train_many"):
        gmmvi.load(begun)


def test_runs_whose_first_snapshots_are_not_all_there_begin_anew(begun, whole, tmp_path):
    config = whole.config.replace(num_iterations=6)
    runs = shutil.copytree(begun, tmp_path / "runs")
    for path in (runs / "run-1").glob("snapshot-*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"the snapshots of the run in .*run-1 .* are gone"):
        gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
    for index in range(3):
        for name in ("gmm.npz", "run.json"):
            (runs / f"run-{index}" / name).unlink()
    with pytest.raises(ValueError, match=r"have no snapshot: run-0 has .*; run-1 has none"):
        gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
    for index in (0, 2):  # now it looks as if the process was killed in its first write
        (runs / f"run-{index}" / "snapshot-00000012.npz").unlink()
    again = gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
    np.testing.assert_array_equal(again.history["elbo"], whole.history["elbo"][:1])
    for index in range(3):
        (runs / f"run-{index}" / "snapshot-00000006.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"is cut off\nThere is no other .*initial=\['.*run-2/gmm"):
        gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
    (runs / "run-0" / "snapshot-00000006.npz").rename(runs / "snapshot-00000006.npz")
    with pytest.raises(ValueError, match="resume: there is a run of train in"):
        gmmvi.train_many(config, two_modes, SEEDS, resume=runs)
