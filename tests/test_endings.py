"""How runs end: nothing that was computed is lost, and a run without bound is named."""

import dataclasses
import re
import signal
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import densities
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.faults import Fault
from gmmvi_jax.densities.repeated_functions import warn_of_repeats
from gmmvi_jax.training import forked, launch
from gmmvi_jax.training.status import Status
from gmmvi_jax.training.watch import Watch
from gmmvi_jax.training.watch_memory import WatchMemory

CONFIG = gmmvi.samtron(
    2,
    num_iterations=12,
    log_every=4,
    max_components=2,
    desired_samples=32,
    diagnostic_samples=64,
    max_database_size=200,
    num_database_samples=100,
)
ZERO_ORDER = gmmvi.vips(
    2,
    num_iterations=12,
    log_every=4,
    max_components=2,
    desired_samples=32,
    diagnostic_samples=0,
    max_database_size=200,
    num_database_samples=100,
)
QUICK = gmmvi.from_codename("SEMTFOX", 2, num_iterations=4, log_every=4)  # to compile


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Quadratic:
    """A quadratic density, proper or not; its numbers are data, so that one program serves all."""

    curvature: np.ndarray  # [2, 2]
    slope: np.ndarray  # [2]
    radius: float = np.inf  # of its support, a disc
    outside: float = -np.inf

    def __call__(self, x):
        value = self.slope @ x - 0.5 * x @ self.curvature @ x
        return jnp.where(jnp.sum(x**2) > self.radius**2, self.outside, value)


NONE, FLAT = np.zeros(2, np.float32), np.zeros((2, 2), np.float32)
UNIT = np.eye(2, dtype=np.float32)
bowl = Quadratic(UNIT, NONE)


def disc(outside):
    """A small disc that a wide start hits with few of its samples."""
    return Quadratic(UNIT, NONE, 1.0, outside)


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A shell starts jobs in the background deaf to SIGINT, and Python then leaves it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(times):
    def callback(state, row):
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    return callback


def test_an_interrupt_ends_the_run_after_the_chunk(capsys):
    result = gmmvi.train(CONFIG, bowl, callbacks=[interrupt(1)])
    assert result.status is Status.INTERRUPTED
    assert result.status == "interrupted"
    assert list(result.history["iteration"]) == [4]
    assert "Ctrl-C again leaves at once" in capsys.readouterr().err
    result.raise_for_status()  # an interrupt is no error
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    rest = gmmvi.train(CONFIG.replace(num_iterations=8), bowl, initial=result.state)
    np.testing.assert_array_equal(rest.gmm.means, gmmvi.train(CONFIG, bowl).gmm.means)


