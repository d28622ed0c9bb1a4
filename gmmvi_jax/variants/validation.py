"""Checks of what the user passes, before anything is compiled.

Every error names the argument, its value and the cure. Values that are tracers (a user vmaps
over a hyperparameter) cannot be looked at and pass.
"""

from gmmvi_jax.config import Config
from gmmvi_jax.modules.component_updaters.iblr import IBLR
from gmmvi_jax.modules.iterate_averaging import NaturalParameterAverage
from gmmvi_jax.modules.natural_gradients.more import MORE
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.modules.sample_selectors.component_based import ComponentBased
from gmmvi_jax.modules.sample_selectors.mixture_based import MixtureBased
from gmmvi_jax.modules.schedule_checks import check_schedule
from gmmvi_jax.requirements import (
    require,
    require_bool,
    require_int,
    require_seed,
)


def _check_own_samples(config: Config) -> None:
    """Raises ValueError where an estimator that takes new samples alone is given older ones."""
    selector, estimator = config.algorithm.sample_selector, config.algorithm.natural_gradient
    if not isinstance(selector, ComponentBased | MixtureBased):
        return
    if isinstance(estimator, Stein | MORE) and estimator.only_own_samples:
        require(
            selector.reuse_ratio == 0.0,
            f"only_own_samples=True needs samples that the components drew in this iteration, but "
            f"reuse_ratio={selector.reuse_ratio} hands it older ones; set reuse_ratio=0 or "
            f"only_own_samples=False.",
        )


def _check_family(config: Config) -> None:
    """Raises ValueError where an estimator is for Gaussians alone, and the components are not."""
    algorithm = config.algorithm
    require(
        algorithm.initial_mixture.degrees is None
        or not isinstance(algorithm.natural_gradient, MORE),
        "components='student_t' does not go with MORE (Z), whose regression is for Gaussians; take "
        "Stein (S), which needs gradients, or Gaussian components.",
    )


def _check_rank(config: Config) -> None:
    """Raises ValueError where covariances of low rank meet what is not defined for them."""
    algorithm = config.algorithm
    rank, estimator = algorithm.initial_mixture.rank, algorithm.natural_gradient
    if rank is None:
        return
    given = f"rank={rank} does not go with"
    require(
        not algorithm.initial_mixture.diagonal,
        f"{given} diagonal=True; leave one of them out.",
    )
    require(
        algorithm.initial_mixture.degrees is None,
        f"{given} components='student_t'; take Gaussian components, or full or diagonal matrices.",
    )
    require(
        not isinstance(estimator, MORE),
        f"{given} MORE (Z), whose regression has D (D + 1) / 2 unknowns; take Stein (S), which "
        f"needs gradients, or diagonal=True.",
    )
    require(
        not isinstance(estimator, Stein) or estimator.self_normalized,
        f"{given} self_normalized_gradients=False: curvatures are regressions, whose weights "
        f"sum to 1; leave it out.",
    )
    require(
        not isinstance(algorithm.component_updater, IBLR),
        f"{given} iBLR (Y), whose second-order term has full rank; take the trust region (T) or "
        f"the direct step (I).",
    )
    require(
        not isinstance(algorithm.iterate_averaging, NaturalParameterAverage),
        f"{given} average_iterates=True: the average of such precisions is of another rank; leave "
        f"it out.",
    )


def validate(config: Config) -> None:
    """Checks a configuration; called by its constructors and by ``train``.

    Raises:
        ValueError: naming the setting, its value and the cure.
    """
    algorithm, run = config.algorithm, config.run
    require_int("max_components", algorithm.max_components, least=1)
    if algorithm.max_chunk_bytes is not None:
        require_int("max_chunk_bytes", algorithm.max_chunk_bytes, least=1)
    require_int("num_iterations", run.num_iterations, least=1)
    require_int("log_every", run.log_every, least=1)
    require_int("diagnostic_samples", run.diagnostic_samples, least=0)
    require_seed("seed", run.seed)
    require_bool("diagonal", algorithm.initial_mixture.diagonal)
    count = algorithm.initial_mixture.num_components
    require(
        count <= algorithm.max_components,
        f"num_initial_components is {count}, but max_components is {algorithm.max_components}; "
        f"raise max_components or start with fewer components.",
    )
    for module in MODULES:
        module.check(getattr(algorithm, module.field))
    _check_own_samples(config)
    _check_family(config)
    _check_rank(config)
    for iteration in (1, run.num_iterations):
        check_schedule("temperature", algorithm.temperature, iteration)
