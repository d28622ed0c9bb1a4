"""How far apart floating-point numbers are at the size of a target's values.

A constant in a log density does not matter, unless it is so large that the differences between
points, which are all that matters, are rounded away.
"""

import numpy as np
from numpy.typing import ArrayLike

# Nats between neighbouring numbers: a concern, and a serious one. A value is off by up to half of
# it, with a standard deviation of 0.29 times it: 0.07 and 0.6 nats. In float32 the limits are
# reached by values of 2e6 and 2e7.
ROUNDING_LIMITS = (0.25, 2.0)
# The mixture has nine tenths of what it should have at such a point. Of a fit that is exact,
# rounding alone puts some points above the draws.
_LEAST_EXCESS = 0.1
_SPACINGS = 4.0  # the ratio at the point and the highest one are each a difference of two numbers


def highest_finite(values: ArrayLike) -> float:
    """Returns the highest finite value, or NaN if there is none."""
    array = np.asarray(values, float)
    finite = array[np.isfinite(array)]
    return float(np.max(finite)) if len(finite) else float("nan")


def spacing_at(value: float, dtype: np.typing.DTypeLike) -> float:
    """Returns the distance between floating-point numbers of this size; NaN of NaN."""
    return float(np.spacing(np.abs(np.asarray(value, dtype))))


def least_excess(highest: float, dtype: np.typing.DTypeLike) -> float:
    """Returns the nats above all draws below which a point is no part that a mixture misses.

    Args:
        highest: ratio of the draws.
        dtype: of the ratios.
    """
    return max(_LEAST_EXCESS, _SPACINGS * spacing_at(highest, dtype))


def describe_rounding(value: float, dtype: np.typing.DTypeLike) -> str | None:
    """Returns what large values do, and the cure; None if they are not that large.

    Args:
        value: of the log density, at one of its highest points.
        dtype: of the values.
    """
    if not spacing_at(value, dtype) >= ROUNDING_LIMITS[0]:
        return None
    name = np.dtype(dtype).name
    double = ", or compute in float64 (jax_enable_x64)" if name != "float64" else ""
    return (
        f"about {value:.2g} at the best points, where {name} numbers are "
        f"{spacing_at(value, dtype):.2g} nats apart: differences between points are rounded; "
        f"subtract a constant, such as the value at a good point, before terms are "
        f"added up{double}"
    )
