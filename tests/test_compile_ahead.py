"""Tests of compiling on another thread: the call finds the program, or its own error."""

import jax
import jax.numpy as jnp
import pytest

from gmmvi_jax.training.compile_ahead import compile_ahead


def test_a_call_finds_what_was_compiled_ahead():
    compilations, ones = [], jnp.ones(7)

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        del duration_secs, kwargs
        compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        function = jax.jit(lambda x: jnp.sum(x) * 3.25)
        compile_ahead(function.lower(ones))()
        backend = "/jax/core/compile/backend_compile_duration"
        assert compilations.count(backend) == 1
        result = function(ones)
        assert compilations.count(backend) == 1
    finally:
        jax.monitoring.clear_event_listeners()
    assert result == 22.75


def test_an_error_is_left_to_the_call():
    class Broken:
        def compile(self):
            raise RuntimeError("no")

    compile_ahead(Broken())()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("shape", [(2,), (3,)])
def test_another_shape_is_another_program(shape: tuple[int, ...]):
    function = jax.jit(lambda x: x - 1.0)
    compile_ahead(function.lower(jnp.ones(4)))()
    assert function(jnp.ones(shape)).shape == shape
