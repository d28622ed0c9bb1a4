"""The choices and settings that are changed, one at a time, and to what."""

from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """A target, and where its runs start and end.

    Attributes:
        target: its name.
        prior_scale: of the first component, around zero; one per dimension or one for all.
        budget: evaluations after which a run ends.
    """

    target: str
    prior_scale: Any
    budget: int


PROBLEMS = (
    Problem("breast_cancer", 10.0, 150_000),
    Problem("planar_robot_4", np.array([1.0] + [0.2] * 9), 200_000),
    Problem("gmm20", 50.0, 200_000),
)

# Codenames that differ from SAMTRON's in one letter.
CODENAMES = (
    "ZAMTRON",
    "SEMTRON",
    "SAPTRON",
    "SAMIRON",
    "SAMYRON",
    "SAMTFON",
    "SAMTDON",
    "SAMTRUN",
    "SAMTROX",
    "SAMTROG",
)

# Setting -> the values that it takes in turn. A number in a tuple is a factor of the default.
CHANGES: dict[str, tuple[Any, ...]] = {
    "desired_samples": ((0.4,), (2.5,)),
    "reuse_ratio": (2.0,),
    "add_iters": (10, 100),
    "num_initial_components": (10, 40),
    "prior_scale": ((0.1,), (0.3,), (3.0,)),
    "initial_component_stepsize": (0.01,),
    "max_component_stepsize": (0.1, 10.0),
    "max_weight_stepsize": (0.4,),
    "average_iterates": (False,),
    "self_normalized_gradients": (False,),
    "diagonal": (True,),
}


def label(setting: str, value: Any) -> str:
    """Returns how a change is written in tables: ``add_iters=10``, ``prior_scale x 0.3``."""
    return f"{setting} x {value[0]:g}" if isinstance(value, tuple) else f"{setting}={value}"


def applied(defaults: dict[str, Any], setting: str, value: Any) -> dict[str, Any]:
    """Returns ``defaults`` with one setting changed."""
    if isinstance(value, tuple):
        default = defaults[setting]
        value = default * value[0]
        if isinstance(default, int):
            value = round(value)
    return defaults | {setting: value}
