"""Settings are checked when the config is made: type, sign, and what the run's dtype can hold."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gmmvi_jax as gmmvi

NAN, INF = float("nan"), float("inf")
BAD = [
    ("num_iterations", 10.5, "an integer of at least 1"),
    ("num_iterations", "10", "an integer of at least 1"),
    ("seed", -1, "an integer of at least 0"),
    ("seed", 2**40, "less than 2**32"),
    ("seed", 1.5, "an integer of at least 0"),
    ("seed", "a", "an integer of at least 0"),
    ("seed", True, "an integer of at least 0"),
    ("log_every", True, "an integer of at least 1"),
    ("diagnostic_samples", -1, "an integer of at least 0"),
    ("diagnostic_samples", 2.5, "an integer of at least 0"),
    ("desired_samples", "100", "an integer"),
    ("desired_samples", 0, "an integer of at least 1"),
    ("add_iters", 2.5, "an integer"),
    ("del_iters", "9", "an integer"),
    ("max_database_size", -1, "an integer of at least 0"),
    ("reuse_window_bytes", 0, "an integer of at least 1"),
    ("reuse_ratio", "a", "a finite number"),
    ("reuse_ratio", NAN, "a finite number"),
    ("reuse_ratio", [1.0, 2.0], "a single number"),
    ("initial_component_stepsize", NAN, "a finite number"),
    ("max_component_stepsize", INF, "a finite number"),
    ("min_weight_stepsize", "a", "a finite number"),
    ("component_stepsize_increase", True, "a finite number"),
    ("min_weight_for_deletion", -1.0, "not be negative"),
    ("self_normalized_gradients", 1, "True or False"),
    ("only_own_samples", "no", "True or False"),
    ("self_normalized_rewards", None, "True or False"),
    ("diagonal", 1, "True or False"),
    ("temperature", INF, "a finite number"),
    ("temperature", NAN, "a finite number"),
    ("temperature", "hot", "a finite number"),
    ("prior_mean", INF, "finite"),
    ("prior_mean", 1e39, "finite"),
    ("prior_mean", "a", "a number"),
    ("prior_scale", 1e30, "between 1.1e-19 and 1.8e+19"),
    ("prior_scale", 1e-30, "between 1.1e-19 and 1.8e+19"),
    ("initial_covariance", 1e-40, "between 1.2e-38 and 3.4e+38"),
    ("initial_covariance", NAN, "finite"),
    ("max_components", 2.0, "an integer of at least 1"),
]


@pytest.mark.parametrize(("name", "value", "must"), BAD)
def test_a_setting_of_the_wrong_type_or_sign_is_named_with_its_value(name, value, must):
    with pytest.raises(ValueError, match=f"^{name} must") as caught:
        gmmvi.samtron(3, **{name: value})
    assert must in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("num_iterations", 2.5)])
def test_a_replaced_setting_is_checked_when_training_starts(name, value):
    config = gmmvi.samtron(2).replace(**{name: value})
    with pytest.raises(ValueError, match=f"{name} must be an integer"):
        gmmvi.train(config, lambda x: -jnp.sum(x**2))


def test_stepsizes_may_start_outside_of_their_bounds_but_bounds_must_be_in_order():
    configure: Any = gmmvi.samtron
    for kind in ("component", "weight"):
        bounds = {f"min_{kind}_stepsize": 0.2, f"max_{kind}_stepsize": 0.5}
        for initial in (0.1, 0.9):
            configure(3, **bounds, **{f"initial_{kind}_stepsize": initial})
        with pytest.raises(ValueError, match=f"min_{kind}_stepsize is 0.2, above .* 0.1"):
            configure(3, **(bounds | {f"max_{kind}_stepsize": 0.1}))


BAD_SCHEDULES = [
    (lambda _: 0.0, "positive and finite at every count, got 0.0"),
    (lambda _: -INF, "got -inf"),
    (lambda _: jnp.ones(2), r"got Array\(\[1., 1.\]"),
    (lambda _: "hot", "got 'hot'"),
    (lambda: 1.0, "raised TypeError"),
]


@pytest.mark.parametrize(("schedule", "message"), BAD_SCHEDULES)
def test_a_temperature_that_is_a_schedule_is_called_once(schedule, message):
    with pytest.raises(ValueError, match=f"^temperature must be .*{message}"):
        gmmvi.samtron(2, temperature=schedule)
    gmmvi.samtron(2, temperature=optax.linear_schedule(2.0, 1.0, 100))


SCHEDULED: dict[str, Any] = {
    "initial_component_stepsize": optax.cosine_decay_schedule(0.3, 40),
    "initial_weight_stepsize": optax.exponential_decay(0.5, 10, 0.5),
    "temperature": optax.linear_schedule(2.0, 1.0, 30),
}


def test_stepsizes_and_temperature_follow_schedules_of_optax():
    config = gmmvi.ibayes_gmm(
        2,
        num_initial_components=2,
        num_iterations=20,
        log_every=10,
        diagnostic_samples=0,
        desired_samples=40,
        **SCHEDULED,
    )
    history = gmmvi.train(config, lambda x: -0.5 * jnp.sum((x - 1.0) ** 2)).history
    for column, schedule, first in (
        ("component_stepsize", SCHEDULED["initial_component_stepsize"], 0),
        ("weight_stepsize", SCHEDULED["initial_weight_stepsize"], 0),
        ("temperature", SCHEDULED["temperature"], 1),
    ):
        expected = [float(schedule(count + first)) for count in (9, 19)]  # the last iterations
        np.testing.assert_allclose(history[column], expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"initial_weight_stepsize must be not negative .* at 0"):
        gmmvi.ibayes_gmm(2, initial_weight_stepsize=lambda count: -1.0 - count)


def test_a_config_is_changed_by_a_schedule_and_suggests_near_names():
    config = gmmvi.samtron(2).replace(temperature=SCHEDULED["temperature"])
    assert config.algorithm.temperature(31) == 1.0
    gmmvi.build(config, lambda x: -0.5 * x @ x)
    assert config.replace(temperature=2).algorithm.temperature(1) == 2.0
    with pytest.raises(ValueError, match="temperature must be a single number"):
        config.replace(temperature=jnp.ones(3))
    with pytest.raises(ValueError, match=r"finite at every count, got .* at 500"):
        gmmvi.samtron(2, temperature=optax.linear_schedule(1.0, -1.0, 10))
    with pytest.raises(TypeError, match="did you mean 'add_iters'"):
        config.replace(add_iter=3)
    with pytest.raises(TypeError, match=r"prior_scale.* need a new config"):
        config.replace(prior_scale=3.0)
    misspelled: Any = {"prior_scal": 2.0}
    with pytest.raises(ValueError, match="did you mean 'prior_scale'"):
        gmmvi.samtron(2, **misspelled)


def test_numbers_of_numpy_and_jax_are_numbers():
    seven: Any = np.int64(7)
    algorithm: Any = gmmvi.samtron(
        2, desired_samples=seven, initial_weight_stepsize=jnp.float32(0.5), temperature=2
    ).algorithm
    assert type(algorithm.sample_selector.desired_samples) is int
    assert type(algorithm.weight_stepsize.initial) is float


def make(mean, scale, variance, stepsize, temperature):
    return gmmvi.samtron(
        {"a": 0.0, "b": jnp.zeros(2)},
        prior_mean={"a": mean, "b": 1.0},
        prior_scale=[scale, 1.0, 2.0],
        initial_covariance=variance,
        initial_weight_stepsize=stepsize,
        temperature=temperature,
        max_components=2,
    ).algorithm


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_floats_may_be_vmapped_over(transform):
    values = jnp.array([0.25, 0.5])
    together = transform(jax.vmap(make))(*[factor * values for factor in range(1, 6)])
    alone = [make(*[factor * value for factor in range(1, 6)]) for value in (0.25, 0.5)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *alone)
    assert jax.tree.structure(together) == jax.tree.structure(stacked)
    jax.tree.map(lambda *leaves: np.testing.assert_allclose(*leaves, rtol=1e-6), together, stacked)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("prior_scale", jnp.ones((2, 4)), r"prior_scale must be a number or have shape \(2,\)"),
        ("temperature", jnp.zeros((2, 3)), "temperature must be a single number"),
        ("initial_weight_stepsize", jnp.zeros((2, 3)), "must be a single number"),
        ("desired_samples", jnp.array([3, 4]), "must be known when a program is compiled"),
        ("reuse_ratio", jnp.array([1.0, 2.0]), "must be known when a program is compiled"),
        ("diagonal", jnp.array([True, False]), "must be known when a program is compiled"),
        ("num_iterations", jnp.array([1, 2]), "must be known when a program is compiled"),
    ],
)
def test_what_can_be_checked_of_a_traced_setting_is_checked(name, value, message):
    def configure(value):
        return gmmvi.samtron(2, **{name: value}).algorithm

    with pytest.raises(ValueError, match=message):
        jax.jit(jax.vmap(configure))(value)


@pytest.mark.parametrize("codename", ["SEMTRON", pytest.param("SEPYFUX", marks=pytest.mark.slow)])
def test_a_fixed_number_of_components_starts_with_as_many_as_there_may_be(codename):
    for most, initial in ((1, 1), (4, 4), (30, 10)):
        config = gmmvi.from_codename(codename, 2, max_components=most)
        assert config.algorithm.initial_mixture.num_components == initial
        assert config.algorithm.max_components == most
    config = gmmvi.from_codename(
        codename, 2, max_components=1, num_iterations=2, desired_samples=10, diagnostic_samples=0
    )
    assert gmmvi.train(config, lambda x: -jnp.sum(x**2)).gmm.num_components == 1


def prior_mean_of(config):
    return config.algorithm.initial_mixture.prior_mean


def test_a_run_starts_at_the_values_of_the_example_of_its_position():
    example = {"w": jnp.ones(3), "b": 0.5}
    np.testing.assert_array_equal(prior_mean_of(gmmvi.samtron(example)), [0.5, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(prior_mean_of(gmmvi.samtron(4)), np.zeros(4))
    np.testing.assert_array_equal(prior_mean_of(gmmvi.samtron(np.full((2, 2), 3.0))), [3.0] * 4)
    np.testing.assert_array_equal(prior_mean_of(gmmvi.samtron(example, prior_mean=0.0)), [0.0] * 4)
    shape = {"w": jax.ShapeDtypeStruct((2,), jnp.float32), "b": 0.5}
    np.testing.assert_array_equal(prior_mean_of(gmmvi.vips(shape)), [0.5, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"example's values.*finite"):
        gmmvi.samtron({"w": jnp.array([0.0, jnp.nan])})
    with pytest.raises(TypeError, match="leaf 'n' is int"):
        gmmvi.samtron({"n": 3})
    config = gmmvi.from_codename(
        "SEMTFOX",
        example,
        num_initial_components=1,
        num_iterations=1,
        desired_samples=10,
        prior_scale=1e-3,
        diagnostic_samples=0,
    )

    def log_density(position):
        return -jnp.sum((position["w"] - 1.0) ** 2) - (position["b"] - 0.5) ** 2

    result = gmmvi.train(config, log_density)
    np.testing.assert_allclose(result.modes().locations["w"], np.ones((1, 3)), atol=0.01)


@pytest.mark.slow
def test_a_position_may_be_a_dict_with_integer_keys():
    example = {0: 1.0, 1: jnp.full(2, 2.0)}
    config = gmmvi.from_codename(
        "SEMTFOX",
        example,
        num_iterations=1,
        desired_samples=10,
        prior_scale={0: 1.0, 1: 2.0},
    )
    np.testing.assert_array_equal(prior_mean_of(config), [1.0, 2.0, 2.0])
    result = gmmvi.train(config, lambda p: -(p[0] ** 2) - jnp.sum(p[1] ** 2))
    assert jax.tree.map(jnp.shape, result.sample(0, 3)) == {0: (3,), 1: (3, 2)}
    assert "(0=" in result.summary()
