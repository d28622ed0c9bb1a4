"""Tests of a fixed number of components."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.component_adaptation.fixed import Fixed
from gmmvi_jax.modules.component_adaptation.protocol import Remembered

from .adaptation_cases import (
    CAPACITY,
    HOST_HILL,
    D,
    Scenario,
    make_archive,
    memories_of,
    random_candidates,
    three_components,
)

pytestmark = pytest.mark.usefixtures("float64")


def test_a_fixed_number_keeps_what_the_heuristics_would_delete_and_adds_nothing() -> None:
    scenario, iteration = Scenario(), 81  # two would go, and one come
    before, record, _ = scenario.arguments(iteration)
    archive = make_archive(*random_candidates(three_components(), 33))
    after = jax.jit(Fixed.__call__)(
        Fixed(),
        jax.random.key(0),
        HOST_HILL,
        before,
        record,
        memories_of((), jnp.arange(CAPACITY)),
        Remembered(record, memories_of((), jnp.arange(CAPACITY))),
        archive,
        jnp.asarray(1.0),
        jnp.asarray(iteration, jnp.int32),
    )
    assert list(after.info) == [0, 0, 0]
    np.testing.assert_array_equal(after.memories.natural_gradient, np.arange(CAPACITY))
    chex.assert_trees_all_equal((before, record), (after.mixture, after.components))


def test_a_fixed_number_needs_no_histories_and_no_archive() -> None:
    assert Fixed().archive_capacity(1000) == 0
    assert not Fixed().keeps_history()
    config = gmmvi.from_codename("SEMTFOX", D, num_initial_components=4)
    state = jax.eval_shape(gmmvi.init, config.algorithm, jax.random.key(0))
    assert state.memories.component_adaptation == ()
    assert state.database.archive.points.shape == (0, D)
    assert state.mixture.max_components == 4
