"""A choice of the user's own, with a memory of its own."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi

README = Path(gmmvi.__file__).parent / "modules" / "README.md"


def two_modes(x):
    return jnp.logaddexp(-0.5 * jnp.sum((x - 3.0) ** 2), -0.5 * jnp.sum((x + 3.0) ** 2))


def test_the_readmes_own_choice_trains_while_components_come_and_go():
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "user_module"}
    exec(compile(code, "README.md", "exec"), names)
    result = gmmvi.train(names["config"], two_modes)
    assert result.status == "completed"
    assert result.history["num_added"].sum() > 3
    assert result.history["elbo"][-1] == pytest.approx(np.log(4.0 * np.pi), abs=0.1)
    momentum = result.state.memories.component_stepsize
    assert momentum.shape == (result.state.mixture.capacity,)
    assert np.all(np.abs(momentum) <= 1.0)


@gmmvi.register_pytree
@dataclasses.dataclass(frozen=True)
class Counting:
    """A rule that counts, per component and in all, how often it was called."""

    stepsize: float

    def init(self, mixture):
        of_components = jnp.zeros((mixture.capacity, 2), jnp.int32)
        return {"of_components": of_components, "in_all": jnp.zeros((), jnp.int32)}

    def __call__(self, mixture, components, memory):
        stepsizes = jnp.full_like(components.stepsizes, self.stepsize)
        memory = jax.tree.map(lambda count: count + 1, memory)
        return components._replace(stepsizes=stepsizes), memory


@gmmvi.register_pytree
@dataclasses.dataclass(frozen=True)
class Forgetful(Counting):
    """A rule whose memory changes its dtype."""

    def __call__(self, mixture, components, memory):
        components, memory = super().__call__(mixture, components, memory)
        return components, memory | {"of_components": memory["of_components"] + 0.5}


class Unregistered(Counting):
    """A rule that is no pytree."""


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (0.1, "component_stepsize is 0.1, which lacks a __call__ and an init"),
        (Counting, "lacks a __call__"),
        (Unregistered(0.1), "lacks gmmvi_jax.register_pytree on its class"),
    ],
)
def test_an_object_that_is_no_choice_is_refused(choice, message):
    with pytest.raises(TypeError, match=message):
        gmmvi.train(gmmvi.samtron(2).replace(component_stepsize=choice), two_modes)


def test_a_memory_that_changes_its_dtype_is_named_with_its_choice():
    config = gmmvi.samtron(2, num_iterations=10).replace(component_stepsize=Forgetful(0.05))
    with pytest.raises(TypeError, match=r"memory of Forgetful .*of_components"):
        gmmvi.train(config, two_modes)


@pytest.mark.slow
def test_what_is_remembered_of_a_component_moves_with_it():
    config = gmmvi.samtron(2, prior_scale=3.0, add_iters=2, del_iters=6, max_components=6)
    algorithm = config.replace(component_stepsize=Counting(0.05)).algorithm
    state = jax.jit(gmmvi.init)(algorithm, jax.random.key(0))
    one_step = jax.jit(gmmvi.step, static_argnums=1)
    deleted, youngest = 0, []
    for _ in range(40):
        state, info = one_step(algorithm, two_modes, state)
        deleted += int(info.num_deleted)
        count = int(info.num_components)
        memory = state.memories.component_stepsize
        ages = np.asarray(state.components.ages)[:count]
        np.testing.assert_array_equal(
            memory["of_components"][:count], np.stack([ages, ages], axis=1)
        )
        youngest.append(ages.min())
    assert state.memories.component_stepsize["in_all"] == 40
    assert deleted > 0
    assert youngest.count(0) > 5


@gmmvi.register_pytree
@dataclasses.dataclass(frozen=True)
class Misshapen:
    """A rule whose memory has a row for each dimension."""

    stepsize: float

    def init(self, mixture):
        return jnp.zeros(mixture.dim + 1)

    def __call__(self, mixture, components, memory):
        return components, memory


def test_an_array_without_a_row_for_each_component_is_refused():
    config = gmmvi.samtron(2, max_components=8).replace(component_stepsize=Misshapen(0.1))
    with pytest.raises(ValueError, match=r"component_stepsize .* \(3,\)"):
        gmmvi.init(config.algorithm, 0)
