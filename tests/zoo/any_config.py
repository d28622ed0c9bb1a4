"""Any valid configuration of any variant, and any density of the zoo, both from a seed."""

from typing import Any, NamedTuple

import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax.config import Config
from gmmvi_jax.variants.codenames import choices_of

from . import (
    densities_with_broken_gradients,
    densities_with_edges,
    densities_with_extreme_numbers,
)
from .menagerie import DIM, NUM_NUMBERS, Menagerie, choose
from .outcomes import check, run

ZOO = (
    densities_with_edges.DENSITIES
    | densities_with_broken_gradients.DENSITIES
    | densities_with_extreme_numbers.DENSITIES
)
# Values of settings, edges among them; a configuration has as many of these as its choices do.
VALUES: dict[str, tuple[Any, ...]] = {
    "num_iterations": (1, 7, 24),
    "log_every": (1, 12),
    "diagnostic_samples": (0, 1, 200),
    "prior_scale": (0.1, 1.0, 10.0),
    "temperature": (0.01, 1.0, 1.0, 100.0),
    "diagonal": (False, False, True),
    "average_iterates": (True, False),
    "max_components": (1, 2, 5),
    "max_chunk_bytes": (None, 1, 2**20),
    "self_normalized_gradients": (True, False),
    "self_normalized_rewards": (True, False),
    "initial_ridge_factor": (1e-12, 1.0),
    "add_iters": (1, 5),
    "del_iters": (1, 10),
    "min_weight_for_deletion": (1e-6, 0.3),
    "num_database_samples": (1, 50),
    "num_prior_samples": (0, 1, 10),
    "max_database_size": (0, 1, 1000),
    "desired_samples": (1, 2, 24, 24),
    "reuse_ratio": (0.0, 0.0, 1.5),
    "reuse_window_bytes": (2**12, 2**28),
    "initial_component_stepsize": (None, 1e-5, 1.0),
    "initial_weight_stepsize": (None, 1e-5, 1.0),
}
_OF_ALL = tuple(VALUES)[:9]


class Example(NamedTuple):
    """A configuration, None where its settings exclude one another, and why."""

    codename: str
    settings: dict[str, Any]
    config: Config | None
    refusal: str


def draw_config(seed: int) -> Example:
    """Returns a configuration of one of the 432 variants."""
    generator = np.random.default_rng(seed)
    codename = str(generator.choice(gmmvi.codenames()))
    own = {name for choice in choices_of(codename) for name in choice.settings}
    settings = {
        name: values[generator.integers(len(values))]
        for name, values in VALUES.items()
        if name in _OF_ALL or name in own
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    try:
        config = gmmvi.from_codename(codename, DIM, seed=seed, **settings)
    except ValueError as error:
        return Example(codename, settings, None, str(error))
    return Example(codename, settings, config, "")


def draw_density(seed: int) -> tuple[str, Menagerie]:
    """Returns a density of the zoo and its name."""
    name = str(np.random.default_rng((seed, 1)).choice(list(ZOO)))
    return name, density_of(name, seed)


def density_of(name: str, seed: int) -> Menagerie:
    """Returns the density of this name with numbers from a seed."""
    return choose(ZOO, name, np.random.default_rng((seed, 2)).uniform(size=NUM_NUMBERS).tolist())


def run_example(example: Example, target: Menagerie) -> tuple[str, str]:
    """Returns how a run ended, and what is wrong with that end, which is nothing if all is well."""
    if example.config is None:
        is_named = any(name in example.refusal for name in example.settings)
        return "refused", "" if is_named else f"no setting is named: {example.refusal}"
    try:
        outcome = run(example.config, target)
        check(outcome)
    except Exception as error:
        return "defect", f"{type(error).__name__}: {error}"
    if outcome.result is None:
        return "refused", ""
    return str(outcome.result.status), ""
