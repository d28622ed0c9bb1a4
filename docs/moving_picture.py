"""Draws the README's moving picture: ``python docs/moving_picture.py`` writes ``docs/growing.gif``.

SAMTRON on a ring with eight bumps, from one wide Gaussian: a frame every three iterations, the
mixture on the density at the left, its ELBO so far at the right.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

import gmmvi_jax as gmmvi

_FILE = Path(__file__).parent / "growing.gif"
_FRAMES_PER_SECOND = 8
_PAUSE = 16  # frames at the end
_LIGHTEST = 1e-3  # weight of a component that is drawn


def log_density(x: jax.Array) -> jax.Array:
    """Returns the log density (scalar) at ``x`` [2]."""
    radius = jnp.sqrt(jnp.sum(x**2) + 1e-12)
    angle = jnp.arctan2(x[1], x[0])
    return -0.5 * ((radius - 4.0) / 0.4) ** 2 + 1.5 * jnp.cos(8.0 * angle)


def _log_z() -> float:
    """Returns the log normaliser, by brute force on a grid."""
    grid = np.linspace(-7.0, 7.0, 1401)
    points = jnp.stack(jnp.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    total = jax.nn.logsumexp(jax.vmap(log_density)(points))
    return float(total) + 2.0 * float(np.log(grid[1] - grid[0]))


def _density_on_a_grid() -> tuple[np.ndarray, np.ndarray]:
    """Returns a side [n] of a square grid, and the density [n, n] on it."""
    side = np.linspace(-6.0, 6.0, 241)
    points = jnp.stack(jnp.meshgrid(side, side), axis=-1).reshape(-1, 2)
    values = jax.vmap(log_density)(points).reshape(len(side), len(side))
    return side, np.asarray(jnp.exp(values - jnp.max(values)))


def _outlines(gmm: gmmvi.GMM) -> np.ndarray:
    """Returns [K, 2, 100] points two standard deviations around the means of heavy components."""
    heavy = np.asarray(gmm.weights) > _LIGHTEST
    angles = np.linspace(0.0, 2.0 * np.pi, 100)
    circle = 2.0 * np.stack([np.cos(angles), np.sin(angles)])
    return np.asarray(gmm.means)[heavy, :, None] + np.asarray(gmm.factors)[heavy] @ circle


def main() -> None:
    """Fits, and writes the picture."""
    config = gmmvi.samtron(
        dim=2,
        prior_scale=2.0,
        num_iterations=99,
        log_every=3,
        add_iters=6,
        max_components=30,
        desired_samples=100,
    )
    frames = []

    def remember(state: gmmvi.TrainState, row: dict[str, float]) -> None:
        frames.append((state.gmm(), row))

    gmmvi.train(config, log_density, callbacks=[remember])
    log_z = _log_z()
    spent = [row["num_target_evaluations"] / 1000 for _, row in frames]
    elbos = [row["elbo"] for _, row in frames]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained")
    side, density = _density_on_a_grid()
    left.contourf(side, side, density, levels=12, cmap="Blues")
    left.set(xlim=(-6, 6), ylim=(-6, 6), aspect="equal", xticks=[], yticks=[])
    most = max(gmm.num_components for gmm, _ in frames)
    ellipses = [left.plot([], [], color="C3", linewidth=1.0)[0] for _ in range(most)]
    (curve,) = right.plot([], [], "C3")
    right.axhline(log_z, color="black", linewidth=0.8, linestyle=":")
    right.text(0.0, log_z, " log Z", va="bottom", fontsize=9)
    right.set(xlim=(0.0, max(spent)), ylim=(log_z - 2.5, log_z + 0.3))
    right.set(xlabel="evaluations of the density, thousands", ylabel="ELBO, nats")

    def draw(index: int) -> list[plt.Artist]:
        index = min(index, len(frames) - 1)
        gmm, row = frames[index]
        outlines = _outlines(gmm)
        for number, ellipse in enumerate(ellipses):
            shown = outlines[number] if number < len(outlines) else np.empty((2, 0))
            ellipse.set_data(*shown)
        count = f"{gmm.num_components} component" + "s" * (gmm.num_components > 1)
        left.set_title(f"iteration {row['iteration']}: {count}", fontsize=10)
        curve.set_data(spent[: index + 1], elbos[: index + 1])
        return []

    animation = FuncAnimation(figure, draw, frames=len(frames) + _PAUSE)
    animation.save(_FILE, PillowWriter(fps=_FRAMES_PER_SECOND), dpi=80)


if __name__ == "__main__":
    main()
