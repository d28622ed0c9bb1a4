"""What components are asked for: Gaussian or Student-t, and the form of their covariances."""

import math
from typing import Any

from gmmvi_jax.near_names import did_you_mean
from gmmvi_jax.requirements import is_traced, require_bool, require_int

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


def averages_iterates(diagonal: Any, rank: Any, average_iterates: Any, dim: int) -> bool:
    """Checks what covariances are asked for; returns whether their iterates are averaged.

    Args:
        diagonal: whether covariances are diagonal.
        rank: of those of low rank plus diagonal; None: there are none.
        average_iterates: as the user said; None: where an average is of the same form.
        dim: D.

    Raises:
        ValueError: a value of another type, or a rank that is none in ``dim`` dimensions.
    """
    require_bool("diagonal", diagonal)
    if rank is not None:
        require_int("rank", rank, 1)
        if rank >= dim:
            raise ValueError(
                f"rank must be less than the number of dimensions, {dim}, got {rank}; leave it out "
                f"for full covariances."
            )
    if average_iterates is None:
        return rank is None
    require_bool("average_iterates", average_iterates)
    return average_iterates
