"""``train``: one compilation, exact repetition, growth, failure, continuation."""

import dataclasses
import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.training.chunk import num_compilations
from gmmvi_jax.training.first_look import NUM_DRAWS

CENTRES = jnp.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])


def small_config(**settings):
    sizes = {
        "log_every": 20,
        "max_components": 8,
        "add_iters": 5,
        "del_iters": 6,
        "desired_samples": 50,
        "num_database_samples": 500,
        "max_database_size": 1000,
        "diagnostic_samples": 500,
    }
    return gmmvi.samtron(2, **sizes, **settings)


CONFIG = small_config(prior_scale=4.0, num_iterations=45, seed=1)


def three_modes(x):
    """Three unit Gaussians of equal weight, normalised: log Z = 0."""
    squares = jnp.sum((x - CENTRES) ** 2, axis=-1)
    return jax.nn.logsumexp(-0.5 * squares) - jnp.log(3 * 2 * jnp.pi)


@pytest.fixture(scope="module")
def result():
    return gmmvi.train(CONFIG, three_modes)


def test_all_modes_of_a_mixture_are_found(result):
    distances = jnp.linalg.norm(result.gmm.means[:, None] - CENTRES[None], axis=-1)
    assert jnp.all(distances.min(axis=0) < 0.3)
    assert abs(result.history["elbo"][-1]) < 5 * result.history["elbo_stderr"][-1] + 0.05


def test_history_has_a_row_per_chunk_and_exact_counts(result):
    history = result.history
    assert list(history["iteration"]) == [20, 40, 45]
    for name in ("num_components", "num_target_evaluations", "elbo", "elbo_stderr", "wall_time"):
        assert len(history[name]) == 3
    assert np.all(np.diff(history["num_target_evaluations"]) > 0)
    at_the_start = 1 + NUM_DRAWS  # the first mean and draws of the initial mixture
    assert history["num_diagnostic_evaluations"][-1] == at_the_start + 3 * 500
    grown = 1 + history["num_added"].sum() - history["num_deleted"].sum()
    assert grown == result.gmm.num_components == history["num_components"][-1]


def test_evaluations_are_those_of_the_components_that_were_active(result):
    del result  # has compiled the program
    one = CONFIG.replace(num_iterations=1, diagnostic_samples=0)
    state = jax.jit(gmmvi.init)(CONFIG.algorithm, jax.random.key(0))
    counted = []
    for _ in range(12):
        counted.append(50 * int(state.mixture.num_components))
        state = gmmvi.train(one, three_modes, initial=state).state
        assert int(state.num_target_evaluations) == sum(counted)
    assert len(set(counted)) > 1


def test_same_seed_same_result_bit_for_bit_and_without_compiling_again(result):
    compiled = num_compilations()
    again = gmmvi.train(CONFIG, three_modes)
    assert num_compilations() == compiled
    chex.assert_trees_all_equal(result.gmm, again.gmm)
    np.testing.assert_array_equal(result.history["elbo"], again.history["elbo"])


def test_hyperparameters_seed_and_length_do_not_recompile(result):
    compiled = num_compilations()
    rebuilt = small_config(
        prior_mean=1.0,
        prior_scale=3.0,
        num_iterations=20,
        initial_component_stepsize=1,
        temperature=2,
        seed=7,
    )
    other = gmmvi.train(rebuilt, three_modes)
    assert num_compilations() == compiled
    assert not np.array_equal(other.history["elbo"][:1], result.history["elbo"][:1])


@pytest.mark.slow
def test_log_every_does_not_change_the_run(result):
    other = gmmvi.train(CONFIG.replace(log_every=45, diagnostic_samples=0), three_modes)
    np.testing.assert_array_equal(other.gmm.means, result.gmm.means)
    assert np.all(np.isnan(other.history["elbo"]))


def test_continuing_from_a_state_on_disk_equals_one_long_run(result, tmp_path):
    path = tmp_path / "state.npz"
    first = gmmvi.train(CONFIG.replace(num_iterations=20), three_modes)
    gmmvi.save_state(path, first.state)
    state = gmmvi.load_state(path, CONFIG)
    rest = gmmvi.train(CONFIG.replace(num_iterations=25), three_modes, initial=state)
    np.testing.assert_array_equal(rest.gmm.means, result.gmm.means)
    assert int(rest.state.iteration) == 45
    # The state that was passed in is still there.
    np.testing.assert_array_equal(state.mixture.gaussians.mean, first.state.mixture.gaussians.mean)


