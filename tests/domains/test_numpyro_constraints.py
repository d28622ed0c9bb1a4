"""Constraints of NumPyro as domains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import biject_to, constraints

from gmmvi_jax import domains
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.domains.numpyro_constraints import from_constraint, is_constraint


@pytest.mark.parametrize(
    ("constraint", "domain"),
    [
        (constraints.real, domains.real),
        (constraints.real_vector, domains.real),
        (constraints.positive, domains.positive),
        (constraints.nonnegative, domains.positive),
        (constraints.softplus_positive, domains.positive),
        (constraints.unit_interval, domains.interval(0.0, 1.0)),
        (constraints.interval(-1.0, 3.0), domains.interval(-1.0, 3.0)),
        (constraints.greater_than(2.0), domains.lower(2.0)),
        (constraints.greater_than_eq(2.0), domains.lower(2.0)),
        (constraints.less_than(2.0), domains.upper(2.0)),
        (constraints.circular, domains.periodic()),
        (constraints.simplex, domains.simplex),
        (constraints.ordered_vector, domains.ordered),
        (constraints.lower_cholesky, domains.cholesky_factor),
        (constraints.corr_matrix, domains.correlation),
        (constraints.independent(constraints.positive, 1), domains.positive),
    ],
)
def test_constraints_have_counterparts(constraint, domain):
    assert is_constraint(constraint)
    assert from_constraint(constraint) == domain


@pytest.mark.parametrize(
    ("constraint", "shape"),
    [
        pytest.param(constraints.corr_cholesky, (3, 3), marks=pytest.mark.slow),
        (constraints.l1_ball, (3,)),
        (constraints.zero_sum(1), (4,)),
    ],
)
def test_other_constraints_take_the_map_of_numpyro(constraint, shape):
    domain = from_constraint(constraint)
    assert isinstance(domain, domains.Domain)
    assert domain == from_constraint(constraint)
    assert hash(domain) == hash(from_constraint(constraint))
    free_shape = domain.free_shape((5, *shape))
    free = jnp.asarray(np.random.default_rng(0).normal(size=(2, *free_shape)), jnp.float32)
    value = domain.constrain(free, (5, *shape))
    assert value.shape == (2, 5, *shape)
    assert domain.contains(value)
    assert np.allclose(domain.unconstrain(value, (5, *shape)), free, atol=2e-3)
    transform = biject_to(constraint)
    right = jax.vmap(lambda z: transform.log_abs_det_jacobian(z, transform(z)).sum())(free)
    assert np.allclose(domain.log_volume(free, (5, *shape)), right, rtol=1e-4)


def test_discrete_constraints_and_those_without_a_map_are_errors():
    with pytest.raises(ValueError, match="discrete"):
        from_constraint(constraints.positive_integer)
    with pytest.raises(ValueError, match="no map"):
        from_constraint(constraints.sphere)


def test_a_layout_takes_constraints():
    example = {"a": 1.0, "b": jnp.zeros((3, 3))}
    layout = position_layout(
        example, {"a": constraints.interval(0.0, 2.0), "b": constraints.corr_cholesky}
    )
    assert layout.dim == 4
    assert layout.domains[0] == domains.interval(0.0, 2.0)
    with pytest.raises(ValueError, match="domain of 'a'"):
        position_layout(example, {"a": constraints.corr_cholesky})
