"""The form of a Gaussian: the one place that tells them apart."""

from gmmvi_jax.numerics.forms.diagonal import Diagonal
from gmmvi_jax.numerics.forms.full import Full
from gmmvi_jax.numerics.forms.low_rank import LowRank, low_rank_of
from gmmvi_jax.numerics.forms.low_rank_factor import LowRankFactor
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.forms.record import Gaussian
from gmmvi_jax.typing import Array, PyTree

FULL, DIAGONAL = Full(), Diagonal()


def form_of_factor(mean: Array, factor: PyTree) -> Form:
    """Returns the form of a factor, or of a stack of them.

    Args:
        mean: [..., D].
        factor: [..., D, D], [..., D], or a ``LowRankFactor``; of a public mixture its basis has no
            directions to look at.
    """
    if isinstance(factor, LowRankFactor):
        num_probes = factor.basis.shape[-1] - factor.rank
        if num_probes:
            return LowRank(factor.rank, num_probes)
        return low_rank_of(factor.rank, mean.shape[-1])
    return DIAGONAL if factor.ndim == mean.ndim else FULL


def form_of(gaussian: Gaussian) -> Form:
    """Returns the form of a Gaussian, or of a stack of them."""
    return form_of_factor(gaussian.mean, gaussian.factor)


def is_diagonal(gaussian: Gaussian) -> bool:
    """Returns whether the covariance (of one Gaussian, or of a stack) is diagonal."""
    return form_of(gaussian) == DIAGONAL


def form_named(diagonal: bool, rank: int | None = None, dim: int = 0) -> Form:
    """Returns the form that a user asks for.

    Args:
        diagonal: whether covariances are diagonal.
        rank: of low-rank ones; None: there are none.
        dim: D, where there is a rank.
    """
    if rank is not None:
        return low_rank_of(rank, dim)
    return DIAGONAL if diagonal else FULL
