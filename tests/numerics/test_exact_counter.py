"""Tests of the counter against Python's integers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.exact_counter import count_up, zero_counter

count = jax.jit(count_up)
LARGEST_AMOUNT = (1 << 30) - 1


def test_a_new_counter_is_at_zero() -> None:
    assert int(zero_counter()) == 0


@pytest.mark.parametrize(
    "amounts",
    [
        np.full(9, LARGEST_AMOUNT),  # passes 2^31, where int32 overflows, and 2^33
        np.concatenate([[LARGEST_AMOUNT, LARGEST_AMOUNT], np.ones(9, int)]),  # past float32
        np.random.default_rng(0).integers(0, LARGEST_AMOUNT, size=50),
        np.array([LARGEST_AMOUNT, 1, 0, LARGEST_AMOUNT, 0, 2]),  # carries exactly at 2^30
    ],
    ids=["largest", "single", "random", "carry"],
)
def test_sums_are_exact_beyond_int32(amounts: np.ndarray) -> None:
    counter, total = zero_counter(), 0
    for amount in amounts:
        counter = count(counter, jnp.asarray(amount, jnp.int32))
        total += int(amount)
        assert int(counter) == total
        assert 0 <= int(counter.low) < 1 << 30


def test_a_counter_keeps_its_dtypes_when_it_is_carried() -> None:
    counter = count(zero_counter(), jnp.asarray(5, jnp.int32))
    assert counter.high.dtype == counter.low.dtype == jnp.int32
    assert not counter.high.weak_type
    assert not counter.low.weak_type
