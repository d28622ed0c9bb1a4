"""The state that a run carries from iteration to iteration, and the report of a step."""

from typing import Any, NamedTuple, Self

import chex
import jax
import jax.numpy as jnp

from gmmvi_jax.gmm import GMM
from gmmvi_jax.mixture.padded import PaddedMixture, to_gmm
from gmmvi_jax.modules.component_adaptation.protocol import Adapted
from gmmvi_jax.modules.records import (
    ComponentRecord,
    Memories,
    NaturalGradient,
    UpdateInfo,
)
from gmmvi_jax.numerics.exact_counter import ExactCounter, count_up
from gmmvi_jax.numerics.stacked import row_of
from gmmvi_jax.requirements import is_traced, require_int, require_static, shown
from gmmvi_jax.samples.batch import NUM_ACCOUNTS, SampleAccount
from gmmvi_jax.samples.database import SampleDatabase
from gmmvi_jax.typing import Array, PRNGKey, PyTree


class TrainState(NamedTuple):
    """Everything the next step needs."""

    rng_key: PRNGKey
    iteration: Array  # [] int32, steps taken so far
    mixture: PaddedMixture
    components: ComponentRecord
    memories: Memories  # of the choices
    database: SampleDatabase
    gradient: NaturalGradient  # of the last step; its buffers are overwritten by the next one
    num_target_evaluations: ExactCounter

    def advance(
        self,
        key: PRNGKey,
        adapted: Adapted,
        database: SampleDatabase,
        gradient: NaturalGradient,
        info: "StepInfo",
    ) -> "TrainState":
        """Returns the state after a step.

        Args:
            key: of the steps to come.
            adapted: the mixture and what is known of its components.
            database: samples.
            gradient: of the step.
            info: its report.
        """
        return TrainState(
            rng_key=key,
            iteration=self.iteration + 1,
            mixture=adapted.mixture,
            components=adapted.components,
            memories=adapted.memories,
            database=database,
            gradient=gradient,
            num_target_evaluations=count_up(
                self.num_target_evaluations, info.num_target_evaluations
            ),
        )

    def gmm(self) -> GMM:
        """Returns the mixture as it is now: dense, differentiable, a copy.

        Raises:
            ValueError: the state holds several runs, or is traced.
        """
        if self.iteration.ndim:
            raise ValueError(
                f"the state holds {len(self.iteration)} runs; call state.run(0).gmm(), or that of "
                f"another run."
            )
        require_static("state.gmm(), the number of components,", self.mixture.num_components)
        return to_gmm(self.mixture)

    def run(self, index: int) -> Self:
        """Returns the state of one of several runs, which ``train_many`` stacks.

        Args:
            index: of the run, in the order of the seeds; negative ones count from the end.

        Raises:
            ValueError: there is no such run, or the state is that of a single one.
        """
        if not self.iteration.ndim:
            raise ValueError(f"index {index!r}: the state is that of one run, and needs none.")
        count = len(self.iteration)
        # JAX would take the last run for all beyond it.
        if not is_traced(index):
            require_int("index", index, -count, count - 1)
        return jax.tree.map(lambda leaf: row_of(leaf, index), self)


def check_carry(
    choices: Any,
    before: TrainState,
    mixture: PaddedMixture,
    components: ComponentRecord,
    memories: Memories,
    gradient: NaturalGradient,
) -> None:
    """Raises TypeError where choices change the structure, a shape or a dtype of what is carried.

    A choice of a user's own may do that; the error of ``lax.scan`` would not name it, and where
    components come and go, moving the rows could hide it. Costs nothing in the compiled program.

    Args:
        choices: the algorithm, whose fields are those of ``Memories``.
        before: the state that the step was given.
        mixture: as the choices return it.
        components: as the choices return it.
        memories: as the choices return them.
        gradient: as its estimator returns it.
    """
    for field in Memories._fields:
        _check_same(
            f"the memory of {type(getattr(choices, field)).__name__} ({field})",
            getattr(before.memories, field),
            getattr(memories, field),
        )
    _check_same("the mixture of the state", before.mixture, mixture)
    _check_same("the record of the components", before.components, components)
    _check_same("the natural gradient", before.gradient, gradient)


def _check_same(what: str, before: PyTree, after: PyTree) -> None:
    try:
        chex.assert_trees_all_equal_structs(before, after)
        chex.assert_trees_all_equal_shapes_and_dtypes(before, after)
    except AssertionError as error:
        raise TypeError(
            f"{what} must keep its structure, shapes and dtypes from step to step; return what "
            f"init returns, e.g. with .astype(array.dtype). Trees 0 (before) and 1 (after the "
            f"step): {error}"
        ) from error


class StepInfo(NamedTuple):
    """The report of one step; not carried."""

    num_components: Array  # [] int32, after the step
    num_target_evaluations: Array  # [] int32, spent by this step
    samples: SampleAccount  # counts of the samples that it drew
    num_rejected_updates: Array  # [] int32, components that could not be updated
    num_added: Array  # [] int32
    num_deleted: Array  # [] int32
    smallest_effective_samples: Array  # [] over the components, (sum w)^2 / sum w^2
    largest_divergence: Array  # [] of the component updates, KL(new || old)
    component_stepsize: Array  # [] mean over the components
    weight_stepsize: Array  # []

    @classmethod
    def of(
        cls,
        updated: PaddedMixture,
        components: ComponentRecord,
        weight_stepsize: Array,
        account: SampleAccount,
        update: UpdateInfo,
        adapted: Adapted,
    ) -> Self:
        """Returns the report of a step.

        Args:
            updated: the mixture before components were added and deleted.
            components: its record.
            weight_stepsize: [].
            account: counts of the samples that were drawn.
            update: report of the component update.
            adapted: the mixture after components were added and deleted, and the report of that.
        """
        effective_samples = jnp.where(updated.active, components.effective_samples, jnp.inf)
        total_stepsize = jnp.sum(jnp.where(updated.active, components.stepsizes, 0.0))
        adaptation = adapted.info
        return cls(
            num_components=adapted.mixture.num_components,
            num_target_evaluations=account.num_drawn + adaptation.num_target_evaluations,
            samples=account,
            num_rejected_updates=update.num_rejected,
            num_added=adaptation.num_added,
            num_deleted=adaptation.num_deleted,
            smallest_effective_samples=jnp.min(effective_samples),
            largest_divergence=update.largest_divergence,
            component_stepsize=total_stepsize / updated.num_components,
            weight_stepsize=weight_stepsize,
        )


def empty_info(state: TrainState) -> StepInfo:
    """Returns a report of zeros.

    Args:
        state: any state of the run; only its dtype is used.
    """
    count = jnp.zeros((), jnp.int32)
    number = jnp.zeros((), state.mixture.log_weights.dtype)
    return StepInfo(
        num_components=count,
        num_target_evaluations=count,
        samples=SampleAccount(jnp.zeros(NUM_ACCOUNTS, jnp.int32)),
        num_rejected_updates=count,
        num_added=count,
        num_deleted=count,
        smallest_effective_samples=number,
        largest_divergence=number,
        component_stepsize=number,
        weight_stepsize=number,
    )


def require_state(name: str, value: Any) -> None:
    """Raises TypeError unless ``value`` is the state of a run."""
    if not isinstance(value, TrainState):
        raise TypeError(
            f"{name} must be a TrainState, as result.state or init(...), got {shown(value)}."
        )
