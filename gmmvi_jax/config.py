"""A run's configuration: the algorithm (compiled) and the run (host)."""

import dataclasses
from typing import Any, Self

from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.mixture.initial import PriorInitialization
from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.component_adaptation.protocol import ComponentAdaptation, Remembered
from gmmvi_jax.modules.component_stepsizes.protocol import ComponentStepsize
from gmmvi_jax.modules.component_updaters.protocol import ComponentUpdater
from gmmvi_jax.modules.iterate_averaging.protocol import IterateAveraging
from gmmvi_jax.modules.natural_gradients.protocol import NaturalGradientEstimator
from gmmvi_jax.modules.records import Memories, empty_record
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.modules.sample_selectors.protocol import SampleSelector
from gmmvi_jax.modules.schedule_checks import as_checked_schedule
from gmmvi_jax.modules.weight_stepsizes.protocol import WeightStepsize
from gmmvi_jax.modules.weight_updaters.protocol import WeightUpdater
from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.schedule import Schedule
from gmmvi_jax.requirements import shown

_NUM_CHOICES = 7  # the first fields of an Algorithm


@register_pytree
@dataclasses.dataclass(frozen=True)
class Algorithm:
    """The seven choices, the averaging, the initial mixture, the temperature and the capacity.

    A pytree: its floats are data, so changing a stepsize does not recompile, and ``jax.vmap``
    over it sweeps hyperparameters.

    Attributes:
        natural_gradient: module 1, S or Z.
        component_adaptation: module 2, A or E.
        sample_selector: module 3, M or P.
        component_updater: module 4, T, Y or I.
        component_stepsize: module 5, R, D or F.
        weight_updater: module 6, O or U.
        weight_stepsize: module 7, N, G or X.
        iterate_averaging: makes what a fit returns of the iterates; no part of the codename.
        initial_mixture: makes the initial mixture.
        temperature: beta, a schedule over iterations; 1 is standard variational inference.
        max_components: capacity of the mixture.
        max_chunk_bytes: bound on the bytes that a pass holds at a time, a block of components times
            a chunk of samples; None: the default of the backend, see ``numerics.block_sizes``.
    """

    natural_gradient: NaturalGradientEstimator
    component_adaptation: ComponentAdaptation
    sample_selector: SampleSelector
    component_updater: ComponentUpdater
    component_stepsize: ComponentStepsize
    weight_updater: WeightUpdater
    weight_stepsize: WeightStepsize
    iterate_averaging: IterateAveraging
    initial_mixture: PriorInitialization
    temperature: Schedule
    max_components: int = dataclasses.field(metadata={"static": True})
    max_chunk_bytes: int | None = dataclasses.field(default=None, metadata={"static": True})

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def newborn(self, mixture: PaddedMixture) -> Remembered:
        """Returns what is known and remembered of components that were just born."""
        memories = Memories(
            natural_gradient=self.natural_gradient.init(mixture),
            component_adaptation=self.component_adaptation.init(mixture),
            component_updater=self.component_updater.init(mixture),
            component_stepsize=self.component_stepsize.init(mixture),
            weight_updater=self.weight_updater.init(mixture),
            weight_stepsize=self.weight_stepsize.init(mixture),
            iterate_averaging=self.iterate_averaging.init(mixture),
        )
        return Remembered(empty_record(mixture.capacity, mixture.log_weights.dtype), memories)

    def fitted(self, mixture: PaddedMixture, memories: Memories) -> PaddedMixture:
        """Returns the mixture that a fit returns in place of this iterate."""
        return self.iterate_averaging.average(mixture, memories.iterate_averaging)


@dataclasses.dataclass(frozen=True)
class Run:
    """What only the host needs; changing it does not recompile, except for ``log_every``.

    Attributes:
        num_iterations: steps to take.
        seed: of the run's key, if ``train`` is not given one; from 0 to 2**32 - 1.
        log_every: steps per compiled chunk; the host checks and logs the run after each.
        diagnostic_samples: draws for the ELBO between chunks; 0 turns it off.
    """

    num_iterations: int
    seed: int = 0
    log_every: int = 25
    diagnostic_samples: int = 2000


@dataclasses.dataclass(frozen=True)
class Config:
    """What ``train`` needs besides the target; see ``from_codename`` and ``samtron``.

    Attributes:
        algorithm: the seven choices and their sizes, which are compiled.
        run: seed, length and logging, which only the host needs.
        layout: of the position, if the config was made from an example that is a pytree.
    """

    algorithm: Algorithm
    run: Run
    layout: PositionLayout | None = None

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.algorithm.initial_mixture.dim

    def __repr__(self) -> str:
        """Returns one line; ``config.algorithm`` and ``config.run`` show every setting."""
        parts = dataclasses.fields(self.algorithm)[:_NUM_CHOICES]
        choices = ", ".join(type(getattr(self.algorithm, part.name)).__name__ for part in parts)
        return (
            f"Config(dim={self.dim}, max_components={self.algorithm.max_components}, {choices}, "
            f"{self.run!r})"
        )

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with some fields of the config, its run or its algorithm changed.

        For example ``config.replace(seed=1, num_iterations=100, component_updater=...)``. Settings
        of the choices have the names of ``from_codename``: ``config.replace(desired_samples=200)``.

        Raises:
            TypeError: an unknown name.
            ValueError: a setting has the wrong type.
        """
        parts = {"run": self.run, "algorithm": self.algorithm}
        direct = {name: changes.pop(name) for name in parts if name in changes}
        parts.update(direct)
        for part, value in parts.items():
            names = {field.name for field in dataclasses.fields(value)}
            own = {name: changes.pop(name) for name in list(changes) if name in names}
            if "temperature" in own:
                own["temperature"] = as_checked_schedule("temperature", own["temperature"])
            parts[part] = dataclasses.replace(value, **own)
        algorithm = parts["algorithm"]
        chosen = {
            module.field: module.replace(getattr(algorithm, module.field), changes)
            for module in MODULES
        }
        parts["algorithm"] = dataclasses.replace(algorithm, **chosen)
        if changes:
            name = sorted(changes)[0]
            known = [field.name for part in (Run, Algorithm) for field in dataclasses.fields(part)]
            for module in MODULES:
                choice = module.choice_of(getattr(algorithm, module.field))
                known += [] if choice is None else choice.settings
            raise TypeError(
                f"Config has no field or setting {name!r}{did_you_mean(name, known)} It has the "
                f"fields of Run and Algorithm and the settings of its choices (gmmvi-jax "
                f"variants); dim, prior_mean, prior_scale, initial_covariance, "
                f"num_initial_components and diagonal need a new config."
            )
        return dataclasses.replace(self, algorithm=parts["algorithm"], run=parts["run"])


def require_config(config: Any) -> None:
    """Raises TypeError unless the argument ``config`` is what it is called."""
    if not isinstance(config, Config):
        raise TypeError(
            f"config must be a Config, as samtron(dim), from_codename or published_config make it; "
            f"got {shown(config)}."
        )


def require_algorithm(algorithm: Any) -> None:
    """Raises TypeError unless the argument ``algorithm`` is what it is called."""
    if not isinstance(algorithm, Algorithm):
        raise TypeError(
            f"algorithm must be an Algorithm, as samtron(dim).algorithm, got {shown(algorithm)}."
        )
