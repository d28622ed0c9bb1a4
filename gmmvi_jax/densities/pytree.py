"""Targets whose position is a pytree: a dict of arrays instead of a vector."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.evaluation import has_gradient, is_stochastic
from gmmvi_jax.densities.position import PositionLayout, position_layout
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.typing import Array, PyTree


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class PytreeTarget:
    """A log density of a pytree as a function of a vector, made by ``on_pytree``.

    It has the optional attributes (see ``LogDensity``) that the log density has.

    Attributes:
        log_density: of the pytree (and a key, if it is stochastic); a callable pytree.
        layout: of the pytree in the vector.
    """

    log_density: Callable[..., Array]
    layout: PositionLayout

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return self.layout.dim

    @property
    def is_stochastic(self) -> bool:
        """Whether the density takes a key."""
        return is_stochastic(self.log_density)

    @property
    def has_gradient(self) -> bool:
        """Whether the density can be differentiated."""
        return has_gradient(self.log_density)

    def __call__(self, x: Array, *key: Any) -> Array:
        """Returns the log density at ``x`` [D], a scalar of its dtype."""
        return self._of_free(self.log_density(self.unravel(x), *key), x)

    def _of_free(self, value: Any, x: Array) -> Any:
        """Returns the log density of free coordinates, from that of the position."""
        value = _follow(value, x)
        return value + self.layout.log_volume(x) if self.layout.is_constrained else value

    def _gradient_of_free(self, gradient: PyTree, x: Array) -> Array:
        """Returns the gradient in free coordinates [..., D], from a pytree like the position."""
        if not self.layout.is_constrained:
            return self.ravel(gradient).astype(x.dtype)
        position, pull_back = jax.vjp(self.unravel, x)
        gradient = jax.tree.map(lambda own, like: own.astype(like.dtype), gradient, position)
        (own,) = pull_back(gradient)
        return own + jax.grad(lambda x: jax.numpy.sum(self.layout.log_volume(x)))(x)

    def unravel(self, x: Array) -> PyTree:
        """Returns ``x`` [..., D] as the pytree; every leaf has the same leading axes."""
        return self.layout.unravel(x)

    def ravel(self, position: PyTree) -> Array:
        """Returns the pytree as a vector [..., D]; its leaves may have common leading axes."""
        return self.layout.ravel(position)

    # The following properties raise AttributeError if the density lacks the attribute, so that
    # hasattr and getattr report it as missing.

    @property
    def full(self) -> Callable[[Array], Array]:
        """The density that a stochastic one estimates, if it has that."""
        full: Any = _own(self.log_density, "full")
        return lambda x: self._of_free(full(self.unravel(x)), x)

    @property
    def centred(self) -> Callable[[Array], "PytreeTarget"]:
        """The same target with less noise near a point [D], if the density has that."""
        own: Any = _own(self.log_density, "centred")
        return lambda x: dataclasses.replace(self, log_density=own(self.unravel(x)))

    @property
    def value_and_grad(self) -> Callable[..., tuple[Array, Array]]:
        """The density's own gradient, if it has one: a pytree like the position."""
        own: Any = _own(self.log_density, "value_and_grad")

        def value_and_grad(x: Array, *key: Any) -> tuple[Array, Array]:
            value, gradient = own(self.unravel(x), *key)
            return self._of_free(value, x), self._gradient_of_free(gradient, x)

        return value_and_grad

    @property
    def evaluate_batch(self) -> Callable[..., tuple[Array, Array | None]]:
        """The density's own evaluation of many points, if it has one."""
        own: Any = _own(self.log_density, "evaluate_batch")

        def evaluate_batch(
            points: Array, num_live: Array, with_gradient: bool
        ) -> tuple[Array, Array | None]:
            values, gradients = own(self.unravel(points), num_live, with_gradient)
            if gradients is not None:
                gradients = self._gradient_of_free(gradients, points)
            return self._of_free(values.astype(points.dtype), points), gradients

        return evaluate_batch


def _own(log_density: Any, name: str) -> Any:
    attribute = getattr(log_density, name, None)
    if attribute is None:
        raise AttributeError(name)
    return attribute


def _follow(value: Any, x: Array) -> Any:
    """Returns a value in the dtype of ``x``, since leaves may have other dtypes.

    Anything but a floating-point scalar is returned unchanged, for the checks to report it.
    """
    is_real = hasattr(value, "dtype") and jax.numpy.issubdtype(value.dtype, jax.numpy.floating)
    return value.astype(x.dtype) if is_real else value


def on_pytree(
    log_density: Callable[..., Array], example: PyTree, domain: Any = None
) -> PytreeTarget:
    """Makes a target of a log density whose position is a pytree.

    ``train`` does this itself for a config that was made from such an example. Samples and modes
    of its result have that form.

    Args:
        log_density: of one pytree like ``example`` (and a key, if it is declared ``stochastic``), a
            scalar.
        example: a pytree of floating-point arrays and numbers, of which only shapes and dtypes
            matter. The vector has its leaves in the order of ``jax.flatten_util.ravel_pytree``.
        domain: where the position may lie, see ``from_codename``; the target is then the density of
            free coordinates, with the log-determinant of the map to the position.

    Raises:
        TypeError: the density cannot be called, or a leaf is no floating-point array or number.
        ValueError: ``example`` has no coordinates.

    Example:
        >>> import jax.numpy as jnp
        >>> target = on_pytree(lambda p: -jnp.sum(p["w"] ** 2) - p["b"] ** 2,
        ...                    {"w": jnp.zeros(3), "b": 0.0})
        >>> target.dim, target.layout.names
        (4, ['b', 'w[0]', 'w[1]', 'w[2]'])
    """
    return PytreeTarget(
        as_log_density(log_density, "log_density"), position_layout(example, domain)
    )