def test_state_of_another_config_is_refused(tmp_path, result):
    path = tmp_path / "run.npz"
    gmmvi.save_state(path, result.state)
    other = gmmvi.samtron(3)
    with pytest.raises(ValueError, match="config"):
        gmmvi.load_state(path, other)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        gmmvi.load_state(tmp_path / "nowhere.npz", CONFIG)
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="not a state"):
        gmmvi.load_state(path, CONFIG)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 1}, "version 1, this gmmvi_jax reads"),
        ({"format": "other"}, "not a state"),
    ],
)
def test_state_of_another_version_is_refused(tmp_path, result, changed, message):
    path = tmp_path / "run.npz"
    gmmvi.save_state(path, result.state)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header"))) | changed
    np.savez(path, header=np.asarray(json.dumps(header)), **arrays)
    with pytest.raises(ValueError, match=message):
        gmmvi.load_state(path, CONFIG)


def test_a_callback_can_stop_the_run(result):
    states, iterations = [], []

    def stop(state, row):
        states.append(state)
        iterations.append(row["iteration"])
        return row["iteration"] >= 40

    stopped = gmmvi.train(CONFIG, three_modes, callbacks=[stop])
    # No chunk has donated the states: they can be read, and continued from.
    assert [int(state.iteration) for state in states] == iterations == [20, 40]
    assert all(np.all(np.isfinite(state.gmm().means)) for state in states)
    rest = gmmvi.train(CONFIG.replace(num_iterations=25), three_modes, initial=states[0])
    np.testing.assert_array_equal(rest.gmm.means, result.gmm.means)
    assert "callback" in stopped.status
    assert result.status == "completed"


def test_the_mixture_of_one_run_starts_another(result):
    short = CONFIG.replace(num_iterations=1)
    continued = gmmvi.train(short, three_modes, initial=result.gmm)
    assert continued.history["elbo"][0] > -0.3
    with pytest.raises(ValueError, match="max_components"):
        gmmvi.train(
            gmmvi.samtron(2, max_components=1, num_iterations=1), three_modes, initial=result.gmm
        )


def test_summary_fits_the_terminal_and_names_what_matters(result):
    text = result.summary()
    assert all(len(line) <= 80 for line in text.splitlines())
    for word in ("ELBO", "target evaluations", "rejected updates", "mass", "location"):
        assert word in text
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(result.state.database)) / 2**20
    assert f"{held:,.1f}   MiB" in text
    heaviest = text.split("components, heaviest first\n")[1].splitlines()[1].split()
    columns = result.components()
    first = int(np.argmax(columns["weight"]))
    names = ("weight", "age", "effective_samples", "divergence", "stepsize", "num_rejected")
    for shown, name in zip(heaviest, names, strict=True):
        np.testing.assert_allclose(float(shown), columns[name][first], rtol=0.05, atol=1e-4)
    masses = gmmvi.evaluation.find_modes(result.gmm).masses
    assert len(masses) >= 3
    np.testing.assert_allclose(masses[:3], 1 / 3, atol=0.05)


def test_a_result_is_shown_in_one_line_and_in_notebooks_as_its_summary(result):
    text = repr(result)
    assert "\n" not in text
    assert len(text) < 250
    assert f"45 iterations, {result.history['num_target_evaluations'][-1]:,} target" in text
    assert f"GMM(num_components={result.gmm.num_components}, dim=2, full, float32)" in text
    assert "\n" not in repr(CONFIG)
    assert len(repr(CONFIG)) < 350
    assert "dim=2" in repr(CONFIG)
    named = dataclasses.replace(result, status="stopped <by> & for me")
    page = named._repr_html_()
    assert page.startswith("<pre>")
    assert page.endswith("</pre>")
    assert "stopped &lt;by&gt; &amp; for me" in page
    assert page.count("<") == 2


