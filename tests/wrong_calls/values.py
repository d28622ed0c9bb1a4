"""Values that hardly any argument may have."""

from typing import Any

import numpy as np

# Wrong for almost every argument; a function may still have a use for one of them.
WRONG: dict[str, Any] = {
    "None": None,
    "text": "text",
    "object": object(),
    "dict": {"a": 1.0},
    "NaN": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "1e30": 1e30,
    "-1e30": -1e30,
    "2**40": 2**40,
    "scalar": np.float32(0.5),
    "empty": np.zeros((0, 2)),
    "no dimensions": np.zeros((2, 0)),
    "one dimension too many": np.zeros((2, 2, 2, 2)),
    "another length": np.ones((7, 5)),
    "strings": np.array(["a", "b"]),
    "complex": np.ones((2, 2), complex),
    "bools": np.array([True, False]),
    "objects": np.array([None, {}]),
    "ragged": [[1.0], [1.0, 2.0]],
}
