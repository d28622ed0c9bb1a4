"""The report of a run: one PNG of its history and its mixture.

``report`` creates its figure without pyplot, so that it needs no display and changes no global
state. matplotlib is an optional dependency, imported when a figure is created.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.files.paths import require_path
from gmmvi_jax.files.replacing import replaced
from gmmvi_jax.packages import needed_by
from gmmvi_jax.plotting.arms import plot_sampled_arms
from gmmvi_jax.plotting.components import plot_mixture_2d
from gmmvi_jax.plotting.coordinates import as_posterior
from gmmvi_jax.plotting.history import plot_elbo, plot_num_components
from gmmvi_jax.plotting.marginals import plot_widest_marginals
from gmmvi_jax.plotting.motion import plot_ways
from gmmvi_jax.plotting.posture import plot_postures
from gmmvi_jax.plural import plural
from gmmvi_jax.typing import LogDensity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 130


class FittedRun(Protocol):
    """What a figure shows of a run; a ``TrainResult`` is one."""

    @property
    def posterior(self) -> Posterior:
        """The fitted mixture, of the position."""
        ...

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Columns [rows]."""
        ...


def new_figure(width: float, height: float) -> "Figure":
    """Returns an empty matplotlib figure of ``width`` by ``height`` inches.

    Raises:
        ImportError: matplotlib is not installed.
    """
    with needed_by("plotting", "matplotlib", "'gmmvi_jax[plot]'"):
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


@own_errors()
def report(
    result: FittedRun, log_target: LogDensity | None = None, path: str | Path | None = None
) -> "Figure":
    """Draws a run: its ELBO, the size of its mixture, and the mixture.

    The mixture is shown as sampled arms or motions for planar robots, as stick figures for the
    humanoid, as ellipses over the target's density in two dimensions, and else by its marginals.

    Args:
        result: of ``train``.
        log_target: what it was trained on; without it a mixture in two dimensions has no density
            behind it.
        path: of a file to write it to, which is overwritten: a PNG, or what its ending says, such
            as ``.pdf``. None writes nothing.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the path ends as that of a file that matplotlib does not write.
    """
    figure = new_figure(13.0, 6.5)
    path = None if path is None else _checked(path, figure)
    posterior, history = as_posterior(result), result.history
    gmm = posterior.gmm
    figure.suptitle(
        f"{_title(log_target)}"
        f"{plural(gmm.num_components, gmm.component_noun)} in {plural(gmm.dim, 'dimension')} after "
        f"{plural(history['iteration'][-1], 'iteration')}"
    )
    parts: Any = figure.subfigures(1, 2, width_ratios=(2, 3), wspace=0.04)
    left, right = parts
    upper, lower = left.subplots(2, 1)
    plot_elbo(upper, history)
    plot_num_components(lower, history)
    if hasattr(log_target, "goals"):
        plot_sampled_arms(right.subplots(), log_target, gmm)
    elif hasattr(log_target, "trajectory"):
        plot_ways(right, log_target, gmm)
    elif hasattr(log_target, "limbs"):
        plot_postures(right, log_target, gmm)
    elif gmm.dim == 2:
        plot_mixture_2d(right.subplots(), posterior, log_target)
    else:
        plot_widest_marginals(right, posterior)
    if path is not None:
        with replaced(path) as temporary:
            figure.savefig(temporary, format=_ending(path) or "png", dpi=DPI)
    return figure


def _checked(path: str | Path, figure: "Figure") -> Path:
    """Returns the path of a figure; raises ValueError if it is that of another kind of file."""
    path = require_path("path", path)
    known = figure.canvas.get_supported_filetypes()
    if _ending(path) and _ending(path) not in known:
        raise ValueError(
            f"{path} is to be a figure: let it end in .png, or in .{', .'.join(sorted(known))}"
        )
    return path


def _ending(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _title(log_target: Any) -> str:
    """Returns the name of the target with a colon, if there is a target."""
    if log_target is None:
        return ""
    inner = getattr(log_target, "log_density", log_target)  # of a pytree
    inner = getattr(inner, "function", inner)  # that training has wrapped
    name = str(getattr(inner, "name", getattr(inner, "__name__", "")))
    return f"{name if name.isidentifier() else 'log density'}: "
