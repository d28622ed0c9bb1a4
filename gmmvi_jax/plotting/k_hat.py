"""A figure of the tail of importance ratios, whose shape is k-hat."""

from typing import TYPE_CHECKING

import numpy as np

from gmmvi_jax.evaluation.psis import describe_k_hat, k_hat_limit, size_of_tail
from gmmvi_jax.evaluation.weighted_draws import WeightedDraws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTEXT = 10  # times as many ratios as the tail has are shown
MIN_RANGE = 0.1  # nats; less is rounding

RATIO_COLOUR = "0.45"
TAIL_COLOUR = "tab:blue"
LIMIT_COLOUR = "tab:red"


def plot_k_hat(axes: "Axes", draws: WeightedDraws) -> "Axes":
    """Draws the largest importance ratios p~ / q, and the Pareto tail that is fitted to them.

    On these scales a Pareto tail becomes a straight line, whose slope is k-hat: the log ratio over
    the log of the share of draws that have a larger one. The dotted line is the heaviest tail of
    this scale with which importance sampling is reliable, usually that of k-hat 0.7.

    Args:
        axes: to draw on.
        draws: see ``TrainResult.weighted_draws``.

    Raises:
        TypeError: ``draws`` are something else.
    """
    if not isinstance(draws, WeightedDraws):
        raise TypeError(
            f"draws must be of result.weighted_draws(), got {type(draws).__name__}; e.g. "
            f"plot_k_hat(axes, result.weighted_draws())."
        )
    count, tail = len(draws.weights), size_of_tail(len(draws.weights))
    limit = k_hat_limit(count)
    ratios = draws.log_p - draws.log_q
    ratios = np.where(np.isnan(ratios), -np.inf, ratios)
    order = np.argsort(-ratios, kind="stable")
    shares = (np.arange(count) + 0.5) / count  # [N] of the draws with larger ratios
    start = ratios[order[tail]]
    ranked = ratios[order] - (start if np.isfinite(start) else ratios.max())
    shown = np.isfinite(ranked) & (np.arange(count) < CONTEXT * tail)
    axes.plot(shares[shown], ranked[shown], ".", color=RATIO_COLOUR, markersize=4.0, label="draws")
    # Without a finite ratio below the tail, it has no scale that could be drawn.
    if np.isfinite(draws.k_hat) and np.isfinite(start):
        spread = -np.log((np.arange(tail) + 0.5) / tail)  # [tail] descending
        scale = _scale(draws.weights[order], spread, draws.k_hat)
        for shape, colour, style, label in (
            (draws.k_hat, TAIL_COLOUR, "-", f"fit to {tail:,} draws, k-hat = {draws.k_hat:.2f}"),
            (limit, LIMIT_COLOUR, ":", f"with k-hat = {limit:.2f}, the most that is reliable"),
        ):
            curve = np.log1p(scale * _quantiles(spread, shape))
            axes.plot(shares[:tail], curve, style, color=colour, label=label)
    axes.axvline(float(shares[tail]), color="0.8", linewidth=0.8, zorder=0)
    axes.set(
        xlabel="share of draws with a larger ratio",
        ylabel="log p - log q, above the start of the tail [nats]",
        xscale="log",
    )
    title = f"k-hat = {draws.k_hat:.2f}, {describe_k_hat(draws.k_hat, count)}"
    axes.set_title(title, fontsize="medium")
    low, high = axes.get_ylim()
    if high - low < MIN_RANGE:
        axes.set_ylim(-MIN_RANGE, MIN_RANGE)
    axes.invert_xaxis()
    axes.legend(loc="upper left")
    return axes


def _quantiles(spread: np.ndarray, shape: float) -> np.ndarray:
    """Returns the quantiles of the Pareto tail of scale 1, at minus the log of their shares."""
    return spread if shape == 0.0 else np.expm1(shape * spread) / shape


def _scale(weights: np.ndarray, spread: np.ndarray, k_hat: float) -> float:
    """Returns the scale of the fitted tail, relative to the ratio where it begins.

    Args:
        weights: [N] Pareto-smoothed: those of the tail are its quantiles.
        spread: [tail] minus the log of the shares of the tail.
        k_hat: of the weights.
    """
    tail = len(spread)
    excess = weights[:tail] / weights[tail] - 1.0
    middle = slice(tail // 4, None)  # the largest weights are truncated
    return float(np.median(excess[middle] / _quantiles(spread[middle], k_hat)))
