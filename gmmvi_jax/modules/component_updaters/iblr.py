"""Choice Y: the improved Bayesian learning rule (iBLR), positive definite by construction."""

import dataclasses
import math

import jax.numpy as jnp

from gmmvi_jax.mixture.padded import PaddedMixture
from gmmvi_jax.modules.choice import Choice, Problem
from gmmvi_jax.modules.component_updaters.update_blocks import update_blocks
from gmmvi_jax.modules.records import ComponentRecord, NaturalGradient, UpdateInfo
from gmmvi_jax.numerics.forms.array_steps import move
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.numerics.roots import divergence_from_standard, inverse_root, unit_like
from gmmvi_jax.typing import Array


def root_of_improved_precision(change: Array) -> Array:
    """Returns the root R of P = I + E + E^2 / 2 = R R^T, upper triangular as E is.

    P = (I + (I + E)^2) / 2 is M^T M for M = [I; I + E] / sqrt(2). R comes from a QR decomposition
    of M, not from P: the condition of P is the square of that of M, and in float32 its Cholesky
    decomposition fails where one direction is some thousand times stiffer than another. It
    costs less than half of the eigendecomposition that a trust region needs.

    Args:
        change: E, [D, D] symmetric, or [D] for a diagonal one.
    """
    if change.ndim == 1:
        return jnp.hypot(1.0, 1.0 + change) * math.sqrt(0.5)
    unit = unit_like(change)
    # Columns in reverse order: QR gives a lower triangular R of P so, and we need the upper one.
    stacked = jnp.flip(jnp.concatenate([unit, unit + change]), axis=1)
    root = jnp.linalg.qr(stacked, mode="r") * math.sqrt(0.5)
    signs = jnp.where(jnp.diagonal(root) < 0.0, -1.0, 1.0).astype(root.dtype)
    return jnp.flip((root * signs[:, None]).T, (0, 1))


def update_one(
    gaussian: Gaussian,
    gradient: NaturalGradient,
    stepsize: Array,
    age: Array,
    temperature: Array,
) -> tuple[Gaussian, Array]:
    """Proposes the step of ONE component.

    Lambda' = Lambda + eps G + eps^2 / 2 G Sigma G,  mu' = mu + eps Sigma g with the OLD
    covariance; no mean step at the first update. In whitened coordinates the new precision is
    I + E + E^2 / 2 with E = eps H, and the mean moves by eps times the gradient.

    Args:
        gaussian: the component.
        gradient: its whitened natural gradient.
        stepsize: eps.
        age: updates since birth.
        temperature: not needed: it is in the gradient.

    Returns:
        The proposal and KL(proposal || gaussian).
    """
    del temperature
    factor = inverse_root(root_of_improved_precision(stepsize * gradient.hessian))
    shift = jnp.where(age > 0, stepsize * gradient.gradient, jnp.zeros_like(gradient.gradient))
    return move(gaussian, factor, shift), divergence_from_standard(factor, shift)


@register_pytree
@dataclasses.dataclass(frozen=True)
class IBLR:
    """Moves each component by the improved Bayesian learning rule.

    The second-order term keeps the new precision positive definite whatever the stepsize, so that
    no step is rejected. Source: Lin, Schmidt, Khan, "Handling the positive-definite constraint
    in the Bayesian learning rule", ICML 2020, the rule for mixtures of Gaussians; Arenz et al.,
    TMLR 2023, Section 3.
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


def build(problem: Problem) -> IBLR:
    """Builds choice Y."""
    del problem
    return IBLR()


CHOICE = Choice(
    "Y",
    IBLR,
    "iBLR: natural gradient times the stepsize, with a second-order term that keeps the "
    "covariance positive definite",
    build,
)
