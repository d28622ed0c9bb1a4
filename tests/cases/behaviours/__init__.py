"""All rows about behaviour."""

from . import (
    double_precision,
    endings,
    interrupts,
    measures,
    targets,
    uses,
)

BEHAVIOURS = (
    *double_precision.ROWS,
    *targets.ROWS,
    *endings.ROWS,
    *interrupts.ROWS,
    *measures.ROWS,
    *uses.ROWS,
)
