"""Functions of the host: what they are asked for, what they return, and how they fail."""

import dataclasses
import threading
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.evaluation import evaluate_rows, value_and_gradient
from gmmvi_jax.densities.host_errors import own_errors

CENTRE = np.array([1.0, -2.0])
CHUNK = 4
# What JAX makes of an exception on the host; its message has the traceback.
HOST_ERRORS = (jax.errors.JaxRuntimeError, ValueError)


@dataclasses.dataclass(eq=False)
class Recorder:
    """A Gaussian in numpy, in float64, that keeps the batches it was asked for."""

    batches: list[np.ndarray] = dataclasses.field(default_factory=list)
    largest_batch: float = np.inf

    def __call__(self, points):
        if len(points) > self.largest_batch:
            raise ArithmeticError("the simulator lost its mesh")
        self.batches.append(points)
        return -0.5 * np.sum((points - CENTRE) ** 2, axis=-1)

    @staticmethod
    def gradient(points):
        return CENTRE - points

    @property
    def num_points(self):
        return sum(np.size(batch) // 2 for batch in self.batches)


def expected(points):
    return -0.5 * np.sum((np.asarray(points) - CENTRE) ** 2, axis=-1)


def with_gradient(recorder: Recorder, **settings: Any) -> densities.BlackBox:
    return densities.black_box(recorder, dim=2, gradient=Recorder.gradient, **settings)


def evaluate(target, points, first_row, num_rows, want_gradient=True):
    """Evaluates rows in chunks; the others keep NaN, or what a chunk's rest leaves."""
    values = jnp.full(len(points), jnp.nan)
    gradients = jnp.full(points.shape, jnp.nan) if want_gradient else None
    return evaluate_rows(
        jax.random.key(0), target, points, first_row, num_rows, CHUNK, values, gradients
    )


evaluate_jitted: Any = jax.jit(evaluate, static_argnames="want_gradient")
evaluate_runs = jax.jit(jax.vmap(evaluate, in_axes=(None, 0, 0, 0)))
points_of = np.random.default_rng(0).normal(size=(3, 20, 2)).astype(np.float32)


def test_one_call_per_chunk_with_the_points_somebody_asked_for():
    recorder = Recorder()
    points = points_of[0]
    values, gradients = evaluate_jitted(with_gradient(recorder), points, 2, 12)
    assert gradients is not None
    assert [len(batch) for batch in recorder.batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(recorder.batches), points[2:12])
    assert all(isinstance(batch, np.ndarray) for batch in recorder.batches)
    np.testing.assert_allclose(values[2:12], expected(points[2:12]), rtol=1e-6)
    np.testing.assert_allclose(gradients[2:12], CENTRE - points[2:12], rtol=1e-6)


def test_without_a_gradient_values_are_evaluated_alone():
    recorder = Recorder()
    target = densities.black_box(recorder)
    assert not target.has_gradient
    values, gradients = evaluate_jitted(target, points_of[0], 0, 5, want_gradient=False)
    assert gradients is None
    np.testing.assert_allclose(values[:5], expected(points_of[0, :5]), rtol=1e-6)
    with pytest.raises(ValueError, match="no gradient"):
        evaluate_jitted(target, points_of[0], 0, 5)


def test_runs_side_by_side_share_a_call_and_nobody_gets_more_than_asked_for():
    recorder = Recorder()
    first, last = jnp.array([0, 3, 5]), jnp.array([10, 3, 7])  # 10, none, and 2 points
    values, _ = evaluate_runs(with_gradient(recorder), points_of, first, last)
    assert [len(batch) for batch in recorder.batches] == [4 + 2, 4, 2]
    np.testing.assert_allclose(values[0, :10], expected(points_of[0, :10]), rtol=1e-6)
    np.testing.assert_allclose(values[2, 5:7], expected(points_of[2, 5:7]), rtol=1e-6)


def test_nothing_is_called_where_nothing_is_asked_for():
    recorder = Recorder()
    values, gradients = with_gradient(recorder).evaluate_batch(points_of[0], jnp.asarray(0), True)
    assert recorder.batches == []
    assert values.shape == (20,)
    assert gradients is not None
    assert gradients.shape == (20, 2)


def test_one_point_and_many_under_vmap():
    recorder = Recorder()
    target = with_gradient(recorder)
    points = points_of[0]
    np.testing.assert_allclose(target(points[0]), expected(points[0]), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(target)(points), expected(points), rtol=1e-6)
    assert [len(batch) for batch in recorder.batches] == [1, 20]
    value, gradient = value_and_gradient(target)(points[0])
    np.testing.assert_allclose(value, expected(points[0]), rtol=1e-6)
    np.testing.assert_allclose(gradient, CENTRE - points[0], rtol=1e-6)


def test_what_is_built_around_it_can_be_differentiated():
    target = with_gradient(Recorder())
    points = points_of[0, :3]
    gradients = jax.jit(jax.vmap(jax.grad(lambda x: 2.0 * target(x) - jnp.sum(x**2))))(points)
    np.testing.assert_allclose(gradients, 2.0 * (CENTRE - points) - 2.0 * points, rtol=1e-5)
    with pytest.raises(ValueError, match="no gradient"):
        jax.grad(densities.black_box(Recorder()))(points[0])


def test_a_function_of_one_point_is_called_point_after_point():
    recorder = Recorder()
    target = with_gradient(recorder, batched=False)
    values, gradients = evaluate_jitted(target, points_of[0], 0, 6)
    assert [batch.shape for batch in recorder.batches] == 6 * [(2,)]
    np.testing.assert_allclose(values[:6], expected(points_of[0, :6]), rtol=1e-6)
    np.testing.assert_allclose(gradients[:6], CENTRE - points_of[0, :6], rtol=1e-6)

    plain = densities.black_box(
        lambda x: float(x[0]), gradient=lambda x: [1.0, 0.0], batched=False
    )  # numbers and lists
    values, gradients = evaluate_jitted(plain, points_of[0], 0, 6)
    np.testing.assert_array_equal(values[:6], points_of[0, :6, 0])
    np.testing.assert_array_equal(gradients[:6], np.tile([1.0, 0.0], (6, 1)))


def test_results_are_converted_to_the_dtype_of_the_run():
    for result in (-1e300, -np.inf, np.int64(-3), np.float16(0.5), np.nan):
        target = densities.black_box(lambda points, r=result: np.full(len(points), r))
        value = target(jnp.zeros(2))
        assert value.dtype == jnp.float32
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(value, np.float32(result))


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (lambda p: p, {}, r"function .* must return shape \(1,\), .* got \(1, 2\)"),
        (lambda p: np.sum(p), {}, r"got \(\); .*batched=False"),
        (lambda p: p, {"batched": False}, r"shape \(\) for one point, got \(2,\)"),
        (lambda p: None, {}, "function .* real numbers, got NoneType None; a return statement"),
        (lambda p: [[1], [2, 3]], {"batched": False}, r"function .* real numbers, got list \[\[1"),
        (lambda p: p[:, 0], {"gradient": lambda p: p[:, 0]}, r"gradient .*\(1, 2\).*got \(1,\)"),
        (lambda p: 1 / 0, {}, "division by zero"),
    ],
)
def test_errors_on_the_host_surface_with_their_message(function, settings, message):
    target = densities.black_box(function, **settings)
    with pytest.raises(HOST_ERRORS, match=message):
        jax.jit(value_and_gradient(target) if target.has_gradient else target)(jnp.zeros(2))


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="function must be a function of points, got float"):
        densities.black_box(3.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="gradient must be a function"):
        densities.black_box(Recorder(), gradient=3.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="timeout must be a number of seconds or None, got '1s'"):
        densities.black_box(Recorder(), timeout="1s")  # pyright: ignore[reportArgumentType]
    not_positive: Any = (0.0, -1.0, np.nan, np.float32(0.0), jnp.zeros(()))
    for timeout in not_positive:
        with pytest.raises(ValueError, match="timeout must be positive"):
            densities.black_box(Recorder(), timeout=timeout)
    for wrong in (True, np.ones(2), 1j, jnp.array(True)):
        with pytest.raises(TypeError, match="timeout must be a number of seconds or None, got"):
            densities.black_box(Recorder(), timeout=wrong)  # pyright: ignore[reportArgumentType]


