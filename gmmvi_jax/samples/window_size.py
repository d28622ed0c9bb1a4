"""How large a reuse window is: what fits into a number of bytes."""

from typing import NamedTuple

from gmmvi_jax.numerics.forms.protocol import Form


class MixtureShape(NamedTuple):
    """What the memory of a mixture depends on."""

    max_components: int
    dim: int
    form: Form
    itemsize: int  # bytes of a float
    has_degrees: bool = False  # of Student-t components


class RowDemand(NamedTuple):
    """Samples that a window should hold."""

    least: int  # that an iteration may draw; they fit in any case
    wanted: int  # those and the samples to be reused


class WindowSize(NamedTuple):
    """How many samples and Gaussians fit into a window."""

    num_rows: int
    num_gaussians: int

    def num_bytes(self, shape: MixtureShape) -> int:
        """Returns the bytes of the window of a mixture of this shape."""
        per_row = _bytes_per_row(shape) + shape.itemsize * self.num_gaussians
        return self.num_rows * per_row + self.num_gaussians * _bytes_per_gaussian(shape)


def window_size(num_bytes: int, demand: RowDemand, shape: MixtureShape) -> WindowSize:
    """Returns how many samples and Gaussians fit into ``num_bytes``.

    Three times ``max_components`` Gaussians come first (those of this iteration, of one before it
    and those to draw next), then the wanted rows, then as many Gaussians as there is room for,
    since the less is drawn per iteration, the more iterations the window reaches back.

    The samples that one iteration may draw, and those Gaussians, have room in any case: with too
    small a budget the window reaches back less far, and while the mixture has all the components it
    may have, nothing is reused.

    Args:
        num_bytes: the budget of the whole window.
        demand: samples it should hold.
        shape: of the mixture.
    """
    itemsize, most = shape.itemsize, 64 * shape.max_components
    per_gaussian, per_row = _bytes_per_gaussian(shape), _bytes_per_row(shape)
    least = 3 * shape.max_components
    room = (num_bytes - least * per_gaussian) // (per_row + itemsize * least)
    num_rows = min(demand.wanted, max(demand.least, room))
    spare = num_bytes - num_rows * per_row
    num_gaussians = min(spare // (per_gaussian + itemsize * num_rows), most)
    return WindowSize(num_rows, max(num_gaussians, least))


def _bytes_per_gaussian(shape: MixtureShape) -> int:
    return shape.itemsize * (shape.dim + shape.form.num_floats(shape.dim))


def _bytes_per_row(shape: MixtureShape) -> int:
    return shape.itemsize * (2 * shape.dim + 4)
