"""Sums of exponentials: normalising keeps its sum wherever the terms are."""

import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.numerics.log_sum import log_sum_exp, normalised

TERMS = np.array([0.3, -2.0, 1.5, -np.inf, -40.0])


def test_the_logarithm_of_a_sum(float64):
    expected = np.log(np.sum(np.exp(TERMS)))
    np.testing.assert_allclose(log_sum_exp(jnp.asarray(TERMS)), expected)


def test_normalising_is_the_textbook_formula(float64):
    expected = TERMS - np.log(np.sum(np.exp(TERMS)))
    np.testing.assert_allclose(normalised(jnp.asarray(TERMS)), expected, rtol=1e-14)


@pytest.mark.parametrize("offset", [-1e30, -1e22, 0.0, 1e6, 1e30])
def test_equal_terms_of_any_size_share_the_sum(offset):
    terms = jnp.asarray([offset, offset, offset, -jnp.inf], jnp.float32)
    np.testing.assert_allclose(jnp.exp(normalised(terms)), [1 / 3, 1 / 3, 1 / 3, 0.0], rtol=1e-6)