def test_a_limit_of_time_is_any_number_of_seconds():
    numbers: Any = (2, 2.0, np.float32(2.0), np.int64(2), np.array(2.0), jnp.float32(2.0))
    for timeout in numbers:
        limit = densities.black_box(Recorder(), timeout=timeout).timeout
        assert (limit, type(limit)) == (2.0, float)
    longest = threading.TIMEOUT_MAX
    assert densities.black_box(Recorder(), timeout=longest).timeout == longest
    for endless in (np.inf, 1e300, 2.0 * longest, 10**400, None):
        assert densities.black_box(Recorder(), timeout=endless).timeout is None


def test_a_direct_call_raises_what_the_function_raises(capfd, caplog):
    def hang(points):
        time.sleep(3.0)

    with pytest.raises(TimeoutError, match=r"did not return within timeout=0\.1 seconds"):
        densities.black_box(hang, timeout=0.1)(jnp.ones(2))
    broken = densities.black_box(lambda p: p[:, 0], gradient=lambda p: p.missing)
    with pytest.raises(AttributeError, match="missing"):
        jax.grad(broken)(jnp.ones(2))
    assert capfd.readouterr().err == ""
    assert caplog.text == ""


def test_a_limit_of_time_changes_neither_results_nor_errors():
    limited = with_gradient(Recorder(), timeout=60)
    values, gradients = evaluate_jitted(limited, points_of[0], 0, 6)
    np.testing.assert_allclose(values[:6], expected(points_of[0, :6]), rtol=1e-6)
    np.testing.assert_allclose(gradients[:6], CENTRE - points_of[0, :6], rtol=1e-6)
    with pytest.raises(ArithmeticError, match="lost its mesh"), own_errors():
        evaluate_jitted(with_gradient(Recorder(largest_batch=2), timeout=60), points_of[0], 0, 6)


