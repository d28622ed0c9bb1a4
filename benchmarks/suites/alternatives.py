"""Other ways to fit a mixture: reparameterised gradients with Adam, and boosting."""

import itertools
from typing import Any

from benchmarks.specification import Specification
from benchmarks.suites.peers import EVALUATIONS, SMALL_EVALUATIONS, runs_of


def _methods() -> dict[str, tuple[str, dict[str, Any]]]:
    """Returns label -> method and settings."""
    methods: dict[str, tuple[str, dict[str, Any]]] = {
        "SAMTRON": ("gmmvi_jax", {"codename": "SAMTRON", "published": True})
    }
    for diagonal, kind in ((False, "full"), (True, "diagonal")):
        for objective, rate in itertools.product(("elbo", "siwae"), (1e-2, 1e-3)):
            methods[f"{objective} {kind} {rate:g}"] = (
                "reparameterised",
                {"objective": objective, "diagonal": diagonal, "learning_rate": rate},
            )
        methods[f"boosting {kind}"] = ("boosting", {"diagonal": diagonal})
    return methods


def alternatives(small: bool) -> list[Specification]:
    """Returns the runs; small: two targets."""
    if small:
        return runs_of("alternatives", _methods(), SMALL_EVALUATIONS, 60.0)
    return runs_of("alternatives", _methods(), EVALUATIONS, 300.0)
