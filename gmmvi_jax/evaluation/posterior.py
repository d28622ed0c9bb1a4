"""A mixture as a distribution of the user's position."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from gmmvi_jax.densities.observed import observe
from gmmvi_jax.densities.position import PositionLayout, numbered
from gmmvi_jax.evaluation.modes import MIN_DIP, Modes, find_modes
from gmmvi_jax.gmm import GMM
from gmmvi_jax.requirements import require_array, require_host_array
from gmmvi_jax.typing import Array, PRNGKey, PyTree

_WINDINGS = 3  # around a circle, to either side
_MOST_CIRCLES = 4


@dataclasses.dataclass(frozen=True)
class Posterior:
    """A mixture, and the position that its free coordinates stand for.

    Attributes:
        gmm: of free coordinates [D].
        layout: of the position in them; None if the position is the vector itself.
    """

    gmm: GMM
    layout: PositionLayout | None = None

    def position(self, points: Any) -> PyTree:
        """Returns the positions at free coordinates [..., D]."""
        return points if self.layout is None else self.layout.unravel(points)

    @property
    def value_names(self) -> list[str]:
        """The names of all numbers of a position, ``sigma``, ``w[0]``; of a vector ``x[0]``."""
        layout = self.layout
        return numbered("x", (self.gmm.dim,)) if layout is None else layout.value_names

    def values(self, points: Any) -> np.ndarray:
        """Returns [N, M] all numbers of the positions at free coordinates [N, D].

        In the order of ``value_names``, for tables and pictures.
        """
        layout = self.layout
        return require_host_array("points", points) if layout is None else layout.values(points)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> PyTree:
        """Returns independent samples, [N, D] or as the position is, with a leading axis.

        Args:
            rng_key: a PRNG key, typed or legacy, or an integer, its seed.
            num_samples: how many, N.
        """
        return self.position(self.gmm.sample(rng_key, num_samples))

    def log_prob(self, position: PyTree) -> Array:
        """Returns the log density of positions, by the measure of the position itself.

        This is normalised: it includes the Jacobian determinant of the domains, and sums over all
        windings of an angle. -inf outside of the domain.

        Args:
            position: [..., D] or a pytree like the position with common leading axes.

        Raises:
            ValueError: structure or shapes do not match, or there are more than four angles.
        """
        layout = self.layout
        if layout is None:
            points = require_array("position", position)
            if points.ndim == 0 or points.shape[-1] != self.gmm.dim:
                raise ValueError(
                    f"position must have shape [..., {self.gmm.dim}], got {points.shape}."
                )
            return self.gmm.log_prob(points)
        free = layout.ravel(position)
        log_q = self._wrapped(free, layout.periods) - layout.log_determinant(free)
        inside = jnp.all(jnp.isfinite(free), axis=-1)
        return jnp.where(inside, log_q, -jnp.inf)

    def _wrapped(self, free: Array, periods: np.ndarray) -> Array:
        """Returns [...] the log density at free coordinates, summed over all windings."""
        circles = np.flatnonzero(periods)
        if not len(circles):
            return self.gmm.log_prob(free)
        if len(circles) > _MOST_CIRCLES:
            raise ValueError(
                f"log_prob: {len(circles)} periodic numbers have too many windings to sum over; "
                f"{_MOST_CIRCLES} are possible. The density of free coordinates is gmm.log_prob."
            )
        windings = range(-_WINDINGS, _WINDINGS + 1)
        counts = np.array(list(itertools.product(windings, repeat=len(circles))), float)
        shifts = np.zeros((len(counts), len(periods)))
        shifts[:, circles] = counts * periods[circles]
        terms = self.gmm.log_prob(free[..., None, :] + jnp.asarray(shifts, free.dtype))
        return logsumexp(terms, axis=-1)

    def conditional(self, values: Mapping[str, Any]) -> "Posterior":
        """Returns the distribution of the position where some of its leaves are known, exactly.

        Args:
            values: paths of leaves, as ``"sigma"`` or ``"a.b"``, to their values. The others stay;
                positions of the conditional have the given values in their places.

        Raises:
            ValueError: the position is a vector (``gmm.conditional`` takes indices), a leaf is
                unknown, is an angle, has another shape or lies outside of its domain, or no leaf
                remains.
        """
        if self.layout is None:
            raise ValueError(
                "the position is a vector: gmm.conditional(dims, values) takes indices."
            )
        layout, dims, free = observe(self.layout, values)
        return Posterior(self.gmm.conditional(dims, free), layout)

    def modes(self, min_dip: float = MIN_DIP) -> Modes:
        """Returns the modes of the mixture, heaviest first; see ``evaluation.find_modes``.

        They are modes of the density of free coordinates; their ``locations`` are positions, with a
        leading axis of modes.

        Args:
            min_dip: nats that the density must fall between two modes.
        """
        modes = find_modes(self.gmm, min_dip)
        return modes._replace(locations=self.position(modes.locations))
