"""Choice T: the largest step inside a Kullback-Leibler trust region (VIPS)."""

import dataclasses

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_updaters.update_blocks import update_blocks
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.numerics.forms.choice import form_of
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array


def update_one(
    gaussian: Gaussian,
    gradient: NaturalGradient,
    stepsize: Array,
    age: Array,
    temperature: Array,
) -> tuple[Gaussian, Array]:
    """Proposes the step of ONE component.

    Lambda' = Lambda + G / eta,  Lambda' mu' = Lambda mu + (G mu + g) / eta with the smallest
    eta >= beta for which KL(new || old) <= stepsize. In whitened coordinates that is a
    Gaussian of precision I + H / eta and linear term g / eta.

    Args:
        gaussian: the component.
        gradient: its whitened natural gradient.
        stepsize: the bound on the KL.
        age: not needed.
        temperature: beta.

    Returns:
        The proposal and its KL; NaN where there is none.
    """
    del age
    return form_of(gaussian).trust_region_step(gaussian, *gradient, stepsize, temperature)


@register_pytree
@dataclasses.dataclass(frozen=True)
class TrustRegion:
    """Moves each component as far as KL(new || old) <= its stepsize allows.

    Source: Arenz et al., JMLR 2020, Section 4; TMLR 2023, Section 3. The bound is met to
    0.1 %, or the full natural-gradient step (eta = beta) is taken where that is shorter.
    """

    def init(self, mixture: PaddedMixture) -> tuple[()]:
        """Returns what the choice remembers: nothing."""
        del mixture
        return ()

    def __call__(
        self,
        mixture: PaddedMixture,
        components: ComponentRecord,
        memory: tuple[()],
        gradient: NaturalGradient,
        temperature: Array,
    ) -> tuple[PaddedMixture, ComponentRecord, tuple[()], UpdateInfo]:
        """Updates the active components; see ``ComponentUpdater``."""
        mixture, components, info = update_blocks(
            update_one, mixture, components, gradient, temperature
        )
        return mixture, components, memory, info


def build(problem: Problem) -> TrustRegion:
    """Builds choice T."""
    del problem
    return TrustRegion()


CHOICE = Choice("T", TrustRegion, "trust region: KL of the step bounded by the stepsize", build)
