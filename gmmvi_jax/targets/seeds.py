"""Germinating seeds: a binomial regression with a random effect for every plate."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.targets.log_sigmoid import log_sigmoid
from gmmvi_jax.targets.reference import WithReferenceSamples
from gmmvi_jax.typing import Array

# Crowder, "Beta-binomial ANOVA for proportions" (Applied Statistics 1978), table 3. Per plate:
# germinated seeds, all seeds, their variety (0 Orobanche aegyptiaca 75, 1 aegyptiaca 73), and the
# root extract they lay in (0 bean, 1 cucumber).
PLATES = np.array(
    [
        (10, 39, 0, 0),
        (23, 62, 0, 0),
        (23, 81, 0, 0),
        (26, 51, 0, 0),
        (17, 39, 0, 0),
        (5, 6, 0, 1),
        (53, 74, 0, 1),
        (55, 72, 0, 1),
        (32, 51, 0, 1),
        (46, 79, 0, 1),
        (10, 13, 0, 1),
        (8, 16, 1, 0),
        (10, 30, 1, 0),
        (8, 28, 1, 0),
        (23, 45, 1, 0),
        (0, 4, 1, 0),
        (3, 12, 1, 1),
        (22, 41, 1, 1),
        (15, 30, 1, 1),
        (32, 51, 1, 1),
        (3, 7, 1, 1),
    ],
    dtype=np.float64,
)
NUM_COEFFICIENTS = 4
# As in papers on samplers, among them Blessing et al., "Beyond ELBOs" (ICML 2024).
COEFFICIENT_SCALE = 10.0
GAMMA_SHAPE = GAMMA_RATE = 0.01  # prior of the precision of the plates' effects


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class Seeds(WithReferenceSamples):
    """The unnormalised posterior of a logistic regression with random effects (Crowder's seeds).

    x = (log tau, a_0, a_1, a_2, a_12, b_1, ..., b_21) with the priors tau ~ Gamma(0.01, 0.01), a ~
    N(0, 10^2), b_i ~ N(0, 1 / tau), and r_i of n_i seeds germinating with probability
    sigmoid(a_0 + a_1 v_i + a_2 e_i + a_12 v_i e_i + b_i), variety v_i and extract e_i being 0 or 1.
    All constants are included, also that of the change of variables from tau to log tau, so that
    the integral is the evidence of the data. The effects and their scale form a funnel.
    """

    name: str = dataclasses.field(metadata={"static": True})
    germinated: np.ndarray | Array  # [n]
    totals: np.ndarray | Array  # [n]
    design: np.ndarray | Array  # [n, 4]: constant, variety, extract, their product
    log_binomials: np.ndarray | Array  # [n], logs of the binomial coefficients

    @property
    def dim(self) -> int:
        """The precision, four coefficients and an effect per plate: D = 26."""
        return 1 + NUM_COEFFICIENTS + self.germinated.shape[-1]

    @property
    def prior_mean(self) -> float:
        """All effects are 0, and the standard deviation of the plates' effects is 1."""
        return 0.0

    @property
    def prior_scale(self) -> float:
        """Always 1: the priors are much wider than the posterior given 831 seeds."""
        return 1.0

    @property
    def initial_covariance(self) -> float:
        """Initial components are as wide as their means are spread."""
        return 1.0

    def __call__(self, x: Array) -> Array:
        """Returns log p~ at ``x`` [D], a scalar of its dtype."""
        germinated = jnp.asarray(self.germinated, x.dtype)
        totals = jnp.asarray(self.totals, x.dtype)
        design = jnp.asarray(self.design, x.dtype)
        log_binomials = jnp.asarray(self.log_binomials, x.dtype)
        log_precision = x[0]
        coefficients, effects = x[1 : 1 + NUM_COEFFICIENTS], x[1 + NUM_COEFFICIENTS :]

        logits = jnp.sum(design * coefficients[None], axis=-1) + effects
        log_likelihood = jnp.sum(
            log_binomials
            + germinated * log_sigmoid(logits)
            + (totals - germinated) * log_sigmoid(-logits)
        )
        # The density of log tau is the Gamma density times tau.
        log_prior_precision = (
            GAMMA_SHAPE * (math.log(GAMMA_RATE) + log_precision)
            - GAMMA_RATE * jnp.exp(log_precision)
            - math.lgamma(GAMMA_SHAPE)
        )
        log_prior_coefficients = -0.5 * jnp.sum(
            (coefficients / COEFFICIENT_SCALE) ** 2
        ) - NUM_COEFFICIENTS * math.log(COEFFICIENT_SCALE * math.sqrt(2 * math.pi))
        scaled = effects * jnp.exp(0.5 * log_precision)
        log_prior_effects = 0.5 * (
            len(effects) * (log_precision - math.log(2 * math.pi)) - jnp.sum(scaled**2)
        )
        return log_likelihood + log_prior_precision + log_prior_coefficients + log_prior_effects


def seeds() -> Seeds:
    """Returns the 26-D posterior of Crowder's 21 plates of seeds."""
    germinated, totals, variety, extract = PLATES.T
    design = np.column_stack([np.ones(len(PLATES)), variety, extract, variety * extract])
    log_binomials = np.array(
        [math.log(math.comb(int(n), int(r))) for r, n in zip(germinated, totals, strict=True)]
    )
    return Seeds("seeds", germinated, totals, design, log_binomials)
