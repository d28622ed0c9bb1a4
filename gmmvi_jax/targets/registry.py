"""The benchmark targets by name."""

import dataclasses
from collections.abc import Callable

from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.requirements import require_seed
from gmmvi_jax.targets.banana import banana
from gmmvi_jax.targets.brownian import brownian
from gmmvi_jax.targets.funnel import funnel
from gmmvi_jax.targets.gaussian_mixture import gmm
from gmmvi_jax.targets.gmm40 import gmm40
from gmmvi_jax.targets.lennard_jones import lennard_jones
from gmmvi_jax.targets.lgcp import lgcp
from gmmvi_jax.targets.logistic_regression import breast_cancer, german_credit, ionosphere, sonar
from gmmvi_jax.targets.many_well import many_well
from gmmvi_jax.targets.minibatch_regression import breast_cancer_mb, german_credit_mb
from gmmvi_jax.targets.network_classification import digits
from gmmvi_jax.targets.network_regression import wine
from gmmvi_jax.targets.planar_motion import planar_motion
from gmmvi_jax.targets.planar_robot import planar_robot
from gmmvi_jax.targets.protocol import Target
from gmmvi_jax.targets.rings import rings
from gmmvi_jax.targets.seeds import seeds
from gmmvi_jax.targets.student_t_mixture import stm
from gmmvi_jax.targets.talos import talos


@dataclasses.dataclass(frozen=True)
class _Entry:
    build: Callable[[int], Target]  # from the seed, which most targets ignore
    description: str


_TARGETS = {
    "gmm20": _Entry(
        lambda seed: gmm(20, seed),
        "20-D mixture of 10 Gaussians with full covariances; the seed is the instance",
    ),
    "gmm100": _Entry(
        lambda seed: gmm(100, seed),
        "100-D mixture of 10 Gaussians with full covariances; the seed is the instance",
    ),
    "stm20": _Entry(
        lambda seed: stm(20, seed),
        "20-D mixture of 10 heavy-tailed Student-t distributions; the seed is the instance",
    ),
    "stm300": _Entry(
        lambda seed: stm(300, seed),
        "300-D mixture of 20 heavy-tailed Student-t distributions; the seed is the instance",
    ),
    "breast_cancer": _Entry(
        lambda _: breast_cancer(),
        "31-D Bayesian logistic regression, Wisconsin diagnostic data (569 rows)",
    ),
    "german_credit": _Entry(
        lambda _: german_credit(),
        "25-D Bayesian logistic regression, German credit data (1000 rows)",
    ),
    "breast_cancer_mb": _Entry(
        lambda _: breast_cancer_mb(),
        "31-D breast_cancer on minibatches of 64 rows, one for each sample",
    ),
    "german_credit_mb": _Entry(
        lambda _: german_credit_mb(),
        "25-D german_credit on minibatches of 64 rows, one for each sample",
    ),
    "planar_robot_1": _Entry(
        lambda _: planar_robot(1),
        "10-D inverse kinematics of a planar robot arm, one goal",
    ),
    "planar_robot_4": _Entry(
        lambda _: planar_robot(4),
        "10-D inverse kinematics of a planar robot arm, four goals",
    ),
    "wine": _Entry(
        wine,
        "177-D Bayesian neural network on minibatches, wine quality (4898 rows); the seed is the "
        "split",
    ),
    "digits": _Entry(
        lambda seed: digits(seed=seed),
        "2410-D Bayesian neural network on minibatches, 1797 images; the seed is the split",
    ),
    "talos": _Entry(
        lambda _: talos(),
        "34-D inverse kinematics of the humanoid TALOS, one goal; needs gmmvi_jax[talos]",
    ),
    "planar_motion": _Entry(
        lambda _: planar_motion(),
        "30-D motion of a planar robot arm around obstacles to a goal: via points",
    ),
    "funnel": _Entry(
        lambda _: funnel(),
        "10-D Neal's funnel: the first coordinate is the log variance of the others",
    ),
    "banana": _Entry(
        lambda _: banana(),
        "2-D Gaussian bent along a parabola",
    ),
    "many_well": _Entry(
        lambda _: many_well(),
        "32-D product of 16 double wells: 65,536 modes, log Z known",
    ),
    "rings": _Entry(
        lambda _: rings(),
        "2-D concentric rings, four of them",
    ),
    "gmm40": _Entry(
        lambda seed: gmm40(2, seed),
        "2-D mixture of 40 small Gaussians far apart; the seed is the instance",
    ),
    "gmm40_50d": _Entry(
        lambda seed: gmm40(50, seed),
        "50-D mixture of 40 small Gaussians far apart; the seed is the instance",
    ),
    "ionosphere": _Entry(
        lambda _: ionosphere(),
        "35-D Bayesian logistic regression, ionosphere radar data (351 rows)",
    ),
    "sonar": _Entry(
        lambda _: sonar(),
        "61-D Bayesian logistic regression, sonar data: mines or rocks (208 rows)",
    ),
    "seeds": _Entry(
        lambda _: seeds(),
        "26-D binomial regression with random effects, Crowder's seeds (21 plates)",
    ),
    "brownian": _Entry(
        brownian,
        "32-D random walk of unknown scales behind noise, log Z known; the seed is the data",
    ),
    "lgcp": _Entry(
        lambda seed: lgcp(seed=seed),
        "256-D log-Gaussian Cox process on a grid, whitened; the seed is the data",
    ),
    "lennard_jones": _Entry(
        lambda _: lennard_jones(),
        "39-D cluster of 13 Lennard-Jones particles in a harmonic trap",
    ),
}

_ALIASES = {"planar_robot": "planar_robot_4"}


def names() -> tuple[str, ...]:
    """Returns the names of all targets."""
    return tuple(_TARGETS)


def get(name: str, seed: int = 0) -> Target:
    """Returns the target called ``name``.

    Args:
        name: one of ``names()``, or "planar_robot" for "planar_robot_4".
        seed: of the instance of a random target (the mixtures, the splits of the networks, the data
            of brownian and lgcp); other targets ignore it.

    Raises:
        ValueError: there is no such target; the message has the nearest name and all names.

    Example:
        >>> get("breast_cancer").dim
        31
    """
    return _entry(name).build(require_seed("seed", seed))


def describe(name: str) -> str:
    """Returns one line about the target called ``name``.

    Raises:
        ValueError: see ``get``.
    """
    return _entry(name).description


def _entry(name: str) -> _Entry:
    canonical = _ALIASES.get(name, name) if isinstance(name, str) else None
    if canonical in _TARGETS:
        return _TARGETS[canonical]
    hint = did_you_mean(name, [*_TARGETS, *_ALIASES])
    raise ValueError(
        f"name: there is no target {name!r}{hint} The targets are: {', '.join(names())}"
    )
