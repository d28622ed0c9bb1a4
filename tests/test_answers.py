"""What callbacks and stopping rules may return, and that nothing is lost where they fail."""

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax import Ending, Status
from gmmvi_jax.config import Run
from gmmvi_jax.training.answers import is_stop
from gmmvi_jax.training.arguments import as_rules
from gmmvi_jax.training.history import History
from gmmvi_jax.training.interrupts import Interrupts
from gmmvi_jax.training.run_loop import Chunks, Outcome, Report, Standing, run_chunks
from gmmvi_jax.training.stopping import first_ending

from .test_train import three_modes


async def asynchronous(*_: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("answer", "stops"),
    [
        (None, False),
        (False, False),
        (np.bool_(False), False),
        (jnp.array(False), False),
        (True, True),
        (np.bool_(True), True),
        (np.array(True), True),
        (jnp.array(True), True),
    ],
)
def test_only_booleans_decide(answer, stops):
    assert is_stop(answer) is stops


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("stop", "str 'stop'"),
        (1, "int 1"),
        (0.0, "float 0.0"),
        ([], r"list \[\]"),
        (object(), "object"),
        (np.zeros(2), r"ndarray of float64 and shape \(2,\)"),
        (np.array([True]), r"ndarray of bool and shape \(1,\)"),
        (jnp.zeros((), int), r"ArrayImpl of int32 and shape \(\)"),
    ],
)
def test_what_is_no_boolean_is_named(answer, named):
    with pytest.raises(TypeError, match=f"a callback returned {named}.*; it must return True"):
        is_stop(answer)


def test_a_coroutine_has_a_cure_of_its_own():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that it was never awaited
        with pytest.raises(TypeError, match=r"a callback returned coroutine.*def instead of async"):
            is_stop(asynchronous())
        with pytest.raises(TypeError, match=r"a stopping rule .* returned coroutine.*def instead"):
            first_ending([asynchronous], [])  # type: ignore


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (gmmvi.Ending, "Ending is a class, not a function of the rows"),
        (gmmvi.Convergence, r"Convergence is a class.* such as Convergence\(\)"),
        ([gmmvi.Convergence(), gmmvi.TimeLimit], "TimeLimit is a class"),
        (lambda: None, r"<lambda> is called with the rows of the history, which <lambda>\(\) does"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_before_the_run(until, words):
    with pytest.raises(TypeError, match=f"^until: {words}"):
        gmmvi.train(gmmvi.samtron(2), three_modes, until=until)
    assert as_rules(gmmvi.TimeLimit(3.0)) == (gmmvi.TimeLimit(3.0),)


NUM_CHUNKS = 5


def run(
    *rules: Callable[[Sequence[Any]], Any],
    callback: Callable[[], Any] = lambda: None,
    reopen: Callable[..., Any] = lambda *_: None,
    num_runs: int = 1,
) -> Outcome:
    """Runs the loop without a mixture: the state counts the chunks."""
    chunks = Chunks(
        advance=lambda state, count, _: (state + count, None),
        report=lambda state, *_: [
            Report(None, {"iteration": state, "run": run}, None)  # type: ignore[arg-type]
            for run in range(num_runs)
        ],
        keep=lambda *_: None,
        follow_up=lambda *_: is_stop(callback()),
        grow=lambda state, *_: state,
        reopen=reopen,
        most_steps=lambda _, wanted: wanted,
        judge=lambda rows: first_ending(rules, rows),
        agree=lambda answers: answers,
        may_raise=False,
    )
    histories = [History() for _ in range(num_runs)]
    none = [None] * num_runs
    start = Standing(0, none, none, histories, none)  # type: ignore[arg-type]
    return run_chunks(chunks, start, Run(NUM_CHUNKS, log_every=1), Interrupts())


@pytest.mark.parametrize("num_good", [0, 2])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: True, r"TypeError: a stopping rule \(until\) returned bool True; it must return"),
        (lambda: False, "returned bool False; it must return an Ending, such as Ending"),
        (lambda: "converged", "returned str 'converged'"),
        (lambda: Ending([1, 2]), r"returned Ending Ending\(status=\[1, 2\]"),  # type: ignore
        (lambda: Ending("spent"), "returned Ending Ending.status='spent'"),  # type: ignore
        (lambda: Ending(Status.STOPPED, 3), "returned Ending"),  # type: ignore
    ],
)
def test_a_rule_that_fails_loses_nothing(wrong, words, num_good):
    outcome = run(lambda rows: wrong() if len(rows) > num_good else None)
    (ending,) = outcome.endings
    assert ending.status is Status.FAILED
    assert re.search(words, ending.reason)
    assert isinstance(ending.error, ZeroDivisionError | TypeError)
    assert outcome.state == len(outcome.histories[0].rows) == num_good + 1


def test_a_rule_that_fails_for_one_run_leaves_the_others_alone():
    def rule(rows: Sequence[Any]) -> None:
        if rows[-1]["run"] == 1:
            raise ArithmeticError("of the second run")

    outcome = run(rule, num_runs=3)
    assert [ending.status for ending in outcome.endings] == ["completed", "failed", "completed"]
    assert outcome.endings[1].reason == "ArithmeticError: of the second run"
    assert outcome.state == NUM_CHUNKS


def test_a_callback_that_fails_loses_nothing():
    for wrong, words in ((lambda: 1 / 0, "ZeroDivisionError"), (lambda: "stop", "str 'stop'")):
        outcome = run(callback=wrong)
        assert outcome.endings[0].status is Status.FAILED
        assert words in outcome.endings[0].reason
        assert len(outcome.histories[0].rows) == 1
    assert run(callback=lambda: True).endings == [Ending(Status.STOPPED)]


def test_a_run_that_has_converged_goes_on_where_something_was_missing():
    converged = Ending(Status.CONVERGED)
    states = []

    def reopen(state: int, *_: Any) -> int | None:
        states.append(state)
        return state + 10 if len(states) < 3 else None

    outcome = run(lambda rows: converged if len(rows) > 1 else None, reopen=reopen)
    assert states == [2, 13, 24]  # after two chunks, and after each one more
    assert outcome.endings == [converged]
    assert len(outcome.histories[0].rows) == 4

    def fail(*_: Any) -> None:
        raise ArithmeticError("of the look")

    # Whoever wants the end has it.
    assert run(lambda rows: converged, callback=lambda: True, reopen=fail).endings == [converged]
    (ending,) = run(lambda rows: converged, reopen=fail).endings
    assert ending.status is Status.FAILED
    assert ending.reason == "ArithmeticError: of the look"
    stopped = Ending(Status.SPENT)
    assert run(lambda rows: stopped, reopen=fail).endings == [stopped]


def test_the_first_rule_that_ends_the_run_is_its_ending():
    good = Ending(Status.STOPPED, "good enough")
    assert run(lambda rows: None, lambda rows: good if len(rows) == 3 else None).endings == [good]
