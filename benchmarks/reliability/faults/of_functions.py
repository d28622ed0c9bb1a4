"""Callbacks and densities on the host that raise, hang, print, interrupt or return garbage."""

import contextlib
import dataclasses
import io
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import gmmvi_jax as gmmvi
from benchmarks.reliability.faults.fault import Fault, expected
from benchmarks.reliability.run import CONFIG, ZERO_ORDER, digest, two_modes, two_modes_in_numpy
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Status

_NUM_GOOD = 5  # calls: one at the start, and one for each iteration of the first chunk
_NOISE = "solver: step 1 of 3\n"


@dataclasses.dataclass(eq=False)
class _Simulator:
    """A density that is broken after some calls."""

    broken: Callable[[np.ndarray], Any]
    num_good: float = math.inf
    num_calls: int = 0

    def __call__(self, points: np.ndarray) -> Any:
        self.num_calls += 1
        values = two_modes_in_numpy(points)
        return values if self.num_calls <= self.num_good else self.broken(values)


def _broken_run(
    broken: Callable[[np.ndarray], Any], directory: Path, timeout: float | None = None
) -> TrainResult:
    """Returns a run that breaks after its first chunk, and holds that this is on the disk."""
    simulator = _Simulator(broken)
    box = gmmvi.densities.black_box(simulator, timeout=timeout)
    whole = gmmvi.train(ZERO_ORDER.replace(num_iterations=4), box)
    simulator.num_calls, simulator.num_good = 0, _NUM_GOOD
    try:
        result = gmmvi.train(ZERO_ORDER, box, checkpoint=directory)
    finally:
        np.testing.assert_array_equal(gmmvi.load(directory).last.means, whole.last.means)
    np.testing.assert_array_equal(result.last.means, whole.last.means)
    return result


def _ends_with(
    broken: Callable[[np.ndarray], Any], *words: str, timeout: float | None = None
) -> Callable[[Path], str]:
    """Returns a fault: the run ends with its first chunk, and with these words."""

    def happens(directory: Path) -> str:
        with warnings.catch_warnings(record=True) as messages:
            warnings.simplefilter("always")
            result = _broken_run(broken, directory, timeout)
        assert result.status is Status.FAILED, result.status
        assert all(word in result.ending.reason for word in words), result.ending.reason
        assert any(result.ending.reason in str(each.message) for each in messages)
        return f"status failed: {result.ending.reason.splitlines()[0]}"

    return happens


def _raise(values: np.ndarray) -> Any:
    raise ArithmeticError("the simulator lost its mesh")


def _hang(values: np.ndarray) -> np.ndarray:
    time.sleep(3600.0)
    return values


def _interrupt(values: np.ndarray) -> Any:
    raise KeyboardInterrupt


def _interrupted(directory: Path) -> str:
    with expected(KeyboardInterrupt):
        _broken_run(_interrupt, directory)
    return "KeyboardInterrupt; the first chunk is on the disk"


def _printing(directory: Path) -> str:
    def tell(points: np.ndarray) -> np.ndarray:
        print(_NOISE, end="")
        return two_modes_in_numpy(points)

    quiet = gmmvi.train(ZERO_ORDER, gmmvi.densities.black_box(two_modes_in_numpy))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = gmmvi.train(ZERO_ORDER, gmmvi.densities.black_box(tell))
    assert digest(result) == digest(quiet)
    assert out.getvalue() == _NOISE * (len(out.getvalue()) // len(_NOISE)) != ""
    return "what it prints comes out, and changes nothing"


def _callback_ends_with(
    callback: Callable[..., Any], status: Status, *words: str
) -> Callable[[Path], str]:
    """Returns a fault: a run of which the callback makes this after a chunk."""

    def happens(directory: Path) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = gmmvi.train(CONFIG, two_modes, callbacks=callback, checkpoint=directory)
        assert result.status is status, (result.status, result.ending)
        assert all(word in result.ending.reason for word in words), result.ending.reason
        whole = gmmvi.train(CONFIG.replace(num_iterations=int(result.state.iteration)), two_modes)
        assert digest(result) == digest(whole) == digest(gmmvi.load(directory))
        return f"status {status}: {result.ending.reason}".rstrip(": ")

    return happens


def _broken_callback(state: Any, row: dict[str, Any]) -> bool:
    return row["elbow"] > 0.0


def _leaving(directory: Path) -> str:
    def leave(state: Any, row: dict[str, Any]) -> None:
        raise SystemExit(3)

    with expected(SystemExit):
        gmmvi.train(CONFIG, two_modes, callbacks=leave, checkpoint=directory)
    result = gmmvi.train(CONFIG, two_modes, resume=directory)
    assert digest(result) == digest(gmmvi.train(CONFIG, two_modes))
    return "SystemExit; the run goes on from the chunk before it"


def _changing_row(state: Any, row: dict[str, Any]) -> None:
    row.clear()


_WHOLE = "the run ends, its result is what was computed, and says why"
FAULTS = (
    Fault("black box raises", _WHOLE, _ends_with(_raise, "ArithmeticError", "lost its mesh")),
    Fault("black box hangs", _WHOLE, _ends_with(_hang, "TimeoutError", "timeout=1", timeout=1.0)),
    Fault("black box returns None", _WHOLE, _ends_with(lambda _: None, "real numbers")),
    Fault("black box returns one value", _WHOLE, _ends_with(np.sum, "shape")),
    Fault("black box returns text", _WHOLE, _ends_with(lambda _: ["a"], "real numbers")),
    Fault("black box returns NaN", _WHOLE, _ends_with(lambda v: v * np.nan, "NaN at all")),
    Fault("black box raises KeyboardInterrupt", "it leaves; nothing is lost", _interrupted),
    Fault("black box prints", "as if it did not", _printing),
    Fault("callback raises", _WHOLE, _callback_ends_with(_broken_callback, Status.FAILED, "elbow")),
    Fault(
        "callback returns an array",
        _WHOLE,
        _callback_ends_with(lambda state, row: np.zeros(2), Status.FAILED, "a callback returned"),
    ),
    Fault(
        "callback empties its row",
        "the history is whole",
        _callback_ends_with(_changing_row, Status.COMPLETED),
    ),
    Fault("callback calls sys.exit", "it leaves; nothing is lost", _leaving),
)
