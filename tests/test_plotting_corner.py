"""What a corner plot shows, read back from the axes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from gmmvi_jax import GMM, domains, plotting
from gmmvi_jax.densities.position import position_layout
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.plotting.corner import LIGHT

GMM_3D = GMM.from_moments(
    [0.595, 0.3, 0.1, 0.005],
    means=[[0.0, 1.0, 2.0], [3.0, -2.0, 0.0], [0.0, 4.0, 0.0], [9.0, 9.0, 9.0]],
    covariances=[[1.0, 2.0, 0.5], [0.5, 0.1, 3.0], [2.0, 0.2, 1.0], [1.0, 1.0, 1.0]],
)
LAYOUT = position_layout({"mu": jnp.zeros(2), "sigma": jnp.ones(())}, {"sigma": domains.positive})


def test_heavy_components_are_ellipses_below_the_diagonal():
    panels = plotting.plot_corner(Figure(), GMM_3D)
    assert panels.shape == (3, 3)
    num_heavy = int(np.sum(np.asarray(GMM_3D.weights) >= LIGHT))
    assert num_heavy == 3
    for row, column in zip(*np.tril_indices(3, -1), strict=True):
        lines = panels[row, column].lines
        assert len(lines) == num_heavy
        for line, mean, variances in zip(lines, GMM_3D.means, GMM_3D.variances, strict=False):
            points = np.stack(line.get_data(), axis=-1)
            offsets = points - np.asarray(mean)[[column, row]]
            squared = np.sum(offsets**2 / np.asarray(variances)[[column, row]], axis=1)
            np.testing.assert_allclose(squared, 4.0, rtol=1e-4)
    assert not any(panels[row, column].axison for row, column in ((0, 1), (0, 2), (1, 2)))


def test_the_diagonal_has_the_exact_marginals():
    panels = plotting.plot_corner(Figure(), GMM_3D)
    for dim in range(3):
        *parts, total = panels[dim, dim].lines
        assert len(parts) == 3
        points, values = total.get_data()
        expected = np.exp(GMM_3D.marginal(dim).log_prob(points[:, None].astype(np.float32)))
        np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-6)


def test_regions_have_their_share_of_the_mass():
    panels = plotting.plot_corner(Figure(), GMM_3D, [0, 2])
    (regions,) = panels[1, 0].collections
    outer, inner = regions.levels[:2]
    values = np.asarray(GMM_3D.marginal([0, 2]).log_prob(GMM_3D.sample(7, 20_000)[:, [0, 2]]))
    assert np.mean(values > outer) == pytest.approx(0.9, abs=0.02)
    assert np.mean(values > inner) == pytest.approx(0.5, abs=0.03)
    assert panels[1, 0].get_xlabel() == "x[0]"
    assert panels[1, 0].get_ylabel() == "x[2]"


def test_numbers_with_a_domain_are_those_of_the_position():
    posterior = Posterior(GMM_3D, LAYOUT)
    samples = posterior.sample(1, 20_000)
    draws = np.stack([samples["mu"][:, 0], samples["sigma"]], axis=-1)
    panels = plotting.plot_corner(Figure(), posterior, ["mu[0]", "sigma"])
    assert [panel.get_xlabel() for panel in panels[1]] == ["mu[0]", "sigma"]
    (outline,) = panels[1, 1].patches
    steps = outline.get_xy()  # [N, 2]
    assert np.sum(np.diff(steps[:, 0]) * steps[:-1, 1]) == pytest.approx(1.0, abs=0.02)
    low, high = panels[1, 1].get_xlim()
    assert np.mean((draws[:, 1] > low) & (draws[:, 1] < high)) > 0.995
    assert low >= draws[:, 1].min()  # a scale is not drawn below 0
    (cells,) = panels[1, 0].collections
    shown = np.ma.filled(cells.get_array(), 0).T
    ranges = [panels[1, 0].get_xlim(), (low, high)]
    counts = np.histogram2d(*draws.T, bins=shown.shape, range=ranges)[0]
    assert counts[shown >= 1].sum() / len(draws) == pytest.approx(0.9, abs=0.02)
    assert counts[shown == 2].sum() / len(draws) >= 0.45


def test_the_legend_lists_components_only_where_some_are_drawn():
    posterior = Posterior(GMM_3D, LAYOUT)
    for chosen, count in ((["mu[0]", "sigma"], 1), (["sigma"], 0)):
        panels = plotting.plot_corner(Figure(), posterior, chosen)
        labels = [text.get_text() for text in panels[0, -1].get_legend().get_texts()]
        assert sum("components" in label for label in labels) == count


def test_reference_samples_are_positions_and_labels_say_which_coordinates_are_free():
    posterior = Posterior(GMM_3D, LAYOUT)
    reference = posterior.sample(0, 300)
    reference["mu"] = reference["mu"].at[:, 0].add(40.0)  # a mode that the mixture has not
    figure = Figure()
    panels = plotting.plot_corner(
        figure, posterior, ["mu[0]", "sigma.free"], reference_samples=reference
    )
    assert [panel.get_xlabel() for panel in panels[1]] == ["mu[0]", "sigma.free"]
    (dots,) = [own for own in panels[1, 0].collections if isinstance(own, PathCollection)]
    expected = np.stack([reference["mu"][:, 0], LAYOUT.ravel(reference)[:, 2]], axis=-1)
    np.testing.assert_allclose(np.asarray(dots.get_offsets()), expected, rtol=1e-5)
    assert panels[0, 0].get_xlim()[1] > 40.0
    texts = [text.get_text() for text in panels[0, 1].get_legend().get_texts()]
    assert texts[-1] == "reference, 300 samples"
    figure.draw_without_rendering()


def test_the_five_widest_coordinates_are_the_default():
    deviations = np.array([1.0, 7.0, 3.0, 0.1, 5.0, 2.0, 4.0], np.float32)
    gmm = GMM(jnp.zeros(1), jnp.zeros((1, 7)), jnp.asarray(deviations)[None])
    panels = plotting.plot_corner(Figure(), gmm)
    assert [panel.get_xlabel() for panel in panels[-1]] == [f"x[{d}]" for d in (1, 2, 4, 5, 6)]


def test_unknown_coordinates_are_refused():
    with pytest.raises(ValueError, match=r"no coordinate 'sigm'; did you mean 'sigma"):
        plotting.plot_corner(Figure(), Posterior(GMM_3D, LAYOUT), ["sigm"])
    with pytest.raises(ValueError, match=r"no coordinate 'w'. It has mu\[0\], mu\[1\], sigma"):
        plotting.plot_corner(Figure(), Posterior(GMM_3D, LAYOUT), ["w"])
    with pytest.raises(ValueError, match="coordinate 3 must lie between 0 and 2"):
        plotting.plot_corner(Figure(), GMM_3D, [3])
    with pytest.raises(ValueError, match="different"):
        plotting.plot_corner(Figure(), GMM_3D, [0, "x[0]"])


def test_arguments_of_another_type_are_refused():
    figure: Any = Figure()
    wrong: Any = "x[0]"
    with pytest.raises(TypeError, match="coordinates must be a list"):
        plotting.plot_corner(figure, GMM_3D, wrong)
    with pytest.raises(TypeError, match=r"figure must be a matplotlib Figure, got Axes"):
        plotting.plot_corner(figure.subplots(), GMM_3D)
    for draw in (plotting.plot_corner, plotting.plot_marginals, plotting.plot_mixture_2d):
        with pytest.raises(TypeError, match="needs a result, its posterior or a mixture"):
            draw(figure, wrong)
    with pytest.raises(ValueError, match=r"shape \[N, 3\], got \(5, 2\)"):
        plotting.plot_corner(Figure(), GMM_3D, reference_samples=np.ones((5, 2)))
