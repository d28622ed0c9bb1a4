"""Makes the reference samples of the targets that have no sampler of their own, or checks them.

``python -m benchmarks reference-samples [--names NAME ...]`` writes, for each target,
``gmmvi_jax/targets/data/reference/NAME.npz`` (2,000 samples) and ``NAME.json`` (how they were made,
how good they are). With ``--check`` it runs afresh with other seeds, compares moments, evidence
and shares of the modes with what is stored, and writes nothing. Needs blackjax (``bench``).
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.builders.nuts import sample_nuts
from benchmarks.builders.smc import TARGET_ESS, run_smc
from gmmvi_jax import targets
from gmmvi_jax.targets import PlanarMotion, PlanarRobot, forward_kinematics
from gmmvi_jax.targets.reference import decode

FOLDER = Path(__file__).parents[2] / "gmmvi_jax" / "targets" / "data" / "reference"
NUM_STORED = 2000
NUM_RUNS = 5  # of sequential Monte Carlo, to see its spread
CHECK_SEED = 1000
# Largest error of a log density that storage with few bits may make, in standard deviations of
# the log density over the samples: what anybody computes from them does not see it.
STORAGE_TOLERANCE = 0.05
# A check fails beyond: normal deviates, some hundred of them; and deviates of which the standard
# error is that of five runs (Student's t with 4 degrees of freedom), a few dozen of them.
LARGEST_NORMAL_DEVIATION = 5.0
LARGEST_T_DEVIATION = 10.0


@dataclasses.dataclass(frozen=True)
class Nuts:
    """Settings of ``nuts.sample_nuts``."""

    num_warmup: int = 2000
    num_draws: int = 10_000  # per chain
    target_acceptance: float = 0.9
    dense: bool = True


@dataclasses.dataclass(frozen=True)
class Smc:
    """Settings of ``smc.run_smc``.

    Attributes:
      num_particles: N.
      num_moves: HMC transitions per temperature.
      trajectory: integrator steps of each.
      num_final: times as many transitions as per temperature at the end.
      groups: the shares of what kinds of samples [N, D] are reported, if any: name -> share.
      mirror: of samples [N, D], its own inverse, under which the target's density is the same. At
        the end each particle is mirrored with probability 1/2, an exact move between modes that
        the dynamics do not connect and whose shares drift with every resampling.
    """

    num_particles: int = 16_000
    num_moves: int = 2
    trajectory: int = 32
    num_final: int = 5
    groups: Callable[[Any, np.ndarray], dict[str, float]] | None = None
    mirror: Callable[[Any, np.ndarray], np.ndarray] | None = None


def shares_of_postures(robot: PlanarRobot, samples: np.ndarray) -> dict[str, float]:
    """Returns which share reaches which goal, bending which way (the sign of all joints' sum)."""
    with jax.enable_x64(True):
        hands = np.asarray(jax.vmap(forward_kinematics)(jnp.asarray(samples)))[:, -1]
    goals = np.asarray(robot.goals)
    nearest = np.argmin(np.sum((hands[:, None] - goals) ** 2, axis=-1), axis=1)
    bends_left = samples[:, 1:].sum(axis=1) > 0
    return {
        f"goal ({x:.0f}, {y:.0f}), {side}": float(np.mean((nearest == i) & (bends_left == left)))
        for i, (x, y) in enumerate(goals)
        for side, left in (("left", True), ("right", False))
    }


def mirror_motion(motion: PlanarMotion, samples: np.ndarray) -> np.ndarray:
    """Returns the motions on the other side of the y axis, about which the scene is symmetric."""
    angles = samples.reshape(len(samples), motion.num_vias, -1)
    mirrored = -angles
    mirrored[..., 0] -= np.pi  # a direction phi becomes pi - phi, and straight down stays
    return mirrored.reshape(samples.shape)


def shares_of_motions(motion: PlanarMotion, samples: np.ndarray) -> dict[str, float]:
    """Returns which share turns the first joint which way, and bends the others on with it."""
    last = samples.reshape(len(samples), motion.num_vias, -1)[:, -1]
    turns_left = last[:, 0] > np.asarray(motion.start)[0]
    bends_left = last[:, 1:] > 0
    bends_on = np.all(bends_left == turns_left[:, None], axis=1)
    return {
        f"{side}, {bend}": float(np.mean((turns_left == left) & (bends_on == on)))
        for side, left in (("left", True), ("right", False))
        for bend, on in (("all joints alike", True), ("some joint back", False))
    }


METHODS: dict[str, Nuts | Smc] = {
    "breast_cancer": Nuts(),
    "german_credit": Nuts(),
    "ionosphere": Nuts(),
    "sonar": Nuts(),
    # The precision of the effects and the effects form a funnel: small steps.
    "seeds": Nuts(num_draws=20_000, target_acceptance=0.98),
    # White prior, few counts: scales are alike in all of the 256 directions.
    "lgcp": Nuts(num_warmup=1000, num_draws=2500, target_acceptance=0.8, dense=False),
    "planar_robot_1": Smc(num_particles=6000, groups=shares_of_postures),
    "planar_robot_4": Smc(groups=shares_of_postures),
    "planar_motion": Smc(num_particles=4000, groups=shares_of_motions, mirror=mirror_motion),
    "lennard_jones": Smc(num_particles=1500),
}


def draw(target: Any, method: Nuts | Smc, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns samples [2000, D] and a summary."""
    start = time.perf_counter()
    if isinstance(method, Nuts):
        draws, summary = sample_nuts(target, seed, **dataclasses.asdict(method))
        samples = draws[:: len(draws) // NUM_STORED][:NUM_STORED]
        log_densities = _log_densities(target, draws)
    else:
        samples, log_densities, summary = _draw_by_smc(target, method, seed)
    return samples, {
        "target": target.name,
        **summary,
        "log_density_mean": log_densities.mean(),
        "log_density_standard_deviation": log_densities.std(),
        "seconds": time.perf_counter() - start,
    }


def _draw_by_smc(
    target: Any, method: Smc, seed: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    numbers = dataclasses.asdict(method)
    settings = {key: value for key, value in numbers.items() if isinstance(value, int)}
    runs: list[dict[str, Any]] = []
    moments, stored, log_densities = [], [], []
    for i in range(NUM_RUNS):
        particles, figures = run_smc(target, seed + i, **settings)
        print(f"  run {i}: {figures}", flush=True)
        if method.mirror is not None:
            particles = _mirrored(target, method.mirror, particles, seed + i)
        if method.groups is not None:
            figures["shares"] = method.groups(target, particles)
        runs.append(figures)
        moments.append(np.stack([particles.mean(axis=0), particles.std(axis=0)]))
        log_densities.append(_log_densities(target, particles))
        # Particles of one ancestor are neighbours: of N, every so many are the most different.
        share = NUM_STORED // NUM_RUNS
        stored.append(particles[:: len(particles) // share][:share])
    log_z = np.array([run["log_z"] for run in runs])
    mean, standard_deviation = np.mean(moments, axis=0)
    spread_of_mean, spread_of_deviation = np.std(moments, axis=0, ddof=1)
    summary: dict[str, Any] = {
        "method": "adaptive tempered SMC with HMC moves",
        "seeds": [seed + i for i in range(NUM_RUNS)],
        **settings,
        "mirrored": method.mirror is not None,
        "target_ess_per_temperature": TARGET_ESS,
        "log_z": np.log(np.mean(np.exp(log_z - log_z.max()))) + log_z.max(),
        "log_z_spread": log_z.std(ddof=1),
        "worst_spread_of_mean_in_standard_deviations": (spread_of_mean / standard_deviation).max(),
        "worst_relative_spread_of_standard_deviation": (
            spread_of_deviation / standard_deviation
        ).max(),
        "mean": mean,
        "mean_standard_error": spread_of_mean / np.sqrt(NUM_RUNS),
        "standard_deviation": standard_deviation,
        "standard_deviation_standard_error": spread_of_deviation / np.sqrt(NUM_RUNS),
    }
    if method.groups is not None:
        shares = {key: [run["shares"][key] for run in runs] for key in runs[0]["shares"]}
        summary["shares"] = {key: np.mean(values) for key, values in shares.items()}
        summary["share_spread"] = {key: np.std(values, ddof=1) for key, values in shares.items()}
    return np.concatenate(stored), np.concatenate(log_densities), {**summary, "runs": runs}


def _mirrored(
    target: Any, mirror: Callable[[Any, np.ndarray], np.ndarray], particles: np.ndarray, seed: int
) -> np.ndarray:
    """Returns the particles, each mirrored with probability 1/2."""
    mirrored = mirror(target, particles)
    np.testing.assert_allclose(_log_densities(target, mirrored), _log_densities(target, particles))
    np.testing.assert_allclose(mirror(target, mirrored), particles, atol=1e-12)
    heads = np.random.default_rng(seed).random(len(particles)) < 0.5
    return np.where(heads[:, None], mirrored, particles)


def _log_densities(target: Any, samples: np.ndarray) -> np.ndarray:
    """Returns [n] log densities in double precision."""
    with jax.enable_x64(True):
        evaluate = jax.jit(lambda target, x: jax.lax.map(target, x, batch_size=5000))
        return np.asarray(evaluate(target, samples))


def encode(target: Any, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the arrays to store: 8 or 16 bits per number where the density is smooth enough."""
    lowest, highest = samples.min(axis=0), samples.max(axis=0)
    exact = _log_densities(target, samples)
    for dtype in (np.uint8, np.uint16):
        step = (highest - lowest) / np.iinfo(dtype).max
        codes = np.round((samples - lowest) / step).astype(dtype)
        arrays = {"samples": codes, "lowest": lowest, "step": step}
        errors = _log_densities(target, decode(arrays)) - exact
        if np.max(np.abs(errors)) <= STORAGE_TOLERANCE * np.std(exact):
            return arrays
    return {"samples": samples.astype(np.float32)}


def store(target: Any, samples: np.ndarray, summary: dict[str, Any]) -> None:
    """Writes the samples and the summary."""
    FOLDER.mkdir(exist_ok=True)
    arrays: dict[str, Any] = encode(target, samples)
    np.savez_compressed(FOLDER / f"{target.name}.npz", **arrays)
    # By this the samples of another instance are told apart; see targets/reference.py.
    first = float(_log_densities(target, decode(arrays)[:1])[0])
    entries = {**summary, "log_density_of_first_sample": first}
    lines = [f" {json.dumps(key)}: {json.dumps(_plain(value))}" for key, value in entries.items()]
    (FOLDER / f"{target.name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def deviations(stored: dict[str, Any], fresh: dict[str, Any]) -> dict[str, float]:
    """Returns the largest differences of two summaries in units of their standard errors."""
    largest = {}
    for name in ("mean", "standard_deviation"):
        errors = np.hypot(*(np.asarray(s[f"{name}_standard_error"]) for s in (stored, fresh)))
        differences = np.asarray(fresh[name]) - np.asarray(stored[name])
        largest[name] = float(np.max(np.abs(differences) / errors))
    if "log_z" in stored:
        error = np.hypot(stored["log_z_spread"], fresh["log_z_spread"]) / np.sqrt(NUM_RUNS)
        largest["log_z"] = abs(fresh["log_z"] - stored["log_z"]) / error
    for key in stored.get("shares", {}):
        error = np.hypot(*(s["share_spread"][key] for s in (stored, fresh))) / np.sqrt(NUM_RUNS)
        largest[f"share of {key}"] = abs(fresh["shares"][key] - stored["shares"][key]) / error
    return largest


def _plain(value: Any) -> Any:
    """Returns numbers of six digits, in lists and dicts, for JSON."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float | np.floating) else value


def _headline(summary: dict[str, Any]) -> str:
    names = ("worst_r_hat", "worst_ess", "num_divergent", "log_z", "log_z_spread", "shares")
    return ", ".join(f"{name} {_plain(summary[name])}" for name in names if name in summary)


def main(arguments: list[str]) -> int:
    """Makes or checks the samples; returns 0 unless a check fails."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks reference-samples", description=__doc__
    )
    known = [name for name in METHODS if name in targets.names()]
    parser.add_argument("--names", nargs="+", choices=known, default=known)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    given = parser.parse_args(arguments)
    num_failed = 0
    for name in given.names:
        target, method = targets.get(name), METHODS[name]
        samples, summary = draw(target, method, CHECK_SEED if given.check else 0)
        print(f"{name}: {_headline(summary)}, {summary['seconds']:.0f} s", flush=True)
        if given.check:
            largest = deviations(targets.reference_summary(name), summary)
            limit = LARGEST_NORMAL_DEVIATION if isinstance(method, Nuts) else LARGEST_T_DEVIATION
            differs = max(largest.values()) > limit
            num_failed += differs
            print(f"  {'DIFFERENT' if differs else 'same'}, in standard errors: {_plain(largest)}")
            continue
        store(target, samples, summary)
        print(f"  {(FOLDER / f'{name}.npz').stat().st_size} bytes", flush=True)
    return int(num_failed > 0)
