"""Builders of the choices of modules 1 to 3: estimators, number of components, selectors.

A builder's keyword arguments are the settings a user can pass to ``from_codename``; their
defaults are the library's. Where those differ from the published ones, the reason is given.
"""

from gmmvi_jax.choices.problem import Problem
from gmmvi_jax.modules.component_adaptation.adaptive import Adaptive
from gmmvi_jax.modules.component_adaptation.fixed import Fixed
from gmmvi_jax.modules.natural_gradients.more import MORE
from gmmvi_jax.modules.natural_gradients.stein import Stein
from gmmvi_jax.modules.sample_selectors.component_based import ComponentBased
from gmmvi_jax.modules.sample_selectors.mixture_based import MixtureBased

REUSE_WINDOW_BYTES = 2**28  # 256 MiB


def stein(
    problem: Problem, *, self_normalized_gradients: bool = True, only_own_samples: bool = False
) -> Stein:
    """Builds choice S."""
    del problem
    return Stein(self_normalized=self_normalized_gradients, only_own_samples=only_own_samples)


def more(
    problem: Problem,
    *,
    self_normalized_gradients: bool = True,
    only_own_samples: bool = False,
    initial_ridge_factor: float = 1e-12,
) -> MORE:
    """Builds choice Z."""
    del problem
    return MORE(
        initial_ridge_factor=initial_ridge_factor,
        self_normalized=self_normalized_gradients,
        only_own_samples=only_own_samples,
    )


def adaptive(
    problem: Problem,
    *,
    add_iters: int = 30,
    del_iters: int = 100,
    min_weight_for_deletion: float = 1e-6,
    # A tenth of the published number finds places as good (the argmax of 10,000 random samples
    # is in the best 0.01 %), and a search costs one density pass over them.
    num_database_samples: int = 10_000,
    num_prior_samples: int = 0,
    # The published default keeps the last batch only; samples of the whole run cost
    # memory, not evaluations, and remember modes that the mixture has left.
    max_database_size: int = 100_000,
) -> Adaptive:
    """Builds choice A."""
    return Adaptive(
        prior_mean=problem.prior_mean,
        initial_variance=problem.initial_variance,
        lightest=min_weight_for_deletion,
        add_iters=add_iters,
        del_iters=del_iters,
        num_database_samples=num_database_samples,
        num_prior_samples=num_prior_samples,
        max_database_size=max_database_size,
    )


def fixed_number(problem: Problem) -> Fixed:
    """Builds choice E."""
    del problem
    return Fixed()


def default_samples(problem: Problem) -> int:
    """Returns how many samples a component's natural gradient should be estimated from."""
    if problem.uses("Z"):
        # A regression needs more samples than it has coefficients; the published settings have up
        # to 2.5 times as many.
        dim = problem.dim
        num_coefficients = 2 * dim + 1 if problem.diagonal else (dim + 1) * (dim + 2) // 2
        return max(100, 3 * num_coefficients // 2)
    # A Hessian has D (D + 1) / 2 entries, and Stein's estimate of it one random direction per
    # sample: below about 4 D samples the improvement rule mostly shrinks stepsizes. Of a diagonal
    # one every sample says something about every entry.
    return 100 if problem.diagonal else max(100, 4 * problem.dim)


def component_based(
    problem: Problem,
    *,
    desired_samples: int | None = None,
    reuse_ratio: float = 0.0,
    reuse_window_bytes: int = REUSE_WINDOW_BYTES,
) -> ComponentBased:
    """Builds choice M."""
    default = default_samples(problem)
    return ComponentBased(
        desired_samples=default if desired_samples is None else desired_samples,
        reuse_ratio=reuse_ratio,
        reuse_window_bytes=reuse_window_bytes,
    )


def mixture_based(
    problem: Problem,
    *,
    desired_samples: int | None = None,
    reuse_ratio: float = 0.0,
    reuse_window_bytes: int = REUSE_WINDOW_BYTES,
) -> MixtureBased:
    """Builds choice P."""
    # As for M, twice: all components share these samples.
    default = 2 * default_samples(problem)
    return MixtureBased(
        desired_samples=default if desired_samples is None else desired_samples,
        reuse_ratio=reuse_ratio,
        reuse_window_bytes=reuse_window_bytes,
    )
