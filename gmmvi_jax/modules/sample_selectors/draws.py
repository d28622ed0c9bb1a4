"""How many samples to draw by default, and what both selectors check of their settings."""

from typing import Protocol

from gmmvi_jax.modules.choice import Problem
from gmmvi_jax.modules.sample_selectors.reuse import num_reused
from gmmvi_jax.requirements import require, require_int, require_number
from gmmvi_jax.samples.window_size import MixtureShape, RowDemand, WindowSize, window_size

REUSE_WINDOW_BYTES = 2**28  # 256 MiB


def default_samples(problem: Problem) -> int:
    """Returns how many samples a component's natural gradient should be estimated from."""
    if problem.uses("Z"):
        # A regression needs more samples than it has coefficients; the published settings have up
        # to 2.5 times as many.
        dim = problem.dim
        num_coefficients = 2 * dim + 1 if problem.diagonal else (dim + 1) * (dim + 2) // 2
        return max(100, 3 * num_coefficients // 2)
    return problem.form.num_samples(problem.dim)


class Draws(Protocol):
    """What both selectors have."""

    def max_samples(self, max_components: int) -> int:
        """Returns how many new samples an iteration can draw at most."""
        ...

    @property
    def desired_samples(self) -> int:
        """How many samples an estimate should have."""
        ...

    @property
    def reuse_ratio(self) -> float:
        """Earlier samples per new one."""
        ...

    @property
    def reuse_window_bytes(self) -> int:
        """Most memory for earlier samples."""
        ...


def reuse_window_size(selector: Draws, shape: MixtureShape) -> WindowSize | None:
    """Returns the size of a selector's reuse window, None without reuse."""
    per_component = num_reused(selector.reuse_ratio, selector.desired_samples)
    if per_component == 0:
        return None
    num_new = selector.max_samples(shape.max_components)
    demand = RowDemand(num_new, num_new + per_component * shape.max_components)
    return window_size(selector.reuse_window_bytes, demand, shape)


def check_draws(choice: Draws) -> None:
    """Raises ValueError for settings that cannot be right."""
    require_int("desired_samples", choice.desired_samples, least=1)
    require_int("reuse_window_bytes", choice.reuse_window_bytes, least=1)
    require_number("reuse_ratio", choice.reuse_ratio)
    require(
        0.0 <= choice.reuse_ratio < float("inf"),
        f"reuse_ratio must be finite and not negative, got {choice.reuse_ratio}; 0 reuses no "
        f"samples.",
    )
