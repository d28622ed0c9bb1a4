"""The constraints of NumPyro as domains; nothing is imported unless one of them is given."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from gmmvi_jax.domains.bounded import interval, lower, positive, real, upper
from gmmvi_jax.domains.cholesky import cholesky_factor
from gmmvi_jax.domains.correlation import correlation
from gmmvi_jax.domains.ordered import ordered
from gmmvi_jax.domains.periodic import periodic
from gmmvi_jax.domains.protocol import Domain, Shape
from gmmvi_jax.domains.simplex import simplex
from gmmvi_jax.domains.standard_normal import sum_event
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True, eq=False)
class NumpyroDomain:
    """A constraint of NumPyro that has no counterpart here, by NumPyro's own map (``biject_to``).

    Attributes:
        constraint: of ``numpyro.distributions.constraints``.
    """

    constraint: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumpyroDomain):
            return NotImplemented
        return self.constraint is other.constraint or bool(self.constraint == other.constraint)

    def __hash__(self) -> int:
        return hash(type(self.constraint))  # constraints themselves cannot be hashed

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape of NumPyro's unconstrained value."""
        if len(shape) < self.constraint.event_dim:
            raise ValueError(
                f"{self.constraint} needs {self.constraint.event_dim} axes, its leaf has shape "
                f"{shape}."
            )
        return tuple(self._transform.inverse_shape(shape))

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns the value at free coordinates."""
        del shape
        return self._transform(free)

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of values."""
        del shape
        return self._transform.inv(jnp.asarray(value))

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns the log of the Jacobian determinant, as NumPyro has it."""
        terms = self._transform.log_abs_det_jacobian(free, self._transform(free))
        return sum_event(terms, shape[: len(shape) - self.constraint.event_dim])

    def contains(self, value: Any) -> bool:
        """Returns whether the values satisfy the constraint."""
        return bool(np.all(np.asarray(self.constraint(jnp.asarray(value)))))

    @property
    def _transform(self) -> Any:
        from numpyro.distributions import biject_to

        return biject_to(self.constraint)


def is_constraint(value: Any) -> bool:
    """Returns whether ``value`` is a constraint of NumPyro."""
    return any(
        cls.__module__ == "numpyro.distributions.constraints" and cls.__name__ == "Constraint"
        for cls in type(value).__mro__
    )


def name_of(constraint: Any) -> str:
    """Returns the name of a constraint in NumPyro's list.

    Raises:
        ValueError: it is not one of the list, but made with arguments.
    """
    from numpyro.distributions import constraints

    for name in constraints.__all__:
        listed = getattr(constraints, name)
        if is_constraint(listed) and type(listed) is type(constraint):
            return name
    raise ValueError(f"{constraint} has no name in numpyro.distributions.constraints.")


def constraint_named(name: str) -> Any:
    """Returns the constraint of this name in NumPyro's list.

    Raises:
        ValueError: there is none.
    """
    from numpyro.distributions import constraints

    if name not in constraints.__all__:
        raise ValueError(f"numpyro.distributions.constraints has no {name!r}")
    return getattr(constraints, name)


def from_constraint(constraint: Any) -> Domain:
    """Returns the domain of a constraint.

    Raises:
        ValueError: its values are discrete, or NumPyro has no map onto it.
    """
    from numpyro.distributions import biject_to, constraints

    name = type(constraint).__name__.removesuffix("Eq")
    if isinstance(constraint, constraints.independent):
        return from_constraint(constraint.base_constraint)
    if constraint.is_discrete:
        raise ValueError(f"{constraint}: discrete values have no density in free coordinates.")
    if name == "_Circular":
        return periodic()
    counterparts: dict[str, Domain] = {
        "_Real": real,
        "_Positive": positive,
        "_Nonnegative": positive,
        "_SoftplusPositive": positive,
        "_Simplex": simplex,
        "_OrderedVector": ordered,
        "_LowerCholesky": cholesky_factor,
        "_CorrMatrix": correlation,
    }
    if name in counterparts:
        return counterparts[name]
    if name in ("_GreaterThan", "_LessThan"):
        is_lower = name == "_GreaterThan"
        bound = constraint.lower_bound if is_lower else constraint.upper_bound
        return (lower if is_lower else upper)(np.asarray(bound))
    if name in ("_Interval", "_OpenInterval", "_UnitInterval"):
        bounds = np.broadcast_arrays(constraint.lower_bound, constraint.upper_bound)
        return interval(*bounds)
    try:
        biject_to(constraint)
    except NotImplementedError as error:
        raise ValueError(f"{constraint}: NumPyro has no map from real numbers onto it.") from error
    return NumpyroDomain(constraint)
