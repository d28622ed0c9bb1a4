"""Choice I: a plain natural-gradient step (iBayes-GMM as first published)."""

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

    Lambda' = Lambda + eps G,  mu' = mu + eps Lambda'^-1 g. In whitened coordinates that is a
    Gaussian of precision I + eps H and linear term eps times the gradient.

    Args:
        gaussian: the component.
        gradient: its whitened natural gradient.
        stepsize: eps.
        age: not needed.
        temperature: not needed: it is in the gradient.

    Returns:
        The proposal and KL(proposal || gaussian); NaN where Lambda' is not positive definite.
    """
    del age, temperature
    return form_of(gaussian).direct_step(gaussian, *gradient, stepsize)


@register_pytree
@dataclasses.dataclass(frozen=True)
class Direct:
    """Moves each component along its natural gradient, by its stepsize.

    Where the new precision is not positive definite the component stays where it is: a smaller
    stepsize would do, or another updater. Source: Lin, Khan, Schmidt, ICML 2019, the update of a
    mixture of Gaussians; Arenz et al., TMLR 2023, Section 3.
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


def build(problem: Problem) -> Direct:
    """Builds choice I."""
    del problem
    return Direct()


CHOICE = Choice(
    "I",
    Direct,
    "direct: natural gradient times the stepsize, rejected where the covariance would not be "
    "positive definite",
    build,
)
