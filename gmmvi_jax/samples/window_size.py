"""How large a reuse window is: what fits into a number of bytes."""

from typing import NamedTuple


class MixtureShape(NamedTuple):
    """What the memory of a mixture depends on."""

    max_components: int
    dim: int
    diagonal: bool
    itemsize: int  # bytes of a float


class RowDemand(NamedTuple):
    """Samples that a window should hold."""

    least: int  # that an iteration may draw; they must fit
    wanted: int  # those and the samples to be reused


class WindowSize(NamedTuple):
    """How many samples and Gaussians fit into a window."""

    num_rows: int
    num_gaussians: int


def window_size(num_bytes: int, demand: RowDemand, shape: MixtureShape) -> WindowSize:
    """Returns how many samples and Gaussians fit into ``num_bytes``.

    Three times ``max_components`` Gaussians come first (those of this iteration, of one before it
    and those to draw next), then the wanted rows, then as many Gaussians as there is room for,
    since the less is drawn per iteration, the more iterations the window reaches back.

    Args:
        num_bytes: the budget of the whole window.
        demand: samples it should hold.
        shape: of the mixture.

    Raises:
        ValueError: not even the samples of one iteration fit.
    """
    dim, itemsize, max_components = shape.dim, shape.itemsize, shape.max_components
    per_gaussian = itemsize * (dim + 2 * dim * (1 if shape.diagonal else dim))
    per_row = itemsize * (2 * dim + 4)
    least_gaussians = 3 * max_components
    available = num_bytes - least_gaussians * per_gaussian
    num_rows = min(demand.wanted, available // (per_row + itemsize * least_gaussians))
    if num_rows < demand.least:
        needed = least_gaussians * per_gaussian
        needed += demand.least * (per_row + itemsize * least_gaussians)
        raise ValueError(
            f"reuse_window_bytes is {num_bytes}, but one iteration of max_components="
            f"{max_components} may draw {demand.least} samples, which need {needed} bytes; raise "
            f"reuse_window_bytes, or lower max_components or desired_samples."
        )
    spare = num_bytes - num_rows * per_row
    num_gaussians = min(spare // (per_gaussian + itemsize * num_rows), 64 * max_components)
    return WindowSize(num_rows, max(num_gaussians, least_gaussians))
