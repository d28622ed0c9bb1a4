"""What the figures show, read back from the axes, and the report as a PNG."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from gmmvi_jax import GMM, domains, plotting, targets
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.plotting.coordinates import select
from gmmvi_jax.plotting.figures import DPI
from gmmvi_jax.plotting.marginals import MAX_CONTRIBUTIONS
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Status

FULL = GMM.from_moments(
    [0.8, 0.2],
    means=[[0.0, 1.0], [3.0, -2.0]],
    covariances=[[[1.0, 0.6], [0.6, 2.0]], [[0.5, 0.0], [0.0, 0.1]]],
)
DIAGONAL = GMM.from_moments([0.8, 0.2], FULL.means, FULL.variances)


def history(elbo: Any, evaluations: Any = None) -> dict[str, np.ndarray]:
    elbo = np.asarray(elbo, float)
    count = len(elbo)
    default = 100 * np.arange(1, count + 1)
    return {
        "iteration": 25 * np.arange(1, count + 1),
        "num_components": np.arange(1, count + 1),
        "num_target_evaluations": default if evaluations is None else np.asarray(evaluations),
        "elbo": elbo,
        "elbo_stderr": np.full(count, 0.5),
    }


def run(gmm: GMM) -> TrainResult:
    nothing: Any = None
    rows = history([-1e6, -30.0, -8.0, -7.0, -6.5])
    return TrainResult(
        gmm=gmm, state=nothing, history=rows, status=Status.COMPLETED, config=nothing
    )


def wide_mixture(count: int, dim: int) -> GMM:
    generator = np.random.default_rng(0)
    arrays = (
        np.log(generator.dirichlet(np.ones(count))),
        generator.normal(0.0, 5.0, (count, dim)),
        np.ones((count, dim)),
    )
    return GMM(*(jnp.asarray(array, jnp.float32) for array in arrays))


def axes() -> Any:
    return Figure().subplots()


def grid_of_axes(rows: int, columns: int) -> Any:
    return Figure().subplots(rows, columns, squeeze=False)


def drawn(panel: Any) -> list[np.ndarray]:
    """Returns every line of the panel as [N, 2]."""
    return [np.stack(line.get_data(), axis=-1) for line in panel.lines]


def test_elbo_range_is_that_of_the_last_four_fifths():
    panel = axes()
    plotting.plot_elbo(panel, history([-1e6, -9.0, -8.0, -7.0, -6.0]))
    low, high = panel.get_ylim()
    assert -13.0 < low < -10.0  # two standard errors below -9, and a little
    assert -5.0 < high < -4.0
    assert "nats" in panel.get_ylabel()
    assert panel.get_xlabel() == "target evaluations"


def test_evaluations_begin_where_the_estimates_come_into_sight():
    panel = axes()
    plotting.plot_elbo(panel, history([-1e6, -1e5, -9.0, -8.0, -7.0, -6.0, -6.0, -6.0, -6.0, -6.0]))
    assert panel.get_xlim()[0] == 200.0


def test_elbo_band_is_two_standard_errors():
    panel = axes()
    plotting.plot_elbo(panel, history([-9.0, -8.0]))
    band = panel.collections[0].get_paths()[0].get_extents()
    assert (band.ymin, band.ymax) == pytest.approx((-10.0, -7.0))


@pytest.mark.parametrize(("last", "scale"), [(900, "linear"), (1_100, "log")])
def test_evaluations_over_a_decade_are_on_a_log_scale(last, scale):
    panel = axes()
    plotting.plot_elbo(panel, history([-9.0, -8.0], [100, last]))
    assert panel.get_xscale() == scale


@pytest.mark.parametrize("elbo", [[np.nan, np.nan], [-np.inf, np.nan]])
def test_elbo_that_is_not_known_is_said_to_be_missing(elbo):
    panel = axes()
    plotting.plot_elbo(panel, history(elbo))
    assert not panel.lines
    assert panel.texts[0].get_text() == "not estimated"


def test_unknown_elbo_estimates_are_left_out():
    panel = axes()
    plotting.plot_elbo(panel, history([-np.inf, -9.0, np.nan, -8.0]))
    assert drawn(panel)[0].tolist() == [[200.0, -9.0], [400.0, -8.0]]


def test_a_single_estimate_has_a_range():
    panel = axes()
    rows = history([-9.0])
    rows["elbo_stderr"][:] = 0.0
    plotting.plot_elbo(panel, rows)
    assert panel.get_ylim() == pytest.approx((-10.0, -8.0))


def test_an_elbo_that_is_known_to_a_hair_is_not_magnified():
    panel = axes()
    rows = history([-9.0, -9.0 + 1e-7, -9.0])
    rows["elbo_stderr"][:] = 1e-8
    plotting.plot_elbo(panel, rows)
    low, high = panel.get_ylim()
    assert high - low == pytest.approx(0.01, rel=0.01)
    panel.figure.draw_without_rendering()
    assert panel.yaxis.get_offset_text().get_text() == ""


def test_components_are_counted_from_zero_over_iterations():
    panel = axes()
    plotting.plot_num_components(panel, history([0.0, 0.0, 0.0]))
    assert drawn(panel)[0].tolist() == [[25.0, 1.0], [50.0, 2.0], [75.0, 3.0]]
    assert panel.get_ylim()[0] == 0.0
    assert all(tick == round(tick) for tick in panel.get_yticks())


@pytest.mark.parametrize("gmm", [FULL, DIAGONAL])
def test_ellipses_are_two_standard_deviations(gmm):
    panel = axes()
    plotting.plot_mixture_2d(panel, gmm)
    for points, mean, covariance in zip(drawn(panel), gmm.means, gmm.covariances, strict=True):
        offsets = points - np.asarray(mean)
        squared = np.sum(offsets * np.linalg.solve(np.asarray(covariance), offsets.T).T, axis=1)
        assert squared == pytest.approx(np.full(len(points), 4.0), rel=1e-4)
    heavy, light = panel.lines
    assert heavy.get_linewidth() > light.get_linewidth()
    assert heavy.get_alpha() == 1.0 > light.get_alpha()


def test_the_upper_triangle_of_a_factor_is_not_read():
    factors = FULL.factors.at[:, 0, 1].set(jnp.nan)
    panel = axes()
    plotting.plot_mixture_2d(panel, GMM(FULL.log_weights, FULL.means, factors))
    assert all(np.isfinite(points).all() for points in drawn(panel))


def test_bounds_show_all_but_the_lightest_components():
    panel = axes()
    means = jnp.concatenate([FULL.means, jnp.array([[1e3, 1e3]])])
    variances = jnp.concatenate([FULL.variances, jnp.ones((1, 2))])
    plotting.plot_mixture_2d(panel, GMM.from_moments([0.8, 0.2, 1e-5], means, variances))
    for (low, high), dim in ((panel.get_xlim(), 0), (panel.get_ylim(), 1)):
        deviations = np.sqrt(np.asarray(FULL.variances))[:, dim]
        centres = np.asarray(FULL.means)[:, dim]
        assert low == pytest.approx(np.min(centres - 4.0 * deviations), rel=1e-5)
        assert high == pytest.approx(np.max(centres + 4.0 * deviations), rel=1e-5)


def test_bounds_can_be_given():
    panel = axes()
    plotting.plot_mixture_2d(panel, FULL, bounds=[(-1.0, 2.0), (-3.0, 4.0)])
    assert panel.get_xlim() == (-1.0, 2.0)
    assert panel.get_ylim() == (-3.0, 4.0)


@pytest.mark.parametrize(
    ("log_density", "is_seen"),
    [
        (lambda x: -0.5 * jnp.sum(x**2), True),
        (lambda x: jnp.where(x[0] > 0.0, -x[0], -jnp.inf), True),
        (lambda x: jnp.nan * x[0], False),
    ],
    ids=["normal", "bounded support", "never defined"],
)
@pytest.mark.parametrize("color_bar", [True, False])
def test_contours_of_the_target_where_it_is_defined(log_density, is_seen, color_bar):
    panel = axes()
    plotting.plot_mixture_2d(panel, FULL, log_density, color_bar=color_bar)
    assert bool(panel.collections) == is_seen
    assert len(panel.figure.axes) == 1 + (is_seen and color_bar)
    panel.figure.draw_without_rendering()


def test_mixture_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="dimension 2, got 3"):
        plotting.plot_mixture_2d(axes(), wide_mixture(2, 3))


@pytest.mark.parametrize("dim", [0, 1])
def test_marginals_are_the_textbook_densities(dim):
    panels = grid_of_axes(1, 1)
    plotting.plot_marginals(panels, FULL, [dim])
    *contributions, total = drawn(panels[0, 0])
    points = total[:, 0]
    expected = []
    for weight, mean, covariance in zip(FULL.weights, FULL.means, FULL.covariances, strict=True):
        variance = float(covariance[dim, dim])
        squared = (points - float(mean[dim])) ** 2 / variance
        expected.append(float(weight) * np.exp(-0.5 * squared) / np.sqrt(2.0 * np.pi * variance))
    for contribution, density in zip(contributions, expected, strict=True):
        assert contribution[:, 1] == pytest.approx(density, abs=1e-5)
    assert total[:, 1] == pytest.approx(np.sum(expected, axis=0), abs=1e-5)


def test_narrow_components_are_seen_next_to_wide_ones():
    panels = grid_of_axes(1, 1)
    gmm = GMM.from_moments([0.5, 0.5], [[0.0], [1.0]], [[1e4], [1e-4]])
    plotting.plot_marginals(panels, gmm)
    total = drawn(panels[0, 0])[-1]
    assert total[:, 1].max() == pytest.approx(0.5 / np.sqrt(2.0 * np.pi * 1e-4), rel=0.01)
    assert np.trapezoid(total[:, 1], total[:, 0]) == pytest.approx(1.0, abs=0.03)


def test_only_so_many_contributions_are_drawn():
    panels = grid_of_axes(1, 1)
    plotting.plot_marginals(panels, wide_mixture(MAX_CONTRIBUTIONS + 7, 1))
    assert len(panels[0, 0].lines) == MAX_CONTRIBUTIONS + 1


def test_widest_dimensions_come_first_and_spare_axes_are_hidden():
    gmm = GMM.from_moments([0.5, 0.5], [[0.0, 0.0, -9.0], [0.0, 0.0, 9.0]], jnp.ones((2, 3)))
    gmm = GMM(gmm.log_weights, gmm.means, gmm.factors.at[:, 0].set(2.0))
    assert [own.free for own in select(Posterior(gmm), None, 1)] == [2]
    assert [own.free for own in select(Posterior(gmm), None, 2)] == [0, 2]
    panels = grid_of_axes(2, 2)
    plotting.plot_marginals(panels, gmm, [2, 0])
    assert [panel.get_visible() for panel in panels.flat] == [True, True, False, False]
    assert [panel.get_xlabel() for panel in panels[0]] == ["x[2]", "x[0]"]


def test_more_dimensions_than_axes_are_refused():
    with pytest.raises(ValueError, match="2 dimensions need as many axes, got 1"):
        plotting.plot_marginals(grid_of_axes(1, 1), FULL, [0, 1])


def test_arms_are_the_forward_kinematics_of_the_samples():
    target = targets.planar_robot(4)
    samples = jnp.asarray(np.random.default_rng(0).normal(0.0, 0.5, (3, 10)), jnp.float32)
    panel = axes()
    plotting.plot_arms(panel, target, samples)
    lines = drawn(panel)
    for arm, sample in zip(lines[:3], samples, strict=True):
        directions = np.cumsum(np.asarray(sample))
        ends = np.cumsum(np.stack([np.cos(directions), np.sin(directions)], axis=-1), axis=0)
        assert arm == pytest.approx(np.concatenate([np.zeros((1, 2)), ends]), abs=1e-5)
    goals, effectors, base = lines[3:]
    assert goals == pytest.approx(np.asarray(target.goals))
    assert effectors == pytest.approx(np.stack([arm[-1] for arm in lines[:3]]))
    assert base.tolist() == [[0.0, 0.0]]
    assert panel.get_aspect() == 1.0


@pytest.mark.parametrize(
    ("gmm", "target"),
    [
        (FULL, lambda x: -0.5 * jnp.sum(x**2)),
        (wide_mixture(3, 1), lambda x: -0.5 * jnp.sum(x**2)),
        (wide_mixture(60, 31), targets.breast_cancer()),
        # The arms themselves are drawn above, the motions in test_plotting_motion.py.
        pytest.param(wide_mixture(2, 10), targets.planar_robot(4), marks=pytest.mark.slow),
        pytest.param(wide_mixture(4, 30), targets.planar_motion(), marks=pytest.mark.slow),
    ],
    ids=["2-D", "1-D", "marginals", "arms", "motions"],
)
def test_report_is_a_picture(gmm, target, tmp_path):
    path = tmp_path / "report.png"
    assert isinstance(plotting.report(run(gmm), target, path), Figure)
    assert_is_picture(path)


def test_the_report_has_the_names_and_values_of_the_position():
    layout = position_layout({"w": jnp.full(3, 1 / 3), "b": 0.0}, {"w": domains.simplex})
    rows = dataclasses.replace(run(wide_mixture(2, 3)), layout=layout)
    panels = plotting.report(rows).subfigs[1].axes
    assert [panel.get_xlabel() for panel in panels] == ["b", "w[0]", "w[1]", "w[2]"]
    assert 0.0 <= panels[1].get_xlim()[1] <= 1.1
    two = position_layout({"mu": 0.0, "sigma": 1.0}, {"sigma": domains.positive})
    (panel,) = plotting.report(dataclasses.replace(run(FULL), layout=two)).subfigs[1].axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("mu", "sigma.free")


def test_a_result_plots_itself(tmp_path):
    result = run(FULL)
    figure = result.plot()
    assert list(tmp_path.iterdir()) == []  # without a path nothing is written
    assert figure.get_suptitle().startswith("2 components in 2 dimensions")
    assert len(figure.axes) == 3  # without a density there is no bar of its colours


def test_the_ending_of_the_path_says_what_is_written(tmp_path):
    plotting.report(run(FULL), path=tmp_path / "run.svg")
    assert "<svg" in (tmp_path / "run.svg").read_text()
    plotting.report(run(FULL), path=tmp_path / "run")
    assert (tmp_path / "run").read_bytes().startswith(b"\x89PNG")


def test_a_result_plots_its_density(tmp_path):
    def normal(x):
        return -0.5 * jnp.sum(x**2)

    result = dataclasses.replace(run(FULL), target=as_log_density(normal))
    figure = result.plot(tmp_path / "run.png")
    assert figure.get_suptitle().startswith("normal: 2 components")
    assert_is_picture(tmp_path / "run.png")


def test_functions_return_what_they_drew_on():
    panel, panels = axes(), grid_of_axes(1, 2)
    assert plotting.plot_elbo(panel, history([np.nan])) is panel
    assert plotting.plot_elbo(panel, history([-9.0])) is panel
    assert plotting.plot_num_components(panel, history([-9.0])) is panel
    assert plotting.plot_mixture_2d(panel, FULL) is panel
    assert plotting.plot_marginals(panels, FULL) is panels


def assert_is_picture(path: Path) -> None:
    pixels = image.imread(path)
    assert pixels.shape[:2] == (round(6.5 * DPI), round(13.0 * DPI))
    assert path.stat().st_size > 20_000
    for half in np.split(pixels[..., :3], 2, axis=1):
        assert np.ptp(half) > 0.5


def test_report_leaves_pyplot_alone(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    plotting.report(run(FULL), lambda x: -0.5 * jnp.sum(x**2), tmp_path / "report.png")
    assert "matplotlib.pyplot" not in sys.modules


def test_missing_matplotlib_is_told_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'gmmvi_jax\[plot\]'"):
        plotting.report(run(FULL), lambda x: x[0], tmp_path / "report.png")
