"""Tables of a run in words: numbers agree with their nouns, and what weighs nothing has no row."""

import numpy as np
import pytest

from gmmvi_jax.plural import plural
from gmmvi_jax.training.summary import component_table


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 climb"), (0, "0 climbs"), (np.int32(1_200), "1,200 climbs")]
)
def test_a_noun_agrees_with_its_number(count, words):
    assert plural(count, "climb") == words


@pytest.mark.parametrize(
    ("weights", "rows", "last"),
    [
        ([0.2, 0.8], 2, "  0.2000"),
        ([0.6, 0.0, 0.4], 2, "  0.0000 in 1 more component"),
        ([0.6, 1e-5, 0.4, 2e-5], 2, "  0.0000 in 2 more components"),
        ([0.5, 0.3, 0.1, 0.1], 3, "  0.1000 in 1 more component"),
    ],
)
def test_components_without_weight_have_no_row(weights, rows, last):
    count = len(weights)
    names = ("age", "effective_samples", "divergence", "stepsize", "num_rejected")
    columns = {"weight": np.array(weights), **{name: np.ones(count, int) for name in names}}
    lines = component_table(columns, 3).splitlines()
    assert len([line for line in lines[2:] if " in " not in line]) == rows
    assert lines[-1].strip().startswith(last.strip())
    assert lines[-1].endswith(last.split("in ")[-1]) or rows == count
