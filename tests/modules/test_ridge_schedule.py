"""Tests of the ridge factors of MORE's regressions."""

import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.modules.natural_gradients.ridge_schedule import next_ridge_factors
from gmmvi_jax.modules.records import ComponentRecord

from ..oracles import make_record


def record_of(ages: list[int], was_rejected: list[bool]) -> ComponentRecord:
    return make_record(len(ages), ages=ages, was_rejected=was_rejected)


@pytest.mark.usefixtures("float64")
def test_ridge_factors_rise_after_a_rejection_and_fall_back_to_where_they_began() -> None:
    initial = jnp.asarray(1e-12)
    factor, history = 7.0, []  # what a dead component left in its slot
    updates = [(0, True), (1, True), (2, True), (3, False), (4, False), (5, False), (6, False)]
    updates += [(age, True) for age in range(7, 15)]
    for age, was_rejected in updates:
        record = record_of([age], [was_rejected])
        factor = float(next_ridge_factors(record, jnp.asarray([factor]), initial)[0])
        history.append(factor)
    expected = [1e-12, 1e-11, 1e-10, 5e-11, 2.5e-11, 1.25e-11, 6.25e-12]
    expected += [6.25e-11, 6.25e-10, 6.25e-9, 6.25e-8, 6.25e-7, 1e-6, 1e-6, 1e-6]
    np.testing.assert_allclose(history, expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_a_ridge_factor_above_the_limit_is_kept_after_a_rejection() -> None:
    record = record_of([3, 3, 0], [True, False, False])
    last = jnp.asarray([1e-3, 1.5e-3, 0.0])
    found = next_ridge_factors(record, last, jnp.asarray(1e-3))
    np.testing.assert_allclose(found, [1e-3, 1e-3, 1e-3], rtol=1e-12)
