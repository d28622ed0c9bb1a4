"""Public functions with arguments that are valid, and values that hardly any argument may have."""

from . import benchmarks, evaluations, interop, runs
from .call import Call, Reached
from .values import WRONG

CALLS: dict[str, Call] = runs.CALLS | evaluations.CALLS | benchmarks.CALLS | interop.CALLS

__all__ = ["CALLS", "WRONG", "Reached"]
