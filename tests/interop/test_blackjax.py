"""What a fit gives to BlackJAX's samplers."""

from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.interop.blackjax import chain_starts, independent_proposal
from tests.interop.stub import stub_result

FAR = 6.0


def two_modes(x):
    """Mass 3/4 at +FAR with variances (1, 4), 1/4 at -FAR."""
    right = -0.5 * ((x[0] - FAR) ** 2 + x[1] ** 2 / 4.0) + jnp.log(0.75 / 2.0)
    left = -0.5 * ((x[0] + FAR) ** 2 + x[1] ** 2) + jnp.log(0.25)
    return jnp.logaddexp(right, left)


@pytest.fixture(scope="module")
def result():
    return gmmvi.fit(two_modes, 2, seed=0, verbose=False)


@pytest.fixture(scope="module")
def known():
    """What a perfect fit returns, without its compilation."""
    gmm = gmmvi.GMM.from_moments(
        [0.75, 0.25], [[FAR, 0.0], [-FAR, 0.0]], [np.diag([1.0, 4.0]), np.eye(2)]
    )
    return stub_result(gmm, two_modes)


@pytest.mark.parametrize("name", ["known", pytest.param("result", marks=pytest.mark.slow)])
def test_chains_are_spread_over_the_modes(name, request):
    result = request.getfixturevalue(name)
    starts = chain_starts(result, 0, 8)
    assert starts.modes.tolist() == [0] * 6 + [1] * 2
    assert np.all(np.sign(starts.positions[:, 0]) == [1] * 6 + [-1] * 2)
    assert np.allclose(starts.inverse_mass_matrices[0], [[1.0, 0.0], [0.0, 4.0]], atol=0.4)
    assert np.allclose(starts.inverse_mass_matrices[7], np.eye(2), atol=0.2)
    assert chain_starts(result, 0, 1).modes.tolist() == [0]
    with pytest.raises(ValueError, match="num_chains"):
        chain_starts(result, 0, 0)


@pytest.mark.slow
def test_chains_of_nuts_start_from_there(result):
    starts = chain_starts(result, 0, 4)

    @jax.jit
    @jax.vmap
    def chain(key, position, inverse_mass_matrix):
        nuts: Any = blackjax.nuts(result.target, 0.7, inverse_mass_matrix)

        def step(state, key):
            state, info = nuts.step(key, state)
            return state, info.acceptance_rate

        _, rates = jax.lax.scan(step, nuts.init(position), jax.random.split(key, 20))
        return rates.mean()

    keys = jax.random.split(jax.random.key(0), 4)
    assert float(chain(keys, starts.positions, starts.inverse_mass_matrices).min()) > 0.7


@pytest.mark.slow
def test_the_mixture_proposes_jumps_between_modes(result):
    proposal = independent_proposal(result)
    sampler: Any = blackjax.irmh(result.target, proposal.sample, proposal.log_density)

    def step(state, key):
        state, info = sampler.step(key, state)
        return state, (state.position[0], info.is_accepted)

    keys = jax.random.split(jax.random.key(0), 4_000)
    start = sampler.init(jnp.array([-FAR, 0.0]))
    _, (first, accepted) = jax.jit(lambda: jax.lax.scan(step, start, keys))()
    assert float(accepted.mean()) > 0.9
    assert abs(float((first > 0.0).mean()) - 0.75) < 0.03
