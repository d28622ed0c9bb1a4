"""The settings of ``samtron``, ``vips`` and ``ibayes_gmm``, for editors and type checkers.

Names and types alone: an editor completes them (PEP 692), a type checker refuses others. Defaults
stand in one place, beside the choice that a setting belongs to (``gmmvi_jax/modules/``), and
``explicit_signature`` shows them in ``help(samtron)``. A test compares both.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict, TypeVar

from gmmvi_jax.numerics.schedule import Schedule
from gmmvi_jax.typing import Array
from gmmvi_jax.variants.codenames import choices_of

Function = TypeVar("Function", bound=Callable[..., Any])
Number: TypeAlias = float | Array  # a scalar; in a sweep (``jax.vmap``) one that is traced


class CommonSettings(TypedDict, total=False):
    """Settings of every variant; ``from_codename`` documents them."""

    domain: Any
    prior_mean: Any
    prior_scale: Any
    initial_covariance: Any
    num_initial_components: int | None
    max_components: int | None
    max_chunk_bytes: int | None
    num_iterations: int
    log_every: int
    diagnostic_samples: int
    temperature: Number | Schedule
    diagonal: bool
    rank: int | None
    components: str
    degrees: float | Array | None
    average_iterates: bool | None
    seed: int


class EstimatorSettings(TypedDict, total=False):
    """Settings of both natural-gradient estimators (S and Z).

    Attributes:
        self_normalized_gradients: divide importance weights by their sum, not by their number.
        only_own_samples: estimate each component from the samples that it drew itself.
    """

    self_normalized_gradients: bool
    only_own_samples: bool


class MoreSettings(EstimatorSettings, total=False):
    """Settings of MORE (Z).

    Attributes:
        initial_ridge_factor: regularisation of a component's first regression.
    """

    initial_ridge_factor: Number


class AdaptiveSettings(TypedDict, total=False):
    """Settings of an adaptive number of components (A).

    Attributes:
        add_iters: a component is added every ``add_iters`` iterations.
        del_iters: iterations before a component can be deleted, at least 3.
        min_weight_for_deletion: lighter components can be deleted.
        num_database_samples: most archived samples that are candidates for a new mean.
        num_prior_samples: further candidates, drawn from the prior and evaluated.
        max_database_size: samples that the archive holds; 0 holds the last batch alone.
    """

    add_iters: int
    del_iters: int
    min_weight_for_deletion: Number
    num_database_samples: int
    num_prior_samples: int
    max_database_size: int


class SelectorSettings(TypedDict, total=False):
    """Settings of both sample selectors (M and P).

    Attributes:
        desired_samples: per component (M), or of the mixture (P), in each iteration. None chooses
            it for the estimator and the number of dimensions.
        reuse_ratio: the newest ``reuse_ratio * desired_samples`` samples of each component are
            reused, and only what their effective number falls short of is drawn; 0 reuses none.
        reuse_window_bytes: most memory for reused samples; the samples of one iteration have room
            in any case.
    """

    desired_samples: int | None
    reuse_ratio: float
    reuse_window_bytes: int


class ImprovementComponentStepsizeSettings(TypedDict, total=False):
    """Settings of improvement-based component stepsizes (R).

    Attributes:
        initial_component_stepsize: of a new component; for trust regions a KL bound in nats.
        min_component_stepsize: decreasing stops here.
        max_component_stepsize: increasing stops here.
        component_stepsize_increase: factor after the component's reward improved.
        component_stepsize_decrease: factor after it did not.
    """

    initial_component_stepsize: Number
    min_component_stepsize: Number
    max_component_stepsize: Number
    component_stepsize_increase: Number
    component_stepsize_decrease: Number


class FixedComponentStepsizeSettings(TypedDict, total=False):
    """Settings of fixed component stepsizes (F).

    Attributes:
        initial_component_stepsize: of all components, a number or an ``optax`` schedule of a
            component's updates so far. None chooses it for the sample selector.
    """

    initial_component_stepsize: Number | Schedule | None


class RewardSettings(TypedDict, total=False):
    """Settings of both weight updaters (O and U).

    Attributes:
        self_normalized_rewards: divide importance weights by their sum, not by their number.
    """

    self_normalized_rewards: bool


class ImprovementWeightStepsizeSettings(TypedDict, total=False):
    """Settings of an improvement-based weight stepsize (N).

    Attributes:
        initial_weight_stepsize: of the first iteration; for trust regions a KL bound in nats.
        min_weight_stepsize: decreasing stops here.
        max_weight_stepsize: increasing stops here.
        weight_stepsize_increase: factor after the ELBO improved.
        weight_stepsize_decrease: factor after it did not.
    """

    initial_weight_stepsize: Number
    min_weight_stepsize: Number
    max_weight_stepsize: Number
    weight_stepsize_increase: Number
    weight_stepsize_decrease: Number


class FixedWeightStepsizeSettings(TypedDict, total=False):
    """Settings of a fixed weight stepsize (X).

    Attributes:
        initial_weight_stepsize: of all iterations, a number or an ``optax`` schedule of the
            updates so far. None chooses it for the sample selector.
    """

    initial_weight_stepsize: Number | Schedule | None


class SamtronSettings(
    CommonSettings,
    EstimatorSettings,
    AdaptiveSettings,
    SelectorSettings,
    ImprovementComponentStepsizeSettings,
    RewardSettings,
    ImprovementWeightStepsizeSettings,
    total=False,
):
    """Settings of ``samtron``."""


class VipsSettings(
    CommonSettings,
    MoreSettings,
    AdaptiveSettings,
    SelectorSettings,
    ImprovementComponentStepsizeSettings,
    RewardSettings,
    FixedWeightStepsizeSettings,
    total=False,
):
    """Settings of ``vips``."""


class IBayesSettings(
    CommonSettings,
    EstimatorSettings,
    SelectorSettings,
    FixedComponentStepsizeSettings,
    RewardSettings,
    FixedWeightStepsizeSettings,
    total=False,
):
    """Settings of ``ibayes_gmm``."""


def explicit_signature(codename: str, common: Callable[..., Any]) -> Callable[[Function], Function]:
    """Returns a decorator that replaces ``**settings`` in a signature by every setting.

    ``help`` and notebooks, which call ``inspect.signature``, then show the defaults as well.

    Args:
        codename: of the variant that the decorated function configures.
        common: a function whose keyword-only parameters are the settings of every variant.
    """

    def keyword_only(function: Callable[..., Any]) -> list[inspect.Parameter]:
        parameters = inspect.signature(function).parameters.values()
        return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        builders = [choice.build for choice in choices_of(codename)]
        settings = [p for builder in (common, *builders) for p in keyword_only(builder)]
        vars(function)["__signature__"] = signature.replace(parameters=[*own, *settings])
        return function

    return decorate
