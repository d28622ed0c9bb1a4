"""How many samples to draw by default, and what both selectors check of their settings."""

import dataclasses

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
    # A Hessian has D (D + 1) / 2 entries, and Stein's estimate of it one random direction per
    # sample: below about 4 D samples the improvement rule mostly shrinks stepsizes. Of a diagonal
    # one every sample says something about every entry.
    return 100 if problem.diagonal else max(100, 4 * problem.dim)


@dataclasses.dataclass(frozen=True)
class Draws:
    """The settings of both selectors, and the room that they need for reused samples.

    Attributes:
        desired_samples: effective samples of an estimate.
        reuse_ratio: rho; the newest floor(rho * desired) samples per component are reused, and
            only what their effective number falls short of is drawn. 0: all samples are new.
        reuse_window_bytes: most memory for reused samples.
    """

    desired_samples: int = dataclasses.field(metadata={"static": True})
    reuse_ratio: float = dataclasses.field(default=0.0, metadata={"static": True})
    reuse_window_bytes: int = dataclasses.field(
        default=REUSE_WINDOW_BYTES, metadata={"static": True}
    )

    def max_samples(self, max_components: int) -> int:
        """Returns how many new samples an iteration can draw at most."""
        raise NotImplementedError

    def window_size(self, shape: MixtureShape) -> WindowSize | None:
        """Returns the size of the reuse window, None without reuse; see ``SampleSelector``."""
        per_component = num_reused(self.reuse_ratio, self.desired_samples)
        if per_component == 0:
            return None
        num_new = self.max_samples(shape.max_components)
        demand = RowDemand(num_new, num_new + per_component * shape.max_components)
        return window_size(self.reuse_window_bytes, demand, shape)


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
