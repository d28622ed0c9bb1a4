"""Chains of BlackJAX's NUTS that count the integrator's steps: a warm-up, then chunks of draws."""

import dataclasses
from collections.abc import Callable
from typing import Any

# The package is there only where the comparison is run.
# pyright: reportMissingImports=false
import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class NutsChains:
    """Several chains at once, each with step length and diagonal mass matrix of its own.

    Attributes:
        log_density: of one point [D].
        num_warmup: steps of the adaptation by windows, for an acceptance of 0.8.
        num_draws: of a chain in a chunk.
    """

    log_density: Callable[[Any], Any]
    num_warmup: int
    num_draws: int

    def warm_up(self, keys: Any, starts: Any) -> tuple[Any, Any, int]:
        """Returns states, parameters and evaluations; a key and a start [D] for each chain."""
        import blackjax
        from blackjax.adaptation.base import get_filter_adapt_info_fn

        def of_one(key: Any, start: Any) -> tuple[Any, Any, Any]:
            count = get_filter_adapt_info_fn(info_keys={"num_integration_steps"})
            adaptation = blackjax.window_adaptation(
                blackjax.nuts, self.log_density, adaptation_info_fn=count
            )
            run: Any = adaptation.run  # its declared type lacks the number of steps
            (state, parameters), info = run(key, start, self.num_warmup)
            return state, parameters, jnp.sum(info.info.num_integration_steps)

        states, parameters, steps = jax.jit(jax.vmap(of_one))(keys, starts)
        return states, parameters, int(jnp.sum(steps))

    def compiled_draws(self) -> Callable[[Any, Any, Any], tuple[Any, Any, Any]]:
        """Returns what maps keys, states and parameters to states, positions and evaluations."""
        import blackjax

        def of_one(key: Any, state: Any, parameters: Any) -> tuple[Any, Any, Any]:
            kernel: Any = blackjax.nuts(self.log_density, **parameters)

            def transition(state: Any, key: Any) -> tuple[Any, Any]:
                state, info = kernel.step(key, state)
                return state, (state.position, info.num_integration_steps)

            keys = jax.random.split(key, self.num_draws)
            state, (positions, steps) = jax.lax.scan(transition, state, keys)
            return state, positions, jnp.sum(steps)

        return jax.jit(jax.vmap(of_one))
