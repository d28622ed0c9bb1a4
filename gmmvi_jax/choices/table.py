"""The table of choices: one letter, one module, one builder each."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from gmmvi_jax.choices import components, samples, weights


@dataclasses.dataclass(frozen=True)
class Choice:
    """One choice of one module.

    Attributes:
        letter: in the codename.
        field: of ``Algorithm`` that it fills.
        summary: a line of help.
        build: makes it from a ``Problem`` and settings.
    """

    letter: str
    field: str
    summary: str
    build: Callable[..., Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The names of its settings and their defaults."""
        return {p.name: p.default for p in self._parameters}

    @property
    def types(self) -> dict[str, Any]:
        """The names of its settings and what their values must be."""
        return {p.name: p.annotation for p in self._parameters}

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        parameters = inspect.signature(self.build).parameters.values()
        return [p for p in parameters if p.kind is p.KEYWORD_ONLY]


CHOICES = (
    Choice(
        "S", "natural_gradient", "Stein: first order, from the target's gradients", samples.stein
    ),
    Choice(
        "Z", "natural_gradient", "MORE: zero order, a quadratic fitted to the rewards", samples.more
    ),
    Choice(
        "A",
        "component_adaptation",
        "adaptive: added where the mixture misses mass, deleted where light and stagnating",
        samples.adaptive,
    ),
    Choice("E", "component_adaptation", "fixed: as many as at the start", samples.fixed_number),
    Choice(
        "M",
        "sample_selector",
        "component-based: as many from every component, whatever its weight",
        samples.component_based,
    ),
    Choice(
        "P",
        "sample_selector",
        "mixture-based: from the mixture as a whole, by weight",
        samples.mixture_based,
    ),
    Choice(
        "T",
        "component_updater",
        "trust region: KL of the step bounded by the stepsize",
        components.trust_region,
    ),
    Choice(
        "Y",
        "component_updater",
        "iBLR: natural gradient times the stepsize, with a second-order term that keeps the "
        "covariance positive definite",
        components.iblr,
    ),
    Choice(
        "I",
        "component_updater",
        "direct: natural gradient times the stepsize, rejected where the covariance would not be "
        "positive definite",
        components.direct,
    ),
    Choice(
        "R",
        "component_stepsize",
        "improvement-based: larger after an improvement, else smaller",
        components.improvement_based_stepsize,
    ),
    Choice(
        "D",
        "component_stepsize",
        "decaying with a component's age t: initial / (1 + t^exponent)",
        components.decaying_stepsize,
    ),
    Choice("F", "component_stepsize", "fixed: the same always", components.fixed_stepsize),
    Choice(
        "O",
        "weight_updater",
        "trust region: KL of the weights bounded by the stepsize",
        weights.trust_region,
    ),
    Choice("U", "weight_updater", "direct: natural gradient times the stepsize", weights.direct),
    Choice(
        "N",
        "weight_stepsize",
        "improvement-based: larger after an improvement, else smaller",
        weights.improvement_based_stepsize,
    ),
    Choice(
        "G",
        "weight_stepsize",
        "decaying over the iterations t: initial / (1 + t^exponent)",
        weights.decaying_stepsize,
    ),
    Choice("X", "weight_stepsize", "fixed: the same always", weights.fixed_stepsize),
)
