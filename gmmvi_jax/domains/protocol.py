"""What a domain of a parameter is: a map from free coordinates onto it."""

from typing import Any, Protocol, TypeAlias, runtime_checkable

from gmmvi_jax.typing import Array

Shape: TypeAlias = tuple[int, ...]


@runtime_checkable
class Domain(Protocol):
    """Where the values of one leaf of a position may lie.

    A domain is static and hashable. Its free coordinates are real numbers without limits, in which
    mixtures are fitted. All functions take any number of leading axes.
    """

    def free_shape(self, shape: Shape) -> Shape:
        """Returns the shape of the free coordinates of a value.

        Args:
            shape: of the value.

        Raises:
            ValueError: no value of this domain has this shape.
        """
        ...

    def constrain(self, free: Array, shape: Shape) -> Array:
        """Returns the value [..., *shape] at free coordinates [..., *free_shape]; never outside."""
        ...

    def unconstrain(self, value: Any, shape: Shape) -> Array:
        """Returns the free coordinates of values [..., *shape] inside the domain."""
        ...

    def log_volume(self, free: Array, shape: Shape) -> Array:
        """Returns [...] what is added to a log density of the value to get that of ``free``.

        The log of the absolute Jacobian determinant of ``constrain``; or of a weight, where many
        free coordinates have the same value.

        Args:
            free: [..., *free_shape].
            shape: of the value.
        """
        ...

    def contains(self, value: Any) -> bool:
        """Returns whether a value (NumPy) lies in the interior of the domain."""
        ...
