"""The methods by name: a module with ``fit(problem)``, and the packages it needs."""

import dataclasses
import importlib
import importlib.util
from typing import Any

from benchmarks.problem import Problem


@dataclasses.dataclass(frozen=True)
class Method:
    """Where a method is.

    Attributes:
        module: that has ``fit``.
        requires: names under which its packages are imported.
    """

    module: str
    requires: tuple[str, ...] = ()


METHODS: dict[str, Method] = {
    "gmmvi_jax": Method("benchmarks.peers.gmmvi_jax"),
    "gmmvi_tensorflow": Method("benchmarks.peers.gmmvi_tensorflow"),
    "numpyro_guide": Method("benchmarks.peers.numpyro_guide", ("numpyro",)),
    "flowjax_flow": Method("benchmarks.peers.flowjax_flow", ("flowjax", "equinox")),
    "blackjax_gaussian": Method("benchmarks.peers.blackjax_gaussian", ("blackjax",)),
    "blackjax_smc": Method("benchmarks.peers.blackjax_smc", ("blackjax",)),
    "blackjax_nuts": Method("benchmarks.peers.blackjax_nuts", ("blackjax",)),
    "gsm": Method("benchmarks.peers.gsm", ("gsmvi",)),
    "reparameterised": Method("benchmarks.baselines.reparameterised"),
    "boosting": Method("benchmarks.baselines.boosting"),
}


class UnavailableError(Exception):
    """A method cannot run here; its message says why."""


def missing_packages(name: str) -> list[str]:
    """Returns the packages a method needs and this interpreter lacks."""
    if name not in METHODS:
        raise ValueError(f"method = {name!r} is none of {', '.join(METHODS)}.")
    return [need for need in METHODS[name].requires if importlib.util.find_spec(need) is None]


def fit(name: str, problem: Problem) -> dict[str, Any]:
    """Runs a method on a problem, which collects its snapshots; returns what it says itself.

    Raises:
        UnavailableError: it cannot run here.
    """
    return importlib.import_module(METHODS[name].module).fit(problem) or {}
