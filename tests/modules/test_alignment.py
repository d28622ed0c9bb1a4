"""Whatever is added, deleted, saved and made larger: every record stays with its component."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gmmvi_jax as gmmvi
from gmmvi_jax.modules.component_adaptation.appending import append_component
from gmmvi_jax.modules.component_adaptation.compaction import keep_components
from gmmvi_jax.modules.component_adaptation.protocol import Remembered
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.larger_state import with_capacity
from tests.zoo.profiles import profile

SMALL, LARGE = 5, 9


def config_of(capacity: int) -> gmmvi.Config:
    return gmmvi.samtron(2, max_components=capacity, max_database_size=50, desired_samples=4)


keep_jitted, append_jitted = jax.jit(keep_components), jax.jit(append_component)


class Marked:
    """A run in which all that is known of a component, but its weight, is the component's mark."""

    def __init__(self) -> None:
        self.config = config_of(SMALL)
        self.state: TrainState = jax.jit(gmmvi.init)(self.config.algorithm, 0)
        self.newborn = self._remembered()  # rows that nothing has touched
        self.marks: list[int] = []
        self.next_mark = 2
        self._mark(0)

    def _remembered(self) -> Remembered:
        return Remembered(self.state.components, self.state.memories)

    def _per_component(self) -> Any:
        return self.state.mixture.gaussians, self._remembered()

    def _mark(self, slot: int) -> None:
        """Writes a mark into every row of a slot."""
        mark, self.next_mark = self.next_mark, self.next_mark + 1

        def write(leaf: jax.Array) -> jax.Array:
            rows = np.array(leaf)
            if rows.ndim:
                rows[slot] = mark % 2 if rows.dtype == bool else mark
            return jnp.asarray(rows)

        gaussians, remembered = jax.tree.map(write, self._per_component())
        mixture = self.state.mixture.__class__(
            **{**vars(self.state.mixture), "gaussians": gaussians}
        )
        self._put(mixture, remembered)
        self.marks.append(mark)

    def _put(self, mixture: Any, remembered: Remembered) -> None:
        components, memories = remembered
        self.state = self.state._replace(mixture=mixture, components=components, memories=memories)

    def add(self) -> None:
        if len(self.marks) == len(self.state.mixture.log_weights):
            return
        slot = len(self.marks)
        newborn = self.newborn
        mean, variance = jnp.zeros(2), jnp.ones(2)
        self._put(
            *append_jitted(
                self.state.mixture, self._remembered(), newborn, mean, variance, jnp.array(True)
            )
        )
        self._mark(slot)

    def delete(self, bits: int) -> None:
        """Deletes the components whose bit is set, but never all."""
        kept = [slot for slot in range(len(self.marks)) if not bits >> slot & 1] or [0]
        keep = np.isin(np.arange(len(self.state.mixture.log_weights)), kept)
        self._put(*keep_jitted(self.state.mixture, self._remembered(), keep))
        self.marks = [self.marks[slot] for slot in kept]

    def save_and_load(self, path: Path) -> None:
        gmmvi.save_state(path, self.state)
        self.state = gmmvi.load_state(path, self.config)

    def grow(self) -> None:
        larger = config_of(LARGE)
        self.state = with_capacity(self.state, self.config, larger)
        self.newborn = jax.tree.map(
            lambda row, like: np.resize(row, like.shape), self.newborn, self._remembered()
        )
        self.config = larger

    def check(self) -> None:
        count = len(self.marks)
        assert int(self.state.mixture.num_components) == count
        for path, leaf in jax.tree_util.tree_leaves_with_path(self._per_component()):
            rows = np.asarray(leaf)
            if rows.ndim:
                own = rows[:count].reshape(count, -1)
                marks = np.array(self.marks) % 2 if rows.dtype == bool else np.array(self.marks)
                expected = np.broadcast_to(marks[:, None], own.shape)
                np.testing.assert_array_equal(own, expected, jax.tree_util.keystr(path))
        weights = np.exp(np.asarray(self.state.mixture.log_weights))
        assert weights[:count].sum() == pytest.approx(1.0, abs=1e-5)
        assert not weights[count:].any()


def follow(operations: list[int | str], directory: Path) -> None:
    run = Marked()
    for operation in operations:
        if isinstance(operation, int):
            run.delete(operation)
        elif operation == "save":
            run.save_and_load(directory / "state")
        else:
            getattr(run, operation)()
        run.check()


def test_a_sequence_that_fills_empties_and_saves_keeps_records_together(tmp_path: Path) -> None:
    follow(["add", "add", "add", "add", 0b01010, "save", "add", "add", 0b00101, "add"], tmp_path)


@pytest.mark.slow
def test_records_stay_together_whatever_the_sequence(tmp_path: Path) -> None:
    deletions = st.integers(0, 2**LARGE - 1)

    @profile(100)
    @given(st.lists(st.one_of(st.sampled_from(["add", "add", "save", "grow"]), deletions)))
    def property_of(operations: list[int | str]) -> None:
        follow(operations, tmp_path)

    property_of()
