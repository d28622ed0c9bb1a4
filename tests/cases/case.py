"""One row of the table of cases: a density, where a run starts, and what is right."""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

import numpy as np

import gmmvi_jax as gmmvi

VARIANTS = {"S": gmmvi.samtron, "Z": gmmvi.vips}
FIT = "fit"


class Expected(enum.StrEnum):
    """What a run of a row should come to."""

    FIT = "fit"  # a right fit, or one that is refused or not trusted, with the cause
    REFUSED = "refused"  # an error before anything is compiled
    NO_FIT = "no fit"  # nothing can be right: the cause must be named


@dataclasses.dataclass(frozen=True)
class Asked:
    """A number that is asked of a fit's own draws.

    Attributes:
        name: of the number.
        measure: of the draws, [N, D] points.
        right: its value.
        within: the largest deviation.
        of_support: whether draws outside of the support are left out.
    """

    name: str
    measure: Callable[[np.ndarray], float]
    right: float
    within: float
    of_support: bool = True


@dataclasses.dataclass(frozen=True)
class Case:
    """A density and its start, for one or both variants and for ``fit``.

    Attributes:
        name: of the row.
        density: of one point.
        dim: D.
        log_z: the log of its integral (of p^(1/beta), at a temperature beta); None: not known.
        log_z_within: nats.
        asked: further numbers.
        variants: S is ``samtron``, Z is ``vips``.
        mean: where the run starts: ``prior_mean``,
        scale: and ``prior_scale``.
        expected: what should come of it.
        cause: a pattern for what an error, a reason or a serious concern must say where the fit is
            not right.
        cure: a pattern for what an error must say besides.
        quiet: a pattern that no concern may match, where there is one.
        settings: further settings of the config.
        float64: whether it runs in double precision.
        mcmc_steps: of chains in a second diagnosis, which is reported and not judged.
    """

    name: str
    density: Callable[..., Any]
    dim: int
    log_z: float | None = None
    log_z_within: float = 0.05
    asked: tuple[Asked, ...] = ()
    variants: str = "SZ"
    mean: float = 0.0
    scale: float | tuple[float, ...] = 1.0
    expected: Expected = Expected.FIT
    cause: str = r"support|passes over|misses|lacks"
    cure: str = ""
    quiet: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    float64: bool = False
    mcmc_steps: int = 0

    @property
    def start(self) -> str:
        """The start in words."""
        scale = self.scale
        if isinstance(scale, tuple):
            scale = "(" + ", ".join(f"{value:g}" for value in scale[:3]) + ", ...)"
        else:
            scale = f"{scale:g}"
        settings = "".join(f", {name} {value:g}" for name, value in self.settings)
        return f"{self.mean:g} / {scale}{settings}" + ", float64" * self.float64

    @property
    def ways(self) -> tuple[str, ...]:
        """How it is fitted: its variants, and ``fit``, which needs a gradient and no settings."""
        has_fit = "S" in self.variants and not self.settings
        return (*self.variants, *(FIT,) * has_fit)

    def run(self, way: str, seed: int) -> gmmvi.TrainResult:
        """Fits with the library's defaults; ``fit`` is told a mean and a scale if they are special.

        Args:
            way: one of ``ways``.
            seed: of the run.
        """
        if way == FIT:
            told = {}
            if self.mean != 0.0 or self.scale != 1.0:
                told = {"prior_mean": self.mean, "prior_scale": np.asarray(self.scale)}
            return gmmvi.fit(self.density, self.dim, seed=seed, verbose=False, **told)
        config = VARIANTS[way](
            self.dim,
            prior_mean=self.mean,
            prior_scale=np.asarray(self.scale),
            seed=seed,
            **dict(self.settings),
        )
        return gmmvi.train(config, self.density)
