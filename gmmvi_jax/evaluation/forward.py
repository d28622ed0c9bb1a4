"""Measures from samples of the target, which detect modes that a mixture misses."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from gmmvi_jax.evaluation.importance import average
from gmmvi_jax.requirements import is_real_number, is_traced, require_ratios
from gmmvi_jax.typing import Array


class ForwardMetrics(NamedTuple):
    """Measures of a mixture q from samples of the target, with w = p~ / q."""

    eubo: Array  # [] E_p[log w], at least log Z
    eubo_standard_error: Array  # [] of independent samples
    forward_kl: Array  # [] KL(p || q) = EUBO - log Z; NaN if log Z is not known
    log_z: Array  # [] -log E_p[1 / w] from these samples; heavy-tailed, mostly too high
    effective_fraction: Array  # [] 1 / (E_p[w] E_p[1 / w]), in (0, 1]


@jax.jit
def _forward(log_ratios: Array, log_z: Array) -> ForwardMetrics:
    usable = jnp.isfinite(log_ratios)
    log_count = jnp.log(jnp.sum(usable, dtype=log_ratios.dtype))
    mean = average(jnp.where(usable, log_ratios, jnp.nan))
    log_mean = logsumexp(jnp.where(usable, log_ratios, -jnp.inf)) - log_count
    log_inverse = logsumexp(jnp.where(usable, -log_ratios, -jnp.inf)) - log_count
    return ForwardMetrics(
        eubo=mean.mean,
        eubo_standard_error=mean.standard_error,
        forward_kl=mean.mean - log_z,
        log_z=-log_inverse,
        effective_fraction=jnp.exp(-log_mean - log_inverse),
    )


def forward_metrics(log_ratios: Array, log_z: float | None = None) -> ForwardMetrics:
    """Returns EUBO, forward KL and forward effective sample size.

    Source: Blessing, Jia, Esslinger, Vargas, Neumann, "Beyond ELBOs: a large-scale evaluation of
    variational methods for sampling", ICML 2024. The effective fraction is Z over E_p[w], with Z
    from the same samples, 1 / E_p[1 / w].

    Args:
        log_ratios: [N] log p~ - log q at samples of the target; see ``log_ratios_at``. NaN and
            -inf are ignored, since such points are not samples of the target.
        log_z: of the target, if it is known.
    """
    log_ratios = require_ratios("log_ratios", log_ratios)
    known = jnp.nan if log_z is None else log_z
    if not is_traced(known) and not is_real_number(known):
        raise TypeError(f"log_z must be a number, or None, got {log_z!r}.")
    return _forward(log_ratios, jnp.asarray(known, log_ratios.dtype))


def unseen_share(reference_ratios: Array, own_ratios: Array) -> Array:
    """Returns the share of the target's samples with a weight p~ / q above all of q's own draws.

    For a good fit it is about 1 over the number of draws; if q misses a mode it is close to the
    mode's mass.

    Args:
        reference_ratios: [N] log p~ - log q at samples of the target.
        own_ratios: [M] at draws from q.
    """
    reference_ratios = require_ratios("reference_ratios", reference_ratios)
    own_ratios = require_ratios("own_ratios", own_ratios)
    largest = jnp.max(jnp.where(jnp.isnan(own_ratios), -jnp.inf, own_ratios))
    return jnp.mean(reference_ratios > largest)
