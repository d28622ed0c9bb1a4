"""Mixtures, settings, runs and what comes of them."""

from typing import Any

import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax import callbacks, densities, domains

from .call import Call, reached
from .examples import (
    CONFIG,
    MANY,
    MIXTURE,
    NOWHERE,
    POINTS,
    RESULT,
    STATE,
    T_MIXTURE,
    UnfinishedRuns,
)

POSITION = {"a": 1.0, "b": np.zeros(2)}
COMMON: dict[str, Any] = dict(
    dim=2, prior_mean=0.0, prior_scale=1.0, initial_covariance=1.0, num_initial_components=1,
    max_components=3, max_chunk_bytes=2**20, num_iterations=5, log_every=5, diagnostic_samples=0,
    temperature=1.0, diagonal=False, average_iterates=True, seed=0,
)  # fmt: skip
RUNS = UnfinishedRuns(**MANY)
STATES: gmmvi.TrainState = MANY["state"]

CALLS: dict[str, Call] = {
    "GMM.from_moments": Call(
        gmmvi.GMM.from_moments,
        dict(weights=[1.0, 1.0], means=np.zeros((2, 2)), covariances=np.ones((2, 2))),
    ),
    "GMM.log_prob": Call(MIXTURE.log_prob, dict(x=POINTS)),
    "GMM.component_log_probs": Call(MIXTURE.component_log_probs, dict(x=POINTS)),
    "GMM.responsibilities": Call(MIXTURE.responsibilities, dict(x=POINTS)),
    "GMM.sample": Call(MIXTURE.sample, dict(rng_key=0, num_samples=3)),
    "GMM.sample_with_components": Call(
        MIXTURE.sample_with_components, dict(rng_key=0, num_samples=3)
    ),
    "GMM.expect_linear": Call(MIXTURE.expect_linear, dict(matrix=np.eye(2), offset=0.0)),
    "GMM.expect_quadratic": Call(
        MIXTURE.expect_quadratic, dict(matrix=np.eye(2), linear=np.zeros(2), constant=0.0)
    ),
    "GMM.marginal": Call(MIXTURE.marginal, dict(dims=[0])),
    "GMM.conditional": Call(MIXTURE.conditional, dict(dims=[0], values=[1.0])),
    "GMM.save": Call(MIXTURE.save, dict(path=NOWHERE)),
    "GMM.load": Call(gmmvi.GMM.load, dict(path=NOWHERE)),
    "TMixture.from_parameters": Call(
        gmmvi.TMixture.from_parameters,
        dict(weights=[1.0], locations=np.zeros((1, 2)), scales=np.ones((1, 2)), degrees=[3.0]),
    ),
    "TMixture.of": Call(gmmvi.TMixture.of, dict(gmm=MIXTURE, degrees=3.0)),
    "TMixture.log_prob": Call(T_MIXTURE.log_prob, dict(x=POINTS)),
    "TMixture.sample": Call(T_MIXTURE.sample, dict(rng_key=0, num_samples=3)),
    "TMixture.expect_linear": Call(T_MIXTURE.expect_linear, dict(matrix=np.eye(2), offset=0.0)),
    "TMixture.expect_quadratic": Call(
        T_MIXTURE.expect_quadratic, dict(matrix=np.eye(2), linear=np.zeros(2), constant=0.0)
    ),
    "TMixture.marginal": Call(T_MIXTURE.marginal, dict(dims=[0])),
    "TMixture.conditional": Call(T_MIXTURE.conditional, dict(dims=[0], values=[1.0])),
    "TMixture.save": Call(T_MIXTURE.save, dict(path=NOWHERE)),
    "TMixture.load": Call(gmmvi.TMixture.load, dict(path=NOWHERE)),
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
        densities.black_box,
        dict(
            function=reached,
            dim=2,
            gradient=None,
            batched=True,
            timeout=None,
            executor=None,
            on_error="raise",
        ),
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
    "many.run": Call(gmmvi.TrainManyResult(**MANY).run, dict(index=0)),
    "many.sample": Call(RUNS.sample, dict(rng_key=0, num_samples=3)),
    "many.modes": Call(RUNS.modes, dict(min_dip=0.4)),
    "many.summary": Call(RUNS.summary, dict(max_modes=3)),
    "many.diagnose": Call(
        RUNS.diagnose,
        dict(rng_key=0, num_samples=100, reference_samples=None, mcmc_steps=0),
    ),
    "state.run": Call(STATES.run, dict(index=0)),
}
