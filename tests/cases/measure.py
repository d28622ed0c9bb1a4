"""Runs one case in this process and returns what came of it, for JSON."""

import time
import warnings
from typing import Any

import jax
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.evaluation import Diagnosis
from gmmvi_jax.training.chunk import num_compilations

from .case import Case

_NUM_DRAWS = 20_000  # of the mixture, for the numbers asked


def measure_case(case: Case, way: str, seed: int) -> dict[str, Any]:
    """Fits a case once, with the library's defaults.

    Args:
        case: the density and its start.
        way: one of the case's ways, a variant or ``fit``.
        seed: of the run.
    """
    if case.float64:
        jax.config.update("jax_enable_x64", True)
    figures: dict[str, Any] = {"row": case.name, "variant": way, "seed": seed}
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = case.run(way, seed)
        except Exception as error:
            figures["error"] = [type(error).__name__, str(error)]
        else:
            figures |= _of_result(case, result)
    figures["warnings"] = [str(one.message) for one in caught]
    figures["num_compilations"] = num_compilations()
    figures["seconds"] = time.perf_counter() - start
    return figures


def _of_result(case: Case, result: gmmvi.TrainResult) -> dict[str, Any]:
    """Returns the result in numbers and words, and those of its diagnosis."""
    diagnosis = result.diagnose()
    figures = {
        "status": str(result.status),
        "reason": result.ending.reason,
        "evaluations": int(result.history["num_target_evaluations"][-1]),
        "components": result.gmm.num_components,
        "log_z": float(diagnosis.log_z.value),
        "log_z_error": float(diagnosis.log_z.standard_error),
        "elbo": float(diagnosis.elbo.mean),
        "k_hat": diagnosis.k_hat,
        "outside_share": int(diagnosis.elbo.num_outside) / diagnosis.num_samples,
        "unusable_share": int(diagnosis.elbo.num_unusable) / diagnosis.num_samples,
        "is_outside_shown": "outside" in str(diagnosis),
        "verdict": diagnosis.verdict,
        "concerns": _words(diagnosis),
        "asked": _asked(case, result),
    }
    if case.mcmc_steps:
        chains = result.diagnose(mcmc_steps=case.mcmc_steps)
        figures["with_chains"] = {
            "verdict": chains.verdict,
            "concerns": _words(chains),
        }
    return figures


def _words(diagnosis: Diagnosis) -> list[tuple[str, bool]]:
    return [(concern.text, bool(concern.is_serious)) for concern in diagnosis.concerns]


def _asked(case: Case, result: gmmvi.TrainResult) -> dict[str, float]:
    """Returns the numbers asked, of draws of the mixture."""
    draws = np.asarray(result.gmm.sample(1, _NUM_DRAWS), float)
    inside = np.ones(len(draws), bool)
    if result.target is not None and any(asked.of_support for asked in case.asked):
        values = jax.lax.map(result.target, jax.numpy.asarray(draws), batch_size=1000)
        inside = np.isfinite(np.asarray(values))
    return {
        asked.name: asked.measure(draws[inside] if asked.of_support else draws)
        if inside.any()
        else float("nan")
        for asked in case.asked
    }