def test_a_result_diagnoses_itself_and_lists_its_components(result):
    diagnosis = result.diagnose()
    assert diagnosis.num_samples == 1000
    assert abs(float(diagnosis.elbo.mean)) < 5 * float(diagnosis.elbo.standard_error) + 0.05
    text = str(diagnosis)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "Verdict: nothing speaks against this fit" in text
    columns = result.components()
    assert {len(values) for values in columns.values()} == {result.gmm.num_components}
    np.testing.assert_allclose(columns["weight"], result.gmm.weights, rtol=1e-5)
    assert columns["age"].max() == 45
    drawn = CONFIG.algorithm.sample_selector.max_samples(result.gmm.num_components)
    effective = columns["effective_samples"]
    np.testing.assert_array_equal(effective == 0, columns["age"] == 0)  # just added: none yet
    assert np.all(effective[effective > 0] >= 1)
    assert np.all(effective <= drawn)
    smallest = result.history["smallest_effective_samples"]
    assert np.all((smallest >= 1) & (smallest <= drawn))
    with pytest.raises(ValueError, match="target is None"):
        dataclasses.replace(result, target=None).diagnose()


def test_nan_samples_are_dropped_counted_and_warned_about():
    def holes(x):
        return jnp.where(x[0] > 1.0, jnp.nan, -0.5 * jnp.sum(x**2))

    config = gmmvi.from_codename(
        "SEMTFOX", 2, num_iterations=10, log_every=10, max_components=2, desired_samples=64
    )  # which compiles fast
    with pytest.warns(UserWarning, match="NaN"):
        outcome = gmmvi.train(config, holes)
    assert 0 < outcome.history["num_unusable_samples"].sum() < outcome.history["num_samples"].sum()
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(outcome.gmm))


@pytest.mark.slow
def test_a_target_without_any_usable_value_is_an_error():
    def only_at_the_start(x):
        return jnp.where(jnp.all(x == 0.0), 0.0, jnp.nan)

    config = gmmvi.samtron(2, num_iterations=5, log_every=5, max_components=2, desired_samples=64)
    with pytest.raises(FloatingPointError, match=r"all .* samples"):
        gmmvi.train(config, only_at_the_start)


def test_stopping_rules_end_it(result):
    del result  # has compiled the program
    config = CONFIG.replace(num_iterations=200, seed=0)
    by_budget = gmmvi.train(config, three_modes, until=gmmvi.EvaluationBudget(8000))
    spent = [by_budget.history[f"num_{kind}_evaluations"][-1] for kind in ("target", "diagnostic")]
    assert by_budget.status is gmmvi.Status.SPENT
    assert 4000 < sum(spent) <= 8000
    by_hand = gmmvi.train(
        config,
        three_modes,
        until=lambda rows: gmmvi.Ending(gmmvi.Status.STOPPED) if len(rows) == 2 else None,
    )
    assert by_hand.history["iteration"].tolist() == [20, 40]
    assert by_hand.ending.reason == ""
    with pytest.warns(UserWarning, match="the run failed: ZeroDivisionError: division by zero"):
        broken = gmmvi.train(
            config,
            three_modes,
            until=lambda rows: 1 / 0 if len(rows) == 2 else None,  # type: ignore
        )
    np.testing.assert_array_equal(broken.gmm.means, by_hand.gmm.means)
    with pytest.raises(RuntimeError, match="the run failed"):
        broken.raise_for_status()
    unended = gmmvi.train(
        config.replace(num_iterations=20), three_modes, until=gmmvi.EvaluationBudget(10**9)
    )
    assert unended.status is gmmvi.Status.COMPLETED
    assert unended.ending.reason == "the 20 iterations ended before a stopping rule did."
    converged = gmmvi.train(config, three_modes, until=gmmvi.Convergence(0.5))
    assert converged.status == "converged"
    assert converged.history["iteration"][-1] < 200


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (lambda x: x, TypeError, r"scalar.*\(2,\)"),
        (lambda x: jnp.sum(x, axis=1), ValueError, "ONE point"),
        (lambda x: jnp.sum(x).astype(int), TypeError, "int32"),
        (lambda x: jnp.sum(x).astype(jnp.bfloat16), TypeError, "bfloat16"),
        (lambda x: -0.5 * x @ jnp.eye(3) @ x, ValueError, "dim"),
        (lambda x: jnp.sum(x) * jnp.nan, ValueError, "NaN at the initial point"),
        (lambda x: (jnp.sum(x), x), TypeError, "tuple"),
        (3.0, TypeError, "function of one point"),
    ],
)
def test_a_bad_target_is_refused_before_compilation(target, error, message):
    compiled = num_compilations()
    with pytest.raises(error, match=message):
        gmmvi.train(CONFIG, target)
    assert num_compilations() == compiled


def test_a_target_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="dim 31"):
        gmmvi.train(CONFIG, gmmvi.targets.breast_cancer())
