"""Constants of a domain, which must be hashable."""

from typing import Any

import numpy as np


def as_tuples(value: np.ndarray) -> Any:
    """Returns an array as nested tuples, a number as itself."""

    def convert(entry: Any) -> Any:
        return tuple(map(convert, entry)) if isinstance(entry, list) else entry

    return convert(value.tolist())
