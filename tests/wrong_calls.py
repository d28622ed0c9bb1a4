"""Public functions with arguments that are valid, and values that hardly any argument may have."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax import callbacks, densities, domains, evaluation, targets
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Status


class Reached(BaseException):
    """The arguments were accepted: the density is about to be traced, and a program compiled."""


def reached(*_: Any) -> Any:
    """A density, or what else is called late, that is not to be called at all."""
    raise Reached


# What a user knows some arguments by; the text of a path is as good as the argument's name.
KNOWN_AS = {
    "dim": "position",
    "example": "position",
    "path": r"\btext\b",
    "directory": r"\btext\b",
    "samples": "reference has shape|modes has shape",  # which of two does not fit the other
}


class Call(NamedTuple):
    """A function with valid arguments.

    Attributes:
        function: that a user calls.
        valid: its arguments by name.
        words: for arguments that a user knows by another name, a word of the message.
    """

    function: Callable[..., Any]
    valid: dict[str, Any]
    words: Mapping[str, str] = MappingProxyType({})

    def names(self, argument: str) -> str:
        """Returns a pattern of what a message may call an argument."""
        return f"{argument}|{(KNOWN_AS | dict(self.words)).get(argument, argument)}"


KEY = jax.random.key(0)
MIXTURE = gmmvi.GMM.from_moments([1.0, 1.0], [[0.0, 0.0], [3.0, 0.0]], np.ones((2, 2)))
POINTS = np.random.default_rng(0).normal(size=(30, 2))
RATIOS = jnp.zeros(30)
CONFIG = gmmvi.samtron(2, num_iterations=2, log_every=1, max_components=2, max_database_size=100)


def blank(leaf: Any) -> Any:
    """An array of the shape, for which nothing is compiled."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return KEY if is_key else np.zeros(leaf.shape, leaf.dtype)


STATE = jax.tree.map(blank, jax.eval_shape(lambda: gmmvi.init(CONFIG.algorithm, 0)))


class LateHistory(dict[str, np.ndarray]):
    """A history of which hardly anything is there."""

    def __missing__(self, name: str) -> np.ndarray:
        raise Reached

    def items(self) -> Any:
        raise Reached


class Unfinished(TrainResult):
    """A result without what a run would have to compute."""

    def concerns(self) -> tuple[evaluation.Concern, ...]:
        return ()

    def components(self) -> dict[str, np.ndarray]:
        raise Reached


RESULT = Unfinished(
    gmm=MIXTURE,
    state=STATE,
    history=LateHistory(num_target_evaluations=np.array([1000])),
    status=Status.COMPLETED,
    config=CONFIG,
    target=reached,
)
POSITION = {"a": 1.0, "b": np.zeros(2)}
SHARED: dict[str, Any] = dict(gmm=MIXTURE, log_target=reached, rng_key=0)
COMMON: dict[str, Any] = dict(
    dim=2, prior_mean=0.0, prior_scale=1.0, initial_covariance=1.0, num_initial_components=1,
    max_components=3, max_chunk_bytes=2**20, num_iterations=5, log_every=5, diagnostic_samples=0,
    temperature=1.0, diagonal=False, average_iterates=True, seed=0,
)  # fmt: skip
NOWHERE = Path("nothing")

