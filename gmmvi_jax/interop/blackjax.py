"""What a fit gives to the samplers of BlackJAX; none of this needs BlackJAX itself.

All positions here are free coordinates [D], in which ``result.target`` is the log density; a fit's
``posterior.position`` turns them into the user's. ``gmmvi_jax.build`` has BlackJAX's interface of
variational inference: init, step and sample; ``result.refine`` has particles from which SMC may
start.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.gmm.base import part_of
from gmmvi_jax.interop.arguments import require_result
from gmmvi_jax.lowrank.mixtures import gaussians_of
from gmmvi_jax.numerics.keys import subkeys, typed_key
from gmmvi_jax.requirements import require_int
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.typing import Array, PRNGKey

_MOST_CHAINS = 1_000_000  # each has a matrix [D, D]


class ChainStarts(NamedTuple):
    """Where chains start, and how their space is scaled there."""

    positions: Array  # [C, D] free coordinates
    inverse_mass_matrices: Array  # [C, D, D] covariance of the mode that each chain starts in
    modes: np.ndarray  # [C] int, rows of ``result.modes()``


def chain_starts(result: TrainResult, rng_key: PRNGKey | int, num_chains: int) -> ChainStarts:
    """Spreads chains over the modes of a fit: by their masses, the heaviest at least once each.

    Args:
        result: of ``fit`` or ``train``.
        rng_key: a PRNG key or an integer seed.
        num_chains: C; with fewer than there are modes the lightest get none.

    Raises:
        ValueError: ``num_chains`` is not positive, or more than a million.
    """
    require_int("num_chains", num_chains, 1, _MOST_CHAINS)
    modes = require_result(result).modes()
    chosen = _allocate(modes.masses, num_chains)
    positions, covariances = [], []
    keys = subkeys(typed_key(rng_key), len(modes.masses))
    for mode in range(len(modes.masses)):
        count = int(np.sum(chosen == mode))
        if count:
            own = part_of(result.gmm, modes.components == mode)
            positions.append(own.sample(keys[mode], count))
            covariances.append(
                jnp.broadcast_to(gaussians_of(own).covariance(), (count, own.dim, own.dim))
            )
    return ChainStarts(jnp.concatenate(positions), jnp.concatenate(covariances), chosen)


def _allocate(masses: np.ndarray, count: int) -> np.ndarray:
    """Returns [C] sorted modes: one each as far as that goes, the rest where most is lacking."""
    counts = np.zeros(len(masses), int)
    counts[: min(count, len(masses))] = 1
    for _ in range(count - int(counts.sum())):
        counts[np.argmax(masses * count - counts)] += 1
    return np.repeat(np.arange(len(masses)), counts)


class Proposal(NamedTuple):
    """The fit as a proposal that does not depend on where a chain is, for ``blackjax.irmh``."""

    sample: Callable[[PRNGKey], Array]  # a point [D]
    log_density: Callable[..., Array]  # (state, next state) -> log q of the next one


def independent_proposal(result: TrainResult) -> Proposal:
    """Returns the mixture as a proposal of independent Metropolis-Hastings.

    It is exact whatever the mixture lacks, and jumps between modes; it moves slowly where the
    mixture has too little mass.

    Args:
        result: of ``fit`` or ``train``.
    """
    gmm = require_result(result).gmm
    return Proposal(
        sample=lambda key: gmm.sample(key, 1)[0],
        log_density=lambda _, to_state: gmm.log_prob(to_state.position),
    )
