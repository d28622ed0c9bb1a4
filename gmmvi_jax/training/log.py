"""What a run says of itself: the logger ``gmmvi_jax``, which nothing here configures on import.

INFO: what ``fit`` found and chose, splits, how a run ended. DEBUG: a line for every chunk.
"""

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gmmvi_jax.config import Config
from gmmvi_jax.multistart import Start
from gmmvi_jax.plural import plural
from gmmvi_jax.training.status import Ending
from gmmvi_jax.training.stopping import evaluations_spent

logger = logging.getLogger("gmmvi_jax")


@contextmanager
def told_on_stderr(enabled: bool) -> Iterator[None]:
    """Shows INFO on stderr meanwhile, unless the user's logging shows it already."""
    if not enabled or logger.isEnabledFor(logging.INFO):
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("fit: %(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # handlers further up are for what the user's levels let through
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def log_chunk(row: Mapping[str, Any]) -> None:
    """Logs a row of the history."""
    logger.debug(
        "iteration %d: ELBO %.4f, %d components, %d evaluations, %.1f s",
        row["iteration"],
        row["elbo"],
        row["num_components"],
        evaluations_spent(row),
        row["wall_time"],
    )


def log_split(iteration: int, before: int, after: int) -> None:
    """Logs that there are more components now."""
    logger.info(
        "split %s into %d after iteration %d", plural(before, "component"), after, iteration
    )


def log_reopened(iteration: int, shares: Sequence[float]) -> None:
    """Logs that there are components where the mixture lacked mass."""
    for share in shares:
        logger.info(
            "added a component after iteration %d where %.2g of the mass was missing",
            iteration,
            share,
        )


def log_end(ending: Ending, row: Mapping[str, Any]) -> None:
    """Logs how a run ended, with the last row of its history."""
    logger.info(
        "%s after %s: ELBO %.4f, %s, %s, %.1f s",
        ending.status,
        plural(row["iteration"], "iteration"),
        row["elbo"],
        plural(row["num_components"], "component"),
        plural(evaluations_spent(row), "evaluation"),
        row["wall_time"],
    )


def log_start(start: Start | None, config: Config, seconds: float) -> None:
    """Logs what the search found, and what was chosen."""
    if start is None:
        found = "no search for a start"
    else:
        found = (
            f"{plural(start.num_climbs, 'climb')} found {plural(start.num_basins, 'basin')} "
            f"({plural(start.num_evaluations, 'evaluation')}, {seconds:.1f} s)"
            f"{'; the prior is a better start' * (start.gmm is None)}"
        )
    algorithm = config.algorithm
    count = 1 if start is None or start.gmm is None else start.gmm.num_components
    selector: Any = algorithm.sample_selector
    estimator = type(algorithm.natural_gradient).__name__
    logger.info("%s; %s", plural(config.dim, "dimension"), found)
    logger.info(
        "starts with %s of at most %d, %d samples each, reused; %s",
        plural(count, "component"),
        algorithm.max_components,
        selector.desired_samples,
        estimator,
    )
