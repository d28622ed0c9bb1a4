"""What a fit returns: the last mixture, or an average of the last ones."""

from gmmvi_jax.modules.iterate_averaging.last_iterate import LastIterate
from gmmvi_jax.modules.iterate_averaging.natural_parameters import NaturalParameterAverage

__all__ = ["LastIterate", "NaturalParameterAverage"]