CALLS: dict[str, Call] = {
    "GMM.from_moments": Call(
        gmmvi.GMM.from_moments,
        dict(weights=[1.0, 1.0], means=np.zeros((2, 2)), covariances=np.ones((2, 2))),
    ),
    "GMM.log_prob": Call(MIXTURE.log_prob, dict(x=POINTS)),
    "GMM.component_log_probs": Call(MIXTURE.component_log_probs, dict(x=POINTS)),
    "GMM.responsibilities": Call(MIXTURE.responsibilities, dict(x=POINTS)),
    "GMM.sample": Call(MIXTURE.sample, dict(rng_key=0, num_samples=3)),
    "GMM.expect_linear": Call(MIXTURE.expect_linear, dict(matrix=np.eye(2), offset=0.0)),
    "GMM.expect_quadratic": Call(
        MIXTURE.expect_quadratic, dict(matrix=np.eye(2), linear=np.zeros(2), constant=0.0)
    ),
    "GMM.marginal": Call(MIXTURE.marginal, dict(dims=[0])),
    "GMM.conditional": Call(MIXTURE.conditional, dict(dims=[0], values=[1.0])),
    "GMM.save": Call(MIXTURE.save, dict(path=NOWHERE)),
    "GMM.load": Call(gmmvi.GMM.load, dict(path=NOWHERE)),
    "merge": Call(gmmvi.merge, dict(gmms=[MIXTURE], elbos=[0.0])),
    "samtron": Call(gmmvi.samtron, COMMON | dict(desired_samples=10, add_iters=3)),
    "vips": Call(gmmvi.vips, COMMON | dict(desired_samples=10, reuse_ratio=0.0)),
    "ibayes_gmm": Call(gmmvi.ibayes_gmm, dict(dim=2, first_published=False)),
    "from_codename": Call(gmmvi.from_codename, dict(codename="SAMTRON", dim=2)),
    "published_config": Call(
        gmmvi.published_config,
        dict(codename="SAMTRON", target_name="gmm20", num_iterations=5, max_components=9, seed=0),
    ),
    "train": Call(
        gmmvi.train,
        dict(
            config=CONFIG,
            log_target=reached,
            initial=None,
            samples=None,
            rng_key=0,
            progress=False,
            callbacks=(),
            checkpoint=None,
            resume=None,
            until=(),
        ),
    ),
    "train_many": Call(
        gmmvi.train_many,
        dict(
            config=CONFIG,
            log_target=reached,
            seeds=[0],
            initial=None,
            samples=None,
            progress=False,
            callbacks=(),
        ),
    ),
    "fit": Call(
        gmmvi.fit,
        dict(
            log_density=reached,
            dim_or_position=2,
            domain=None,
            prior_mean=0.0,
            prior_scale=1.0,
            seed=0,
            tolerance=0.05,
            budget=1000,
            seconds=1.0,
            max_components=3,
            diagonal=False,
            progress=False,
            verbose=False,
            callbacks=(),
            checkpoint=None,
            resume=None,
        ),
        {"dim_or_position": "dim|position"},
    ),
    "build": Call(gmmvi.build, dict(config=CONFIG, log_density=reached)),
    "init": Call(gmmvi.init, dict(algorithm=CONFIG.algorithm, rng_key=0, initial=None)),
    "step": Call(gmmvi.step, dict(algorithm=CONFIG.algorithm, log_target=reached, state=STATE)),
    "export_samples": Call(gmmvi.export_samples, dict(state=STATE)),
    "import_samples": Call(gmmvi.import_samples, dict(state=STATE, samples=None)),
    "reevaluate_samples": Call(
        gmmvi.reevaluate_samples,
        dict(samples=gmmvi.Samples(POINTS, np.zeros(30)), log_target=reached, rng_key=0),
    ),
    "load": Call(gmmvi.load, dict(directory=NOWHERE)),
    "load_state": Call(gmmvi.load_state, dict(path=NOWHERE, config=CONFIG)),
    "save_state": Call(gmmvi.save_state, dict(path=NOWHERE, state=STATE)),
    "load_samples": Call(gmmvi.load_samples, dict(path=NOWHERE)),
    "save_samples": Call(gmmvi.save_samples, dict(path=NOWHERE, samples=None)),
    "Convergence": Call(gmmvi.Convergence, dict(tolerance=0.1)),
    "EvaluationBudget": Call(gmmvi.EvaluationBudget, dict(num_evaluations=10)),
    "TimeLimit": Call(gmmvi.TimeLimit, dict(seconds=1.0)),
    "Constant": Call(gmmvi.Constant, dict(value=1.0)),
    "Scheduled": Call(gmmvi.Scheduled, dict(function=reached)),
    "register_pytree": Call(gmmvi.register_pytree, dict(cls=None)),
    "callbacks.csv": Call(callbacks.csv, dict(path=NOWHERE, append=False)),
    "callbacks.json_lines": Call(callbacks.json_lines, dict(path=NOWHERE, append=False)),
    "callbacks.timeline": Call(callbacks.timeline, dict(run=0)),
    "callbacks.tensorboard": Call(callbacks.tensorboard, dict(writer=None)),
    "callbacks.every": Call(callbacks.every, dict(seconds=1.0, callback=reached)),
    "densities.black_box": Call(
        densities.black_box, dict(function=reached, dim=2, gradient=None, batched=True)
    ),
    "densities.minibatch": Call(
        densities.minibatch,
        dict(log_likelihood=reached, log_prior=reached, data=POINTS, batch_size=3),
    ),
    "densities.on_pytree": Call(
        densities.on_pytree, dict(log_density=reached, example=POSITION, domain=None)
    ),
    "densities.stochastic": Call(densities.stochastic, dict(function=reached)),
    "domains.fixed": Call(domains.fixed, dict(value=1.0)),
    "domains.interval": Call(domains.interval, dict(low=0.0, high=1.0)),
    "domains.lower": Call(domains.lower, dict(bound=0.0)),
    "domains.upper": Call(domains.upper, dict(bound=0.0)),
    "domains.periodic": Call(domains.periodic, dict(low=0.0, high=1.0)),
    "result.sample": Call(RESULT.sample, dict(rng_key=0, num_samples=3)),
    "result.log_prob": Call(RESULT.log_prob, dict(position=POINTS)),
    "result.modes": Call(RESULT.modes, dict(min_dip=0.4)),
    "result.solutions": Call(RESULT.solutions, dict(rng_key=0, min_mass=0.01, min_dip=0.4)),
    "result.weighted_draws": Call(RESULT.weighted_draws, dict(rng_key=0, num_samples=100)),
    "result.expectation": Call(
        RESULT.expectation, dict(function=reached, rng_key=0, num_samples=100)
    ),
    "result.predict": Call(
        RESULT.predict,
        dict(function=reached, rng_key=0, num_samples=100, batch_size=10, with_key=False),
    ),
    "result.refine": Call(RESULT.refine, dict(rng_key=0, num_samples=100, mcmc_steps=0)),
    "result.summary": Call(RESULT.summary, dict(max_modes=3)),
    "result.plot": Call(RESULT.plot, dict(path=NOWHERE)),
    "result.save": Call(RESULT.save, dict(directory=NOWHERE)),
    "result.diagnose": Call(
        RESULT.diagnose,
        dict(rng_key=0, num_samples=100, reference_samples=None, mcmc_steps=0),
    ),
    "evaluation.Posterior": Call(evaluation.Posterior, dict(gmm=MIXTURE, layout=None)),
    "posterior.conditional": Call(evaluation.Posterior(MIXTURE).conditional, dict(values={})),
    "posterior.position": Call(evaluation.Posterior(MIXTURE).position, dict(points=POINTS)),
    "evaluation.average": Call(evaluation.average, dict(log_ratios=RATIOS)),
    "evaluation.log_z": Call(evaluation.log_z, dict(log_ratios=RATIOS)),
    "evaluation.psis": Call(evaluation.psis, dict(log_ratios=RATIOS)),
    "evaluation.reverse_effective_sample_size": Call(
        evaluation.reverse_effective_sample_size, dict(log_ratios=RATIOS)
    ),
    "evaluation.forward_metrics": Call(
        evaluation.forward_metrics, dict(log_ratios=RATIOS, log_z=0.0)
    ),
    "evaluation.unseen_share": Call(
        evaluation.unseen_share, dict(reference_ratios=RATIOS, own_ratios=RATIOS)
    ),
    "evaluation.k_hat_limit": Call(evaluation.k_hat_limit, dict(num_samples=100)),
    "evaluation.describe_k_hat": Call(evaluation.describe_k_hat, dict(k_hat=0.5, num_samples=100)),
    "evaluation.elbo": Call(evaluation.elbo, SHARED | dict(num_samples=100, temperature=1.0)),
    "evaluation.log_ratios": Call(
        evaluation.log_ratios, SHARED | dict(num_samples=100, temperature=1.0)
    ),
    "evaluation.log_ratios_at": Call(
        evaluation.log_ratios_at, dict(gmm=MIXTURE, log_target=reached, samples=POINTS)
    ),
    "evaluation.diagnose": Call(
        evaluation.diagnose,
        SHARED
        | dict(
            num_samples=100,
            reference_samples=None,
            temperature=1.0,
            candidates=POINTS,
            centre=np.zeros(2),
            names=["a", "b"],
            mcmc_steps=0,
        ),
    ),
    "evaluation.chain_check": Call(
        evaluation.chain_check,
        SHARED | dict(num_steps=3, num_chains=5, highest=0.0, temperature=1.0),
    ),
    "evaluation.mass_uphill": Call(
        evaluation.mass_uphill, SHARED | dict(own_ratios=RATIOS, temperature=1.0)
    ),
    "evaluation.overlooked_points": Call(
        evaluation.overlooked_points,
        SHARED | dict(own_ratios=RATIOS, candidates=POINTS, temperature=1.0),
    ),
    "evaluation.improper_direction": Call(
        evaluation.improper_direction, dict(log_target=reached, gmm=MIXTURE, centre=np.zeros(2))
    ),
    "evaluation.find_modes": Call(evaluation.find_modes, dict(gmm=MIXTURE, min_dip=0.4)),
    "evaluation.detected_modes": Call(evaluation.detected_modes, dict(gmm=MIXTURE, modes=POINTS)),
    "evaluation.entropic_mode_coverage": Call(
        evaluation.entropic_mode_coverage, dict(samples=POINTS, modes=POINTS)
    ),
    "evaluation.mixture_divergence": Call(
        evaluation.mixture_divergence, dict(gmm=MIXTURE, other=MIXTURE, rng_key=0, num_samples=30)
    ),
    "evaluation.classifier_two_sample_test": Call(
        evaluation.classifier_two_sample_test,
        dict(samples=POINTS, reference=POINTS, rng_key=0, num_folds=5, num_hidden=3, num_steps=1),
    ),
    "evaluation.mmd_squared": Call(
        evaluation.mmd_squared, dict(samples=POINTS, reference=POINTS, bandwidths=1.0)
    ),
    "evaluation.diagonal_bandwidths": Call(
        evaluation.diagonal_bandwidths, dict(reference=POINTS, scale=1.0)
    ),
    "evaluation.median_bandwidth": Call(evaluation.median_bandwidth, dict(reference=POINTS)),
    "evaluation.sinkhorn_divergence": Call(
        evaluation.sinkhorn_divergence, dict(samples=POINTS, reference=POINTS)
    ),
    "evaluation.sliced_wasserstein": Call(
        evaluation.sliced_wasserstein,
        dict(samples=POINTS, reference=POINTS, rng_key=0, num_directions=3),
    ),
    "evaluation.archive_candidates": Call(
        evaluation.archive_candidates, dict(archive=STATE.database.archive, gmm=MIXTURE, count=3)
    ),
    "targets.get": Call(targets.get, dict(name="gmm20", seed=0)),
    "targets.describe": Call(targets.describe, dict(name="gmm20")),
    "targets.reference_samples": Call(targets.reference_samples, dict(name="gmm20")),
    "targets.reference_summary": Call(targets.reference_summary, dict(name="gmm20")),
    "targets.banana": Call(targets.banana, dict(dim=2, curvature=0.1)),
    "targets.brownian": Call(targets.brownian, dict(seed=0)),
    "targets.funnel": Call(targets.funnel, dict(dim=3)),
    "targets.gmm": Call(targets.gmm, dict(dim=2, seed=0)),
    "targets.gmm40": Call(targets.gmm40, dict(dim=2, seed=0)),
    "targets.stm": Call(targets.stm, dict(dim=2, seed=0)),
    "targets.many_well": Call(targets.many_well, dict(dim=4)),
    "targets.lennard_jones": Call(targets.lennard_jones, dict(num_particles=3)),
    "targets.lgcp": Call(targets.lgcp, dict(grid=3, seed=0)),
    "targets.planar_robot": Call(targets.planar_robot, dict(num_goals=4)),
    "targets.rings": Call(targets.rings, dict(radii=(1.0, 2.0), width=0.1)),
}

# Wrong for almost every argument; a function may still have a use for one of them.
WRONG: dict[str, Any] = {
    "None": None,
    "text": "text",
    "object": object(),
    "dict": {"a": 1.0},
    "NaN": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "1e30": 1e30,
    "-1e30": -1e30,
    "2**40": 2**40,
    "scalar": np.float32(0.5),
    "empty": np.zeros((0, 2)),
    "no dimensions": np.zeros((2, 0)),
    "one dimension too many": np.zeros((2, 2, 2, 2)),
    "another length": np.ones((7, 5)),
    "strings": np.array(["a", "b"]),
    "complex": np.ones((2, 2), complex),
    "bools": np.array([True, False]),
    "objects": np.array([None, {}]),
    "ragged": [[1.0], [1.0, 2.0]],
}
