"""The form of a Gaussian: the one place that tells them apart."""

from gmmvi_jax.numerics.forms.diagonal import Diagonal
from gmmvi_jax.numerics.forms.full import Full
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.typing import Array, PyTree

FULL, DIAGONAL = Full(), Diagonal()


def form_of_factor(mean: Array, factor: PyTree) -> Form:
    """Returns the form of a factor, or of a stack of them.

    Args:
        mean: [..., D].
        factor: [..., D, D] or [..., D].
    """
    return DIAGONAL if factor.ndim == mean.ndim else FULL


def form_of(gaussian: Gaussian) -> Form:
    """Returns the form of a Gaussian, or of a stack of them."""
    return form_of_factor(gaussian.mean, gaussian.factor)


def is_diagonal(gaussian: Gaussian) -> bool:
    """Returns whether the covariance (of one Gaussian, or of a stack) is diagonal."""
    return form_of(gaussian) == DIAGONAL


def form_named(diagonal: bool) -> Form:
    """Returns the form that a user asks for."""
    return DIAGONAL if diagonal else FULL
