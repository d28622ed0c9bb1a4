"""Runs near the limits of floating-point numbers, and how they end."""

from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
    """A density, and how a run on it ends.

    Attributes:
        name: of the density.
        numbers: that shape it; zeros follow.
        said: what a warning or the reason of the end must say; nothing if it is empty.
        concern: what the diagnosis must say, seriously.
        log_z: of the density, which a run without words finds.
        prior_scale: of the run.
    """

    name: str
    numbers: tuple[float, ...]
    said: str = ""
    concern: str = ""
    log_z: float | None = None
    prior_scale: tuple[float, float] = (1.0, 1.0)


LOG_TAU = float(np.log(2.0 * np.pi))
ROUNDED = (
    r"the log density is about -?[\d.e+]+ at the best points, where float32 numbers are .* apart"
)
IMPROPER = "improper or unbounded along"
ROWS = {
    "width 0.1": Row("linear_dependence", (1.0, 0.5), log_z=LOG_TAU + np.log(0.1)),
    "width 1e-8": Row("linear_dependence", (0.0, 0.5), concern="ELBO is .* below the estimate"),
    "no width": Row("sum_alone", (0.5,), said=IMPROPER, concern=IMPROPER),
    "+1e30": Row("large_constant", (1.0, 1.0), said=ROUNDED, concern="rounded"),
    "-1e30": Row("large_constant", (1.0, 0.0), said=ROUNDED, concern="rounded"),
    "-3e7": Row("large_constant", (0.25, 0.0), said=ROUNDED, concern="rounded"),
    "1e5": Row("large_constant", (1.0 / 6.0, 1.0), log_z=1e5 + LOG_TAU),
    "infinite variance": Row("heavy_tails", (0.4, 0.5, 0.5)),
    "no mean": Row("heavy_tails", (0.0, 0.5, 0.5)),
    "1e12": Row("twelve_decades", (1.0,), log_z=LOG_TAU, prior_scale=(1e-6, 1e6)),
    "condition 1e8": Row("ill_conditioned", (1.0, 0.11)),
    "overflow": Row("exponential_of_a_sum", (1.0,), said=IMPROPER),
    "standard deviation 1e-15": Row("huge_curvature", (1.0,), said=ROUNDED, concern="rounded"),
}

UNIT = np.eye(2)
# Weights, means and covariances of starts from which a standard normal is to be found.
STARTS = {
    "two identical": ((1.0, 1.0), ((0.3, 0.0), (0.3, 0.0)), (UNIT, UNIT)),
    "a weight of 0": ((1.0, 0.0), ((0.3, 0.0), (2.0, 0.0)), (UNIT, UNIT)),
    "no importance weight": ((1.0, 1.0), ((0.0, 0.0), (1e18, 0.0)), (UNIT, UNIT)),
    "collapsed": ((1.0, 1.0), ((0.0, 0.0), (1.0, 0.0)), (UNIT, 1e-30 * UNIT)),
    "exploded": ((1.0, 1.0), ((0.0, 0.0), (1.0, 0.0)), (UNIT, 1e30 * UNIT)),
    "one effective sample": ((1.0, 1.0), ((8.0, 8.0), (8.0, 8.0)), (1e-4 * UNIT, 1e-4 * UNIT)),
}
