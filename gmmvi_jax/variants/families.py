"""Families of components: Gaussian, and Student-t with their degrees of freedom."""

import math
from typing import Any

from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.requirements import is_traced

FAMILIES = ("gaussian", "student_t")
DEFAULT_DEGREES = 5.0


def degrees_of_family(components: Any, degrees: Any) -> Any:
    """Returns the degrees of freedom of the components, None for Gaussians.

    Args:
        components: ``"gaussian"`` or ``"student_t"``.
        degrees: as the user gave them; None: the default.

    Raises:
        ValueError: there is no such family, or degrees that are not positive, or of Gaussians.
        TypeError: the degrees are no number.
    """
    if components not in FAMILIES:
        raise ValueError(
            f"components must be one of {', '.join(map(repr, FAMILIES))}, got "
            f"{components!r}{did_you_mean(components, FAMILIES)}"
        )
    if components == "gaussian":
        if degrees is not None:
            raise ValueError(
                f"degrees={degrees!r} is for components='student_t'; Gaussians have none."
            )
        return None
    if degrees is None:
        return DEFAULT_DEGREES
    if is_traced(degrees):
        return degrees
    if not isinstance(degrees, int | float) or isinstance(degrees, bool):
        raise TypeError(f"degrees must be a number, got {degrees!r}.")
    if math.isnan(degrees) or not degrees > 0.0:
        raise ValueError(
            f"degrees must be positive, got {degrees!r}; 1 is a Cauchy distribution, inf a "
            f"Gaussian."
        )
    return float(degrees)
