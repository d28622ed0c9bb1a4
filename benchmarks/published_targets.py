"""SAMTRON with published settings on the study's other targets: quality at given evaluations.

``python -m benchmarks.published_targets [--problems NAME ...] [--seeds 0 1 2] [--out FILE]`` runs
each problem once per seed, looks at the mixture at its milestones, and prints a table of medians.
The ELBO is from 40,000 fresh samples of the mixture at the milestone.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import EVALUATION_SAMPLES, in_own_process, write_results

MODULE = "benchmarks.published_targets"
NUM_DRAWS = 2_000


@dataclasses.dataclass(frozen=True)
class Milestone:
    """A point of a run, and what is asked there.

    Attributes:
        iteration: of the run.
        quality: largest negative ELBO allowed; None: reported.
        evaluations: most target evaluations allowed; None: reported.
    """

    iteration: int
    quality: float | None = None
    evaluations: float | None = None


def count_modes(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns how many of the true modes a component is at."""
    from gmmvi_jax.evaluation import detected_modes

    return {"modes": detected_modes(gmm, target.modes)}


def count_postures(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns how many modes of the mixture reach each of the robot's goals, and with what mass.

    A mode counts if the components that lead to it weigh over 1e-3.
    """
    import numpy as np

    import gmmvi_jax as gmmvi

    modes = gmmvi.evaluation.find_modes(gmm)
    heavy = modes.masses > 1e-3
    hands = np.stack([np.asarray(target.forward_kinematics(x))[-1] for x in modes.locations[heavy]])
    nearest = np.argmin(np.linalg.norm(hands[:, None] - target.goals[None], axis=-1), axis=1)
    figures: dict[str, float] = {}
    for goal in range(len(target.goals)):
        own = nearest == goal
        figures[f"postures_{goal}"] = int(own.sum())
        figures[f"mass_{goal}"] = round(float(modes.masses[heavy][own].sum()), 4)
    return figures


def predict_wine(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns what the posterior predictive of the test rows is worth."""
    return {
        "rmse": target.rmse(draws),
        "log_predictive_density": target.log_predictive_density(draws),
    }


def judge_talos(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns the shares of draws at their goals and within the joint limits.

    The target's own samples are within 2 cm of a goal with a probability of 0.2 only: its standard
    deviation is 2 cm in each of three directions. 95 % of them are within 5.6 cm. Its joint limits
    are as soft: 0.05 rad.
    """
    import jax
    import numpy as np

    import gmmvi_jax as gmmvi

    distances = np.asarray(jax.vmap(target.goal_distance)(draws))
    inside = np.asarray(jax.vmap(target.within_limits, (0, None))(draws, 0.0))
    nearly = np.asarray(jax.vmap(target.within_limits, (0, None))(draws, 0.1))
    modes = gmmvi.evaluation.find_modes(gmm)
    return {
        "within_2_cm": float(np.mean(distances < 0.02)),
        "within_5.6_cm": float(np.mean(distances < 0.056)),
        "inside_limits": float(inside.mean()),
        "inside_limits_by_0.1": float(nearly.mean()),
        "both": float(np.mean((distances < 0.056) & nearly)),
        "postures": int(np.sum(modes.masses > 1e-3)),
    }


@dataclasses.dataclass(frozen=True)
class Problem:
    """A target, its milestones, and what else is to be known of a mixture.

    Attributes:
        target: its name.
        milestones: in their order; the last one ends the run.
        judge: (target, mixture, draws [2000, D]) to figures.
        log_every: iterations per chunk; divides every milestone.
        settings: that differ from the published ones.
    """

    target: str
    milestones: tuple[Milestone, ...]
    judge: Callable[[Any, Any, Any], dict[str, float]]
    log_every: int = 10
    settings: tuple[tuple[str, Any], ...] = ()


PROBLEMS = (
    Problem("stm20", (Milestone(200, 0.22, 1.9e6),), count_modes),
    Problem(
        "planar_robot_4",
        (Milestone(204, 12.40, 3.7e6), Milestone(336, 12.25, 7.4e6)),
        count_postures,
        log_every=12,
    ),
    Problem(
        "gmm100",
        (Milestone(400), Milestone(1000), Milestone(1500)),
        count_modes,
        log_every=50,
    ),
    Problem(
        "wine",
        (Milestone(75), Milestone(150)),
        predict_wine,
        log_every=25,
        settings=(("diagnostic_samples", 200),),  # each looks at all rows
    ),
    Problem("talos", (Milestone(25), Milestone(50), Milestone(100)), judge_talos, log_every=25),
)


def measure(problem: Problem, seed: int) -> list[dict[str, Any]]:
    """Runs a problem with one seed in this process; returns the figures of its milestones."""
    start = time.perf_counter()
    import jax

    import gmmvi_jax as gmmvi

    target: Any = gmmvi.targets.get(problem.target, seed)
    config = gmmvi.published_config(
        "SAMTRON",
        problem.target,
        num_iterations=problem.milestones[-1].iteration,
        log_every=problem.log_every,
        seed=seed,
        **dict(problem.settings),
    )
    import_seconds = time.perf_counter() - start
    due = {milestone.iteration for milestone in problem.milestones}
    reached: list[tuple[dict[str, Any], Any]] = []

    def remember(state: Any, row: dict[str, Any]) -> None:
        if row["iteration"] in due:
            reached.append((row, state.gmm()))

    gmmvi.train(config, target, callbacks=[remember])
    figures = []
    samples = dict(problem.settings).get("diagnostic_samples", EVALUATION_SAMPLES)
    for row, gmm in reached:
        estimate = gmmvi.evaluation.elbo(gmm, target, jax.random.key(10_000 + seed), samples)
        draws = gmm.sample(jax.random.key(20_000 + seed), (NUM_DRAWS,))
        figures.append(
            {
                "target": problem.target,
                "seed": seed,
                "iteration": row["iteration"],
                "negative_elbo": -float(estimate.mean),
                "standard_error": float(estimate.standard_error),
                "evaluations": int(row["num_target_evaluations"]),
                "components": gmm.num_components,
                "seconds": import_seconds + float(row["wall_time"]),
                **problem.judge(target, gmm, draws),
            }
        )
    return figures


def verdict(milestone: Milestone, runs: list[dict[str, Any]]) -> str:
    """Returns the lines that set the medians at a milestone against what is asked."""
    common = {"target", "seed", "iteration", "standard_error"}
    names = [name for name in runs[0] if name not in common]
    median = {name: statistics.median(run[name] for run in runs) for name in names}
    checks, asked = [], ""
    if milestone.quality is not None:
        checks.append(median["negative_elbo"] <= milestone.quality)
        asked += f" (<= {milestone.quality})"
    used = f"{median['evaluations']:,.0f}"
    if milestone.evaluations is not None:
        checks.append(median["evaluations"] <= milestone.evaluations)
        used += f" (<= {milestone.evaluations:,.0f})"
    verdict = "" if not checks else ": met" if all(checks) else ": NOT MET"
    own = ", ".join(
        f"{name} {'/'.join(f'{run[name]:g}' for run in runs)}"
        for name in names
        if name not in {"negative_elbo", "evaluations", "components", "seconds"}
    )
    return (
        f"{runs[0]['target']}, iteration {milestone.iteration}: "
        f"-ELBO {median['negative_elbo']:.4f}{asked}, evaluations {used}{verdict}\n"
        f"    {median['seconds']:.0f} s, K {median['components']:.0f}, {own}"
    )


def main() -> None:
    """Runs the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [problem.target for problem in PROBLEMS]
    parser.add_argument("--problems", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/published_targets.json")
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    by_name = {problem.target: problem for problem in PROBLEMS}
    if arguments.worker:
        name, seed = arguments.worker
        print(json.dumps(measure(by_name[name], int(seed))))
        return
    results: list[dict[str, Any]] = []
    for name in arguments.problems:
        runs = [in_own_process(MODULE, [name, str(seed)]) for seed in arguments.seeds]
        for index, milestone in enumerate(by_name[name].milestones):
            print(verdict(milestone, [run[index] for run in runs]), flush=True)
        results.extend(figures for run in runs for figures in run)
        write_results(arguments.out, results)


if __name__ == "__main__":
    main()
