"""One line of the table: what was compared, how far apart it is, how far it may be."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

# Sums of hundreds of float32 terms, small inverses and Cholesky factors on either side.
FLOAT32 = 1e-5


class Comparison(NamedTuple):
    """One quantity from both implementations.

    Attributes:
        choice: of which module, e.g. ``"stein"``.
        variant: its settings.
        quantity: what is compared.
        difference: the largest absolute difference, relative to the largest absolute value
            expected, or to 1 if that is smaller.
        tolerance: the largest difference allowed.
        why: the reason for a tolerance other than ``FLOAT32``, or for a detour.
    """

    choice: str
    variant: str
    quantity: str
    difference: float
    tolerance: float
    why: str

    @property
    def agrees(self) -> bool:
        """Whether the difference is a number within the tolerance."""
        return bool(self.difference <= self.tolerance)

    def __str__(self) -> str:
        """Returns the line."""
        verdict = "" if self.agrees else "  DIFFERS"
        return (
            f"{self.choice:<23}{self.variant:<36}{self.quantity:<24}"
            f"{self.difference:9.1e} <= {self.tolerance:7.1e}  {self.why}{verdict}".rstrip()
        )


def compare(
    choice: str,
    variant: str,
    quantity: str,
    found: ArrayLike,
    expected: ArrayLike,
    tolerance: float = FLOAT32,
    why: str = "",
) -> Comparison:
    """Returns the comparison of two arrays of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    ours, theirs = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"{choice} {variant} {quantity}: ours has the shape {ours.shape}, the reference's "
            f"array {theirs.shape}."
        )
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    largest = float(np.max(np.abs(ours - theirs), initial=0.0))
    return Comparison(choice, variant, quantity, largest / scale, tolerance, why)