def test_one_function_wrapped_twice_is_one_program():
    recorder = Recorder()
    compiled = evaluate_jitted._cache_size()
    for _ in range(2):
        evaluate_jitted(with_gradient(recorder), points_of[0], 0, 3)
    assert evaluate_jitted._cache_size() == compiled + 1
    assert with_gradient(recorder) != with_gradient(Recorder())


def config_for(codename):
    """Returns a small config that looks for new components in fresh draws of the prior, too."""
    return gmmvi.from_codename(
        codename,
        2,
        prior_scale=2.0,
        num_iterations=8,
        log_every=4,
        diagnostic_samples=100,
        desired_samples=30,
        reuse_ratio=0.0,
        max_components=4,
        add_iters=2,
        num_prior_samples=20,
    )


@pytest.mark.slow
def test_a_zero_order_run_evaluates_what_it_counts():
    recorder = Recorder()
    target = densities.black_box(recorder)
    config = config_for("ZAMIFUX")
    result = gmmvi.train(config, target)
    history = result.history
    assert history["num_added"].sum() > 0
    counted = history["num_target_evaluations"][-1] + history["num_diagnostic_evaluations"][-1]
    assert recorder.num_points == counted
    np.testing.assert_array_equal(recorder.batches[0][0], [0.0, 0.0])

    recorder.largest_batch = len(recorder.batches[0])  # the first look passes, the samples do not
    with pytest.raises(ArithmeticError, match=r"^the simulator lost its mesh$"):
        gmmvi.train(config, target)


def test_an_interrupt_outside_of_the_function_is_one_as_well():
    text = (
        "INTERNAL: CpuCallback error: Traceback (most recent call last):\n  x\nKeyboardInterrupt: "
    )
    with pytest.raises(KeyboardInterrupt), own_errors():
        raise ValueError(text)
    with pytest.raises(ValueError, match="KeyboardInterrupt is no"), own_errors():
        raise ValueError("KeyboardInterrupt is no name")


@pytest.mark.parametrize("raised", [KeyError("mesh"), KeyboardInterrupt()])
def test_the_own_exception_of_a_function_is_raised(raised, caplog):
    def fail(points):
        raise raised

    gmm = gmmvi.GMM.from_moments([1.0], [[0.0, 0.0]], [np.eye(2)])
    with pytest.raises(type(raised)) as caught:
        gmmvi.evaluation.elbo(gmm, densities.black_box(fail), jax.random.key(0), 50)
    assert caught.value is raised
    assert caught.traceback[-1].name == "fail"
    assert not caplog.records  # JAX logs the same again
    with pytest.raises(HOST_ERRORS, match=type(raised).__name__):  # outside of the package
        jax.jit(densities.black_box(fail))(jnp.zeros(2))
    with pytest.raises(type(raised)):
        gmmvi.fit(densities.black_box(fail), 2, verbose=False)


@pytest.mark.slow
def test_runs_vmapped_over_seeds_evaluate_what_they_count():
    recorder = Recorder()
    target = with_gradient(recorder)
    algorithm = config_for("SAMIFUX").algorithm

    @jax.jit
    def run(keys):
        states = jax.vmap(lambda key: gmmvi.init(algorithm, key))(keys)
        advance = jax.vmap(lambda state: gmmvi.step(algorithm, target, state))
        return jax.lax.scan(lambda states, _: advance(states), states, length=5)

    _, infos = run(jax.random.split(jax.random.key(0), 2))
    counts = np.asarray(infos.num_target_evaluations)
    assert counts[-1].min() > counts[0].max()
    assert recorder.num_points == counts.sum()
