"""Part c: what the precision of matrix products costs in digits, against float64 on the host.

The package asks for ``highest`` in every product. Here its own functions run with the backend's
default as well, and with ``high`` (three passes of TF32 on a GPU, where the default is one). The
same on the CPU says what float32 gives at best: that is what ``highest`` has to reach.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import numpy as np

from benchmarks.device.budget import Figures
from benchmarks.device.precision_cases import Case, covariance_cases, gram_cases
from benchmarks.device.setting import DEVICE, HOST, Setting, failure
from gmmvi_jax.numerics import products, quadratic_features, ridge_regression

PRECISIONS = {
    "default": None,
    "high": jax.lax.Precision.HIGH,
    "highest": jax.lax.Precision.HIGHEST,
}
FIRST_SECONDS = 10.0  # of a case, until one was measured
# Errors of sums in another order: what is within this factor of the CPU's is as exact.
AS_EXACT = 4.0


@contextlib.contextmanager
def products_in(precision: Any) -> Iterator[None]:
    """The package's products are traced in another precision."""
    with contextlib.ExitStack() as stack:
        for module in (products, quadratic_features, ridge_regression):
            stack.enter_context(mock.patch.object(module, "PRECISION", precision))
        yield


@functools.cache
def program(function: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """Returns a function compiled by itself: jit would give all precisions the first one's."""

    def afresh(*arguments: Any) -> Any:
        return function(*arguments)

    return jax.jit(afresh)


def errors_of(case: Case) -> dict[str, dict[str, float]]:
    """Returns quantity -> precision -> largest relative error."""
    found: dict[str, dict[str, float]] = {quantity: {} for quantity in case.errors}
    for name, precision in PRECISIONS.items():
        with products_in(precision):
            values = program(case.function, name)(*case.arguments)
        for quantity, error in case.errors.items():
            found[quantity][name] = error(np.asarray(values[quantity], np.float64))
    return found


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields a line per case and quantity."""
    expected = setting.estimate(FIRST_SECONDS)
    for case in (*covariance_cases(setting.tiny), *gram_cases(setting.tiny)):
        what = f"{case.name} {case.place}".strip()
        if skipped := setting.budget.refusal(what, expected):
            yield skipped
            continue
        start = setting.budget.left()
        try:
            found = errors_of(case)
        except Exception as error:  # the other cases are still of interest
            yield failure(what, error)
            continue
        expected = start - setting.budget.left()
        for quantity, errors in found.items():
            name = f"{quantity}, {case.name}"
            yield {"case": name, "at": case.place, "errors": errors}


def summarise(lines: list[Figures]) -> Figures:
    """Returns how much less exact the device is than float32 on the CPU, at worst.

    ``over_host`` has precision -> the largest ratio of its error to that of ``highest`` on the CPU,
    and the case; ``as_exact`` whether the ratio of ``highest`` is small.
    """
    device, host = _largest(lines, DEVICE), _largest(lines, HOST)
    over_host: Figures = {}
    for precision in PRECISIONS:
        ratios = {
            case: errors[precision] / max(host[case]["highest"], 1e-12)
            for case, errors in device.items()
            if case in host
        }
        if ratios:
            worst = max(ratios, key=lambda case: ratios[case])
            over_host[precision] = {"ratio": ratios[worst], "case": worst}
    as_exact = over_host["highest"]["ratio"] <= AS_EXACT if over_host else None
    return {"over_host": over_host, "as_exact": as_exact}


def show(lines: list[Figures]) -> list[str]:
    """Returns the table."""
    table = ["largest relative errors against float64", _row("", [*PRECISIONS, "CPU"])]
    host = _largest(lines, HOST)
    for case, errors in _largest(lines, DEVICE).items():
        cells = [f"{error:.1e}" for error in errors.values()]
        table.append(_row(case, [*cells, f"{host[case]['highest']:.1e}" if case in host else "-"]))
    for precision, worst in summarise(lines)["over_host"].items():
        table.append(f"{precision}: at worst {worst['ratio']:.3g} times the CPU's, {worst['case']}")
    return table


def _largest(lines: list[Figures], place: str) -> dict[str, dict[str, float]]:
    """Returns case -> precision -> error, the larger one of what has the same name."""
    found: dict[str, dict[str, float]] = {}
    for line in lines:
        if line["place"] == place and "errors" in line:
            # What is not finite stands as None in the lines: as wrong as can be.
            errors = {
                name: math.inf if error is None else error for name, error in line["errors"].items()
            }
            other = found.get(line["case"], errors)
            found[line["case"]] = {name: max(errors[name], other[name]) for name in errors}
    return found


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<44}" + "".join(f"{cell:>9}" for cell in cells)
