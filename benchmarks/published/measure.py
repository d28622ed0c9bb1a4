"""Measures one row with one seed, in this process."""

import time
from typing import Any

from benchmarks.published.rows import Row

NUM_DRAWS = 2_000


def measure_row(row: Row, seed: int) -> list[dict[str, Any]]:
    """Runs a row and returns the figures of its milestones.

    The target's seed is the run's. Seconds count from the call on: importing and compilation are
    part of them, the evaluation of the mixtures is not.
    """
    start = time.perf_counter()
    import jax

    import gmmvi_jax as gmmvi

    target: Any = gmmvi.targets.get(row.target, seed)
    config = gmmvi.published_config(
        row.codename,
        row.target,
        num_iterations=row.milestones[-1].iteration,
        seed=seed,
        **dict(row.settings),
    )
    import_seconds = time.perf_counter() - start
    due = {milestone.iteration for milestone in row.milestones}
    history: list[dict[str, Any]] = []
    reached: list[tuple[dict[str, Any], Any]] = []

    def remember(state: Any, line: dict[str, Any]) -> None:
        history.append(line)
        if line["iteration"] in due:
            rejected = sum(int(past["num_rejected_updates"]) for past in history)
            reached.append((line | {"num_rejected_updates": rejected}, state.gmm()))

    gmmvi.train(config, target, callbacks=remember)
    figures = []
    for line, gmm in reached:
        key = jax.random.key(10_000 + seed)
        estimate = gmmvi.evaluation.elbo(gmm, target, key, row.samples)
        own = {
            "row": row.name,
            "seed": seed,
            "iteration": int(line["iteration"]),
            "negative_elbo": -float(estimate.mean),
            "standard_error": float(estimate.standard_error),
            "evaluations": int(line["num_target_evaluations"]),
            "components": gmm.num_components,
            "seconds": import_seconds + float(line["wall_time"]),
            "import_seconds": import_seconds,
            "first_chunk_seconds": float(history[0]["wall_time"]),
            "rejected_updates": line["num_rejected_updates"],
        }
        if row.judge is not None:
            draws = gmm.sample(jax.random.key(20_000 + seed), NUM_DRAWS)
            own |= row.judge(target, gmm, draws)
        figures.append(own)
    return figures