def test_a_second_interrupt_leaves():
    with pytest.raises(KeyboardInterrupt):
        gmmvi.train(CONFIG, bowl, callbacks=[interrupt(2)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_before_the_first_chunk_leaves():
    def traced(x):
        signal.raise_signal(signal.SIGINT)
        return bowl(x)

    with pytest.raises(KeyboardInterrupt):
        gmmvi.train(CONFIG, traced)


class RaisesInTheEnd:
    def __del__(self):  # Python prints what a finalizer raises, and goes on
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_is_swallowed_while_compiling_leaves_before_the_first_chunk(monkeypatch):
    swallowed, rows, held = [], [], [RaisesInTheEnd()]
    monkeypatch.setattr(sys, "unraisablehook", swallowed.append)

    def traced(x):
        held.clear()
        return bowl(x)

    with pytest.raises(KeyboardInterrupt):
        gmmvi.train(QUICK, traced, callbacks=lambda state, row: rows.append(row))
    assert (len(swallowed), len(rows)) == (1, 0)


def test_a_handler_of_the_users_own_stays_in_place():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        result = gmmvi.train(CONFIG, bowl, callbacks=[interrupt(1)])
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert (len(heard), result.status) == (3, Status.COMPLETED)


class Simulator:
    """A numpy density that breaks after some calls."""

    def __init__(self):
        self.break_after(99, crash)

    def break_after(self, num_good, broken):
        self.num_calls, self.num_good, self.broken = 0, num_good, broken

    def __call__(self, points):
        self.num_calls += 1
        values = -0.5 * np.sum(points**2, axis=1)
        return values if self.num_calls <= self.num_good else self.broken(values)


def crash(values):
    raise ArithmeticError("the simulator lost its mesh")


def hang(values):
    time.sleep(6.0)
    return values


SIMULATOR = Simulator()
SIMULATED = densities.black_box(SIMULATOR, timeout=2.0)  # one target, compiled once


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    yield SIMULATOR
    SIMULATOR.break_after(99, crash)


@pytest.mark.parametrize(
    ("broken", "text", "rows"),
    [
        (lambda values: values * np.nan, "NaN at all 128 samples", [4, 8]),
        (crash, "lost its mesh", [4]),
        (hang, r"did not return within timeout=2 seconds; look for what it waits for", [4]),
    ],
    ids=["NaN", "raises", "hangs"],
)
def test_what_was_computed_before_a_failure_comes_back(broken, text, rows, simulator):
    whole = gmmvi.train(ZERO_ORDER.replace(num_iterations=4), SIMULATED)
    # One call at the start, one for each of the four iterations of the first chunk.
    simulator.break_after(5, broken)
    with pytest.warns(UserWarning, match="the run failed"):
        result = gmmvi.train(ZERO_ORDER, SIMULATED)
    assert result.status is Status.FAILED
    assert text in result.ending.reason
    assert list(result.history["iteration"]) == rows
    np.testing.assert_array_equal(result.last.means, whole.last.means)
    with pytest.raises(RuntimeError, match="the run failed"):
        result.raise_for_status()
    assert "failed" in result.summary()
    (concern, *_) = result.concerns()
    assert concern.text.startswith("the run ended early: ")
    assert not concern.is_serious


def test_a_failure_before_anything_was_computed_is_raised(simulator):
    simulator.break_after(1, lambda values: values * np.nan)
    with pytest.raises(FloatingPointError, match="NaN at all 128 samples"):
        gmmvi.train(ZERO_ORDER, SIMULATED)


def test_an_error_in_a_callback_loses_nothing():
    def broken(state, row):
        return row["elbow"] > 0.0

    with pytest.warns(UserWarning, match="KeyError: 'elbow'"):
        result = gmmvi.train(CONFIG, bowl, callbacks=[broken])
    assert result.status is Status.FAILED
    assert isinstance(result.ending.error, KeyError)
    assert len(result.history["elbo"]) == 1


def test_what_a_callback_returns_or_does_to_its_row_loses_nothing():
    def clear(state: Any, row: Any) -> Any:
        row.clear()
        return np.zeros(2) if state.iteration == 8 else None

    with pytest.warns(UserWarning, match="a callback returned ndarray"):
        result = gmmvi.train(CONFIG, bowl, callbacks=[clear])
    assert list(result.history["iteration"]) == [4, 8]


def test_inside_of_transformations_and_forks_it_is_refused(monkeypatch):
    def fitted(scale):
        return gmmvi.train(CONFIG, lambda x: bowl(x / scale)).gmm.means

    for transformed in (jax.jit(fitted), jax.vmap(fitted)):
        with pytest.raises(TypeError, match=r"train run on the host; .* scan gmmvi_jax\.step"):
            transformed(jnp.ones(1))
    with pytest.raises(TypeError, match="fit and train run on the host"):
        jax.jit(lambda scale: gmmvi.fit(lambda x: bowl(x / scale), 2, verbose=False))(1.0)
    monkeypatch.setattr(forked, "_first_process", lambda: -1)
    with pytest.raises(RuntimeError, match=r"process was forked .*spawn"):
        gmmvi.train(CONFIG, bowl)


@pytest.mark.slow
def test_several_runs_end_like_one(simulator):
    simulator.break_after(9, crash)
    with (
        pytest.warns(UserWarning, match="the run of seed 1 failed: .*lost its mesh"),
        pytest.warns(UserWarning, match="the run of seed 2 failed: .*lost its mesh"),
    ):
        many = gmmvi.train_many(ZERO_ORDER, SIMULATED, (1, 2))
    assert many.statuses == (Status.FAILED, Status.FAILED)
    assert many.history["iteration"].tolist() == [[4, 4]]


IMPROPER = {
    "unbounded": (Quadratic(-UNIT, NONE), None),
    "linear": (Quadratic(np.diag(UNIT[1]), UNIT[0]), r"x\[0\]"),
    "constant": (Quadratic(FLAT, NONE), None),
    "flat along the diagonal": (Quadratic(2.0 * UNIT - 1.0, NONE), r"x\[0\] \+ .*x\[1\]"),
}
LONG = CONFIG.replace(num_iterations=200)


@pytest.mark.parametrize("name", IMPROPER)
def test_a_target_without_an_integral_is_named(name):
    target, direction = IMPROPER[name]
    with pytest.warns(UserWarning, match="improper or unbounded along"):
        result = gmmvi.train(LONG, target)
    assert result.status is Status.DIVERGED
    if direction is not None:
        assert re.search(direction, result.ending.reason)


def test_a_wide_target_is_no_divergence():
    result = gmmvi.train(LONG.replace(num_iterations=60), Quadratic(UNIT / 9e8, NONE))
    assert result.status is Status.COMPLETED


@pytest.mark.slow
def test_a_mean_over_a_minibatch_is_found_before_compiling():
    data = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32) + 3.0

    def mean_likelihood(x, rows):
        return jnp.mean(-0.5 * jnp.sum((rows - x) ** 2, axis=1))

    def sum_likelihood(x, rows):
        return jnp.sum(-0.5 * jnp.sum((rows - x) ** 2, axis=1))

    with pytest.raises(ValueError, match=r"8\.11 times .* jnp\.sum instead of jnp\.mean"):
        gmmvi.train(CONFIG, densities.minibatch(mean_likelihood, bowl, data, batch_size=37))
    small = gmmvi.from_codename("SEMTFOX", 2, num_iterations=2, log_every=2, diagnostic_samples=64)
    result = gmmvi.train(small, densities.minibatch(sum_likelihood, bowl, data, batch_size=37))
    assert result.status is Status.COMPLETED


WIDE = CONFIG.replace(num_iterations=4, diagnostic_samples=500)


@pytest.fixture
def seen_from_outside(monkeypatch):
    """Lets a run estimate as if the mixture had lost the support after the last samples."""

    def alter(**estimates):
        real = launch.elbo_between_chunks

        def altered(*arguments):
            estimate = real(*arguments)
            return lambda *mixture: estimate(*mixture) | estimates

        monkeypatch.setattr(launch, "elbo_between_chunks", altered)

    return alter


@pytest.mark.parametrize(
    ("outside", "text"),
    [
        pytest.param(-jnp.inf, "-inf at all 500 draws", marks=pytest.mark.slow),
        (jnp.nan, "NaN at all 500 draws"),
    ],
)
@pytest.mark.filterwarnings("ignore:the log density is NaN at .* samples")
def test_a_mixture_without_a_density_at_its_draws_is_no_fit(outside, text, seen_from_outside):
    seen_from_outside(elbo=float(outside), outside_share=float(outside == -np.inf))
    with pytest.warns(
        UserWarning, match=f"the run failed: the log density is {text} of the mixture"
    ):
        result = gmmvi.train(WIDE, disc(outside))
    assert result.status is Status.FAILED


def test_a_mixture_that_hardly_lies_in_the_support_is_named(seen_from_outside):
    seen_from_outside(outside_share=0.994)
    with pytest.warns(UserWarning, match=r"-inf at 99\.40% of the draws .*desired_samples"):
        result = gmmvi.train(WIDE, disc(-jnp.inf))
    assert result.status is Status.COMPLETED


@pytest.mark.slow
def test_a_component_comes_back_to_a_small_support():
    # A disc that holds one in 50 of the first draws: with a drop of fixed height the entropy won.
    config = gmmvi.samtron(
        2,
        prior_scale=5.0,
        num_iterations=100,
        log_every=50,
        max_components=3,
        desired_samples=100,
        diagnostic_samples=1000,
        num_database_samples=100,
        max_database_size=1000,
        add_iters=30,
    )
    result = gmmvi.train(config, disc(-jnp.inf))
    assert result.history["outside_share"][-1] < 0.3
    true_log_z = np.log(2.0 * np.pi * -np.expm1(-0.5))
    assert result.history["elbo"][-1] > true_log_z - 1.5


@pytest.mark.slow
def test_many_functions_of_one_code_are_warned_about():
    short = CONFIG.replace(num_iterations=1, log_every=1)
    functions = [lambda x, i=i: bowl(x - i) for i in range(8)]
    for function in functions[:-1] * 2:
        warn_of_repeats(as_log_density(function))
    with pytest.warns(UserWarning, match=r"8 functions made by the same code .*Partial"):
        gmmvi.train(short, functions[-1])


def test_a_narrow_mixture_that_an_unbounded_target_has_lifted_is_examined():
    def exponential(x):
        return jnp.exp(jnp.sum(x))

    memory = WatchMemory(centre=np.zeros(2), scale=np.ones(2), largest_spread=100.0)
    watch = Watch(as_log_density(exponential), set(), None, memory)
    gmm = gmmvi.GMM.from_moments([1.0], np.full((1, 2), 10.0), np.ones((1, 2)))
    batch = SimpleNamespace(
        usable=np.ones(3, bool), num_samples=3, log_target=np.array([1e8, 4e8, 2e8], np.float32)
    )
    state = SimpleNamespace(database=SimpleNamespace(batch=batch))
    row: dict[str, Any] = {"iteration": 4, "temperature": 1.0, "num_samples": 3}
    row |= {fault: 0 for fault in Fault}
    ending = watch(state, gmm, row)  # type: ignore[arg-type]
    assert ending is not None
    assert ending.status is Status.DIVERGED
    assert "improper or unbounded" in ending.reason
    assert ending.reason.startswith("the values of the log density have risen to 4e+08: ")
    assert watch(state, gmm, row) is None  # type: ignore[arg-type]  # once for such values
