"""What the figure of importance ratios shows, read back from the axes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from gmmvi_jax import GMM, plotting
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.psis import k_hat_limit, psis, size_of_tail
from gmmvi_jax.evaluation.weighted_draws import WeightedDraws, weighted_draws

COUNT = 1_000
NORMAL = Posterior(GMM.from_moments([1.0], [[0.0]], [[1.0]]))


def pareto(shape: float) -> WeightedDraws:
    """Returns draws whose ratios are Pareto quantiles, so that the tail is straight."""
    ratios = -shape * np.log((np.arange(COUNT) + 0.5) / COUNT)
    log_weights, k_hat = psis(jnp.asarray(ratios, jnp.float32))
    nothing = np.zeros((COUNT, 1))
    weights = np.exp(np.asarray(log_weights, float))
    return WeightedDraws(nothing, nothing, ratios, np.zeros(COUNT), weights, float(k_hat))


def lines_of(draws: WeightedDraws) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns the axes, and its lines by the first words of their labels."""
    panel: Any = Figure().subplots()
    assert plotting.plot_k_hat(panel, draws) is panel
    named = {str(line.get_label()).split(" ")[0]: line for line in panel.lines}
    return panel, {name: np.stack(line.get_data(), axis=-1) for name, line in named.items()}


@pytest.mark.parametrize(("shape", "words"), [(0.3, "good"), (0.9, "high")])
def test_the_fit_runs_through_a_pareto_tail(shape, words):
    draws = pareto(shape)
    panel, lines = lines_of(draws)
    tail = size_of_tail(COUNT)
    assert len(lines["fit"]) == len(lines["with"]) == tail
    np.testing.assert_allclose(lines["draws"][:tail, 1], lines["fit"][:, 1], atol=0.3)
    slopes = np.diff(lines["fit"][:, 1]) / np.diff(np.log(lines["fit"][:, 0]))
    assert -slopes[0] == pytest.approx(draws.k_hat, abs=0.03)
    is_steeper = lines["fit"][0, 1] > lines["with"][0, 1]
    assert is_steeper == (draws.k_hat > k_hat_limit(COUNT))
    assert panel.get_title().startswith(f"k-hat = {draws.k_hat:.2f}, {words}")


def test_what_has_no_draws_is_refused():
    wrong: Any = NORMAL
    with pytest.raises(TypeError, match=r"of result.weighted_draws\(\), got Posterior"):
        plotting.plot_k_hat(Figure().subplots(), wrong)
    with pytest.raises(TypeError, match=r"callbacks.timeline\(\) that was .*got Posterior"):
        plotting.plot_timeline(Figure().subplots(), wrong)


def test_the_label_has_the_value_of_the_draws():
    draws = weighted_draws(NORMAL, lambda x: -0.4 * x @ x, 0, COUNT)
    panel, lines = lines_of(draws)
    log_weights, k_hat = psis(jnp.asarray(draws.log_p - draws.log_q, jnp.float32))
    assert draws.k_hat == pytest.approx(float(k_hat), abs=1e-3)
    texts = [text.get_text() for text in panel.get_legend().get_texts()]
    assert texts[1].endswith(f"k-hat = {draws.k_hat:.2f}")
    assert texts[2] == f"with k-hat = {k_hat_limit(COUNT):.2f}, the most that is reliable"
    # Below the truncation at the largest weight the fit is what smoothing has made of the weights.
    tail = size_of_tail(COUNT)
    smoothed = np.sort(np.asarray(log_weights))[::-1]
    smoothed = smoothed - smoothed[tail]
    middle = slice(tail // 4, tail)
    np.testing.assert_allclose(lines["fit"][middle, 1], smoothed[middle], atol=0.01)


@pytest.mark.parametrize(
    ("log_density", "has_fit"),
    [
        (lambda x: -0.5 * x @ x, True),
        (lambda x: jnp.where(jnp.abs(x[0]) < 0.005, 0.0, -jnp.inf), False),
        (lambda x: jnp.where(x[0] > 0.0, -0.4 * x @ x, jnp.nan), True),
    ],
    ids=["exact", "almost nowhere", "nan"],
)
def test_ratios_without_a_tail_are_drawn(log_density, has_fit):
    panel, lines = lines_of(weighted_draws(NORMAL, log_density, 0, COUNT))
    assert ("fit" in lines) == has_fit
    assert np.isfinite(lines["draws"]).all()
    assert np.ptp(panel.get_ylim()) >= 0.1
    panel.figure.draw_without_rendering()
