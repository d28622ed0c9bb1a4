"""The record of births, weights and deaths of components, and its figure."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from gmmvi_jax import callbacks, plotting
from gmmvi_jax.evaluation.timeline import Timeline, least_moved


def state(iteration: int, births: list[int], weights: list[float], means: list[float]) -> Any:
    """Returns what the record reads of a state, in buffers with a slot to spare."""
    with np.errstate(divide="ignore"):
        log_weights = np.log([*weights, 0.0])
    return SimpleNamespace(
        iteration=iteration,
        mixture=SimpleNamespace(
            num_components=len(births),
            log_weights=log_weights,
            gaussians=SimpleNamespace(mean=np.array([*means, 0.0])[:, None]),
        ),
        components=SimpleNamespace(ages=np.array([*(iteration - np.array(births)), 0])),
    )


def recorded() -> Timeline:
    """Returns the record of a run with deletions, additions and a split."""
    timeline = callbacks.timeline()
    timeline(state(10, [0, 0, 0], [0.5, 0.3, 0.2], [0.0, 5.0, 9.0]), {})
    timeline(state(20, [0, 0, 13], [0.6, 0.3, 0.1], [0.1, 8.9, 3.0]), {})
    timeline(state(30, [0, 13], [0.9, 0.1], [9.1, 3.1]), {})
    timeline(state(40, [30, 30, 30, 40], [0.4, 0.3, 0.2, 0.1], [9.0, 3.0, 3.1, 0.0]), {})
    return timeline


def test_components_are_followed_through_deletions_and_a_split():
    timeline = recorded()
    assert timeline.iterations.tolist() == [10, 20, 30, 40]
    assert timeline.births.tolist() == [0, 0, 0, 13, 30, 30, 30, 40]
    assert timeline.deaths.tolist() == [30, 20, 30, 30, -1, -1, -1, -1]
    nan = np.nan
    np.testing.assert_allclose(
        timeline.weights,
        [
            [0.5, 0.3, 0.2, nan, nan, nan, nan, nan],
            [0.6, nan, 0.3, 0.1, nan, nan, nan, nan],
            [nan, nan, 0.9, 0.1, nan, nan, nan, nan],
            [nan, nan, nan, nan, 0.4, 0.3, 0.2, 0.1],
        ],
    )


@pytest.mark.parametrize("gone", [[], [0], [3], [1, 2], [0, 4, 5], list(range(6))])
def test_those_that_are_left_moved_the_least(gone):
    before = np.random.default_rng(0).normal(size=(6, 3))
    left = np.setdiff1d(np.arange(6), gone)
    after = before[left] + 0.01 * np.random.default_rng(1).normal(size=(len(left), 3))
    assert least_moved(before, after).tolist() == left.tolist()


def test_a_second_run_needs_a_record_of_its_own():
    timeline = recorded()
    with pytest.raises(ValueError, match="iteration 10 came after 40"):
        timeline(state(10, [0], [1.0], [0.0]), {})


def test_bars_reach_from_birth_to_death():
    timeline = recorded()
    panel: Any = Figure().subplots()
    assert plotting.plot_timeline(panel, timeline) is panel
    (bars,) = panel.collections
    boxes = [path.get_extents() for path in bars.get_paths()]
    assert len(boxes) == np.isfinite(timeline.weights).sum()
    for index, (birth, death) in enumerate(zip(timeline.births, timeline.deaths, strict=True)):
        own = [box for box in boxes if round((box.y0 + box.y1) / 2) == index]
        assert min(box.x0 for box in own) == birth
        assert max(box.x1 for box in own) == (40 if death < 0 else _last_seen(timeline, index))
    assert bars.get_array().min() == pytest.approx(0.1)
    assert panel.get_xlim() == (0.0, 40.0)


def _last_seen(timeline: Timeline, index: int) -> int:
    return int(timeline.iterations[np.flatnonzero(np.isfinite(timeline.weights[:, index]))[-1]])


def test_an_empty_record_is_said_to_be_one():
    panel: Any = Figure().subplots()
    plotting.plot_timeline(panel, callbacks.timeline())
    assert panel.texts[0].get_text() == "no record"
