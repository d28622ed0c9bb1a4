"""Where a fit starts: local maxima of the target, and the Gaussians that fit there."""

from gmmvi_jax.multistart.climbs import Climbs, Part
from gmmvi_jax.multistart.quieter import quieter
from gmmvi_jax.multistart.search import Limits, Start, search_start
from gmmvi_jax.multistart.wide import wide_start

__all__ = ["Climbs", "Limits", "Part", "Start", "quieter", "search_start", "wide_start"]
