"""The summary of a run as a table of 80 columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np

from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.evaluation.modes import Modes, find_modes
from gmmvi_jax.gmm import GMM
from gmmvi_jax.plural import plural
from gmmvi_jax.requirements import require_int

if TYPE_CHECKING:
    from gmmvi_jax.training.result import TrainResult

WIDTH = 80
_LEAST_WEIGHT = 5e-5  # of a component with a row of its own: it has four decimals


def _location(point: np.ndarray, width: int, names: Sequence[str] | None) -> str:
    """Returns as many coordinates as fit, and the number of the others."""
    shown: list[str] = []
    for position, value in enumerate(point):
        left = len(point) - position - 1
        tail = f", ... {left} more" if left else ""
        text = f"{value:.3g}" if names is None else f"{names[position]}={value:.3g}"
        candidate = ", ".join([*shown, text])
        if len(candidate) + len(tail) + 2 > width:
            ending = f"... {len(point) - len(shown)} more"
            return f"({', '.join([*shown, ending])})"
        shown.append(text)
    return f"({', '.join(shown)})"


def history_words(history: Mapping[str, np.ndarray]) -> str:
    """Returns the final iterations, evaluations and ELBO of one or several runs.

    Args:
        history: of the run, columns [rows]; or of several, columns [rows, R].
    """
    last = {
        name: np.ravel(history[name][-1])
        for name in ("iteration", "num_target_evaluations", "elbo")
    }
    elbos = ", ".join(f"{elbo:.4g}" for elbo in last["elbo"])
    return (
        f"{plural(last['iteration'].max(), 'iteration')}, "
        f"{plural(last['num_target_evaluations'].sum(), 'target evaluation')}, ELBO {elbos}"
    )


def run_summary(result: "TrainResult", max_modes: int) -> str:
    """Returns the summary of a run, with a table of its components.

    Args:
        result: of the run.
        max_modes: maximum number of modes, and of components, to list.
    """
    require_int("max_modes", max_modes, least=0)
    modes, names = modes_in_words(find_modes(result.gmm), result.layout)
    database_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(result.state.database))
    table = summary_table(
        result.gmm, modes, result.history, result.status, max_modes, database_bytes, names
    )
    return f"{table}\n\n{component_table(result.components(), max_modes)}"


def summary_table(
    gmm: GMM,
    modes: Modes,
    history: dict[str, np.ndarray],
    status: str,
    max_modes: int,
    database_bytes: int,
    names: Sequence[str] | None = None,
) -> str:
    """Returns the summary of a run.

    Args:
        gmm: the fitted mixture.
        modes: of it.
        history: of the run.
        status: how the run ended.
        max_modes: maximum number of modes to list, the heaviest first.
        database_bytes: size of the sample database, including its buffers.
        names: of the numbers of a location, if they have names.
    """
    count, dim = gmm.means.shape
    last = {name: values[-1] for name, values in history.items()}
    lines = [
        f"{plural(count, gmm.component_noun)} in {plural(dim, 'dimension')}, "
        f"{gmm.form.title} covariances; {status}",
        f"  {'iterations':<20}{last['iteration']:>14,}   "
        f"in {last['wall_time']:.1f} s with compilation",
        f"  {'target evaluations':<20}{last['num_target_evaluations']:>14,}"
        f"   and {last['num_diagnostic_evaluations']:,} for diagnostics",
    ]
    if np.isfinite(last["elbo"]):
        beta = last["temperature"]
        power = "" if beta == 1.0 else f", of p^(1/{beta:.3g})"
        lines.append(
            f"  {'ELBO':<20}{last['elbo']:>14.4f}   standard error {last['elbo_stderr']:.4f} "
            f"nats{power}"
        )
    if last["outside_share"] > 0.0:
        share = f"{last['outside_share']:.1%}"
        lines.append(
            f"  {'outside of support':<20}{share:>14}   of the draws; the ELBO is truncated to it"
        )
    lines.append(
        f"  {'components':<20}{history['num_added'].sum():>14,}   added, "
        f"{history['num_deleted'].sum():,} deleted during the run"
    )
    lines.append(
        f"  {'rejected updates':<20}{history['num_rejected_updates'].sum():>14,}   "
        f"unusable samples {history['num_unusable_samples'].sum():,}"
    )
    lines.append(
        f"  {'memory of samples':<20}{database_bytes / 2**20:>14,.1f}   MiB, reserved for what is "
        f"reused"
    )
    return "\n".join([*lines, "", *mode_lines(modes, max_modes, names)])


def modes_in_words(modes: Modes, layout: PositionLayout | None) -> tuple[Modes, list[str] | None]:
    """Returns modes whose locations are the numbers of the position, and the numbers' names.

    Args:
        modes: of a mixture.
        layout: of the position, None if it is a vector.
    """
    if layout is None:
        return modes, None
    return modes._replace(locations=layout.values(modes.locations)), layout.value_names


def mode_lines(modes: Modes, max_modes: int, names: Sequence[str] | None = None) -> list[str]:
    """Returns a line per mode, the heaviest first.

    Args:
        modes: of a mixture.
        max_modes: at most so many are listed.
        names: of the numbers of a location, where they have any.
    """
    num_modes = len(modes.masses)
    lines = [f"{plural(num_modes, 'mode')} of the mixture, heaviest first"]
    lines.append(f"  {'mass':>8} {'components':>11} {'log q':>10}   location")
    for index in range(min(num_modes, max_modes)):
        own = int(np.sum(modes.components == index))
        head = f"  {modes.masses[index]:>8.4f} {own:>11} {modes.log_densities[index]:>10.2f}   "
        lines.append(head + _location(modes.locations[index], WIDTH - len(head), names))
    if num_modes > max_modes:
        rest = modes.masses[max_modes:].sum()
        others = plural(num_modes - max_modes, "more mode")
        lines.append(f"  {rest:>8.4f} {'':>11} {'':>10}   in {others}")
    return lines


def run_table(
    seeds: Sequence[int], statuses: Sequence[str], history: Mapping[str, np.ndarray]
) -> list[str]:
    """Returns a line per run: seed, ELBO, components, evaluations, how it ended.

    Args:
        seeds: of the R runs.
        statuses: how each ended.
        history: of all runs, columns [rows, R].
    """
    last = {name: values[-1] for name, values in history.items()}
    lines = [
        f"{plural(len(seeds), 'run')} of {plural(last['iteration'].max(), 'iteration')} in "
        f"{last['wall_time'].max():.1f} s with compilation",
        f"  {'seed':>8} {'ELBO':>12} {'std. error':>11} {'components':>11} {'evaluations':>14}   "
        f"status",
    ]
    for index, (seed, status) in enumerate(zip(seeds, statuses, strict=True)):
        row = {name: values[index] for name, values in last.items()}
        lines.append(
            f"  {seed:>8} {row['elbo']:>12.4f} {row['elbo_stderr']:>11.4f} "
            f"{row['num_components']:>11} {row['num_target_evaluations']:>14,}   {status}"
        )
    return lines


def component_table(components: dict[str, np.ndarray], max_rows: int) -> str:
    """Returns a line per component, the heaviest first.

    Args:
        components: see ``TrainResult.components``.
        max_rows: maximum number of components to list.
    """
    order = np.argsort(-components["weight"], kind="stable")
    lines = [
        "components, heaviest first",
        f"  {'weight':>8} {'age':>7} {'eff. samples':>13} {'KL of step':>11} {'stepsize':>10} "
        f"{'rejected':>9}",
    ]
    shown = order[:max_rows]
    shown = shown[components["weight"][shown] >= _LEAST_WEIGHT]
    for index in shown:
        row = {name: values[index] for name, values in components.items()}
        lines.append(
            f"  {row['weight']:>8.4f} {row['age']:>7,} {row['effective_samples']:>13,.1f} "
            f"{row['divergence']:>11.2g} {row['stepsize']:>10.3g} {row['num_rejected']:>9,}"
        )
    num_left = len(order) - len(shown)
    if num_left:
        rest = components["weight"][order[len(shown) :]].sum()
        lines.append(f"  {rest:>8.4f} in {plural(num_left, 'more component')}")
    return "\n".join(lines)
