"""How many examples a property is tried on; the numbers of a density."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from .menagerie import NUM_NUMBERS

EXAMPLES = int(os.environ.get("GMMVI_ZOO_EXAMPLES", "1"))  # of each density and estimator

# Hypothesis begins with zeros alone, which would be all that a short profile ever tries.
numbers = st.lists(
    st.floats(0.0, 1.0, width=32), min_size=NUM_NUMBERS, max_size=NUM_NUMBERS
).filter(any)
scales = st.sampled_from([1.0, 0.1, 10.0])


def profile(max_examples: int) -> settings:
    """Returns settings that give the same examples every time, and write no files."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
