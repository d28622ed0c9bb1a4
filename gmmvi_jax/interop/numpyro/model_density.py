"""The joint density of a NumPyro model, as a function of its unobserved sites."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.errors import JAXTypeError
from numpyro.infer import Predictive, log_likelihood
from numpyro.infer.util import log_density

from gmmvi_jax.domains import Domain
from gmmvi_jax.interop.numpyro.discrete import log_joint_enumerated
from gmmvi_jax.interop.numpyro.model_arguments import ModelArguments, pack
from gmmvi_jax.interop.numpyro.sites import Sites, find_sites
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.numerics.pytree import register_pytree
from gmmvi_jax.requirements import require_function, shown
from gmmvi_jax.typing import Array, PRNGKey


@register_pytree
@dataclasses.dataclass(frozen=True, eq=False)
class ModelDensity:
    """The unnormalised log density of a model's unobserved sites; ``from_model`` makes it.

    Attributes:
        arguments: of the model.
        position: a dict from the sites' names to values, medians of the prior.
        model: a function with NumPyro's primitives.
        domains: pairs of a site's name and its domain.
        event_dims: pairs of a site's name and its number of event axes.
        deterministic_sites: their names.
        max_plate_nesting: plates around the sites, if discrete ones are summed over; else None.
    """

    arguments: ModelArguments
    position: dict[str, Array]
    model: Callable[..., Any] = dataclasses.field(metadata={"static": True})
    domains: tuple[tuple[str, Domain], ...] = dataclasses.field(metadata={"static": True})
    event_dims: tuple[tuple[str, int], ...] = dataclasses.field(metadata={"static": True})
    deterministic_sites: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    max_plate_nesting: int | None = dataclasses.field(metadata={"static": True})

    @property
    def domain(self) -> dict[str, Domain]:
        """The domains of the sites, for ``fit`` and ``samtron``."""
        return dict(self.domains)

    def __call__(self, position: dict[str, Array]) -> Array:
        """Returns the log of the joint density (scalar) of data and sites.

        Args:
            position: a dict from sites to values, one of each.

        Raises:
            ValueError: it is no dict, or has other sites than the model.
        """
        self._check_sites("position", position)
        args, kwargs = self.arguments.unpack()
        if self.max_plate_nesting is not None:
            return log_joint_enumerated(self.model, args, kwargs, position, self.max_plate_nesting)
        return jnp.asarray(log_density(self.model, args, kwargs, position)[0])

    def _check_sites(self, name: str, given: Any) -> None:
        """Raises ValueError unless a dict has a value for every site; others would be drawn."""
        expected = [site for site, _ in self.domains]
        if not isinstance(given, dict) or set(given) != set(expected):
            found = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
            raise ValueError(
                f"{name} must be a dict with the sites {', '.join(sorted(expected))}; got {found}."
            )

    def deterministic(self, draws: dict[str, Array]) -> dict[str, Array]:
        """Returns the model's deterministic sites at draws, a dict of values [N, ...].

        Args:
            draws: a dict from sites to values [N, ...].
        """
        self._check_sites("draws", draws)
        if not self.deterministic_sites:
            return {}
        args, kwargs = self.arguments.unpack()
        predict = Predictive(
            self.model,
            posterior_samples=draws,
            batch_ndims=1,
            return_sites=list(self.deterministic_sites),
        )
        return predict(jax.random.key(0), *args, **kwargs)

    def log_likelihood(self, draws: dict[str, Array]) -> dict[str, Array]:
        """Returns the log densities of the data at draws, a dict from observed sites [N, ...].

        Args:
            draws: a dict from sites to values [N, ...].

        Raises:
            ValueError: discrete sites are summed over, so that data have none of their own.
        """
        self._check_sites("draws", draws)
        if self.max_plate_nesting is not None:
            raise ValueError(
                "log_likelihood: the model has discrete sites that are summed over, so that data "
                "have no density of their own; sum over them in the model, with "
                "MixtureSameFamily."
            )
        args, kwargs = self.arguments.unpack()
        return log_likelihood(self.model, draws, *args, **kwargs)

    def predictive(
        self, rng_key: PRNGKey | int, draws: dict[str, Array], *args: Any, **kwargs: Any
    ) -> dict[str, Array]:
        """Returns what the model says at draws: its deterministic sites, and data it would have.

        By ``numpyro.infer.Predictive``. Discrete sites are drawn given the data that the density
        was made with; for other arguments they are drawn as the model says.

        Args:
            rng_key: a PRNG key or an integer seed.
            draws: a dict from sites to values [N, ...], as ``result.sample`` returns them.
            *args: of the model, new ones, with None in place of the data; by default those that it
                was made with, and then observed sites have their data.
            **kwargs: likewise.

        Returns:
            A dict from sites to values [N, ...].
        """
        self._check_sites("draws", draws)
        infer_discrete = False
        if not args and not kwargs:
            args, kwargs = self.arguments.unpack()
            infer_discrete = self.max_plate_nesting is not None
        predict = Predictive(
            self.model, posterior_samples=draws, batch_ndims=1, infer_discrete=infer_discrete
        )
        found = predict(typed_key(rng_key), *args, **kwargs)
        # The site of a numpyro.factor has no numbers.
        return {name: values for name, values in found.items() if np.size(values)}


def from_model(model: Callable[..., Any], *args: Any, **kwargs: Any) -> ModelDensity:
    """Returns the density of a model's unobserved sites, for ``gmmvi_jax.fit``.

    Sites keep their names and shapes, and never leave their supports. Arrays among the arguments
    are arguments of the compiled programs, unless the model needs their values to be traced
    (``np.unique(group)``): then they are constants in them.

    Args:
        model: a function with NumPyro's primitives.
        *args: of the model, data included.
        **kwargs: likewise.

    Raises:
        TypeError: ``model`` is no function.
        ValueError: there is no unobserved site; a site's support depends on another site; a site
            has no density here (discrete without ``funsor``, or without a map from real numbers);
            a plate subsamples; the model has parameters (``numpyro.param``); or data are NaN or
            outside of the support of their distribution.

    Example:
        >>> import numpyro
        >>> import numpyro.distributions as dist
        >>> def model(y):
        ...     scale = numpyro.sample("scale", dist.HalfNormal(1.0))
        ...     numpyro.sample("y", dist.Normal(0.0, scale), obs=y)
        >>> density = from_model(model, 0.5)
        >>> density.domain
        {'scale': positive}

        Then ``gmmvi_jax.fit(density)`` fits it.
    """
    require_function("model", model, " with NumPyro's primitives")
    sites = find_sites(model, args, kwargs)
    density = _density(model, pack(args, kwargs, traced=True), sites)
    try:
        jax.eval_shape(lambda density: density(density.position), density)
    except JAXTypeError:  # the model looks at the values of its arguments
        density = _density(model, pack(args, kwargs, traced=False), sites)
    return density


def from_prior(
    prior: Mapping[str, Any], log_likelihood: Callable[..., Array], *data: Any
) -> ModelDensity:
    """Returns the density of a prior, given as distributions of NumPyro, times a likelihood.

    Args:
        prior: a dict from names to distributions.
        log_likelihood: of a dict from these names to values, and the data, to a scalar.
        *data: passed on to ``log_likelihood``; its arrays are arguments of the compiled programs.

    Raises:
        TypeError: the prior is no dict of distributions, or the likelihood is no function.
        ValueError: as of ``from_model``.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpyro.distributions as dist
        >>> density = from_prior({"rate": dist.Gamma(2.0, 1.0)},
        ...                      lambda p, counts: jnp.sum(counts * jnp.log(p["rate"]) - p["rate"]),
        ...                      jnp.array([3.0, 5.0]))
        >>> density.domain
        {'rate': positive}
    """
    if not isinstance(prior, Mapping) or not prior:
        raise TypeError(
            f"prior must be a dict from names to distributions of NumPyro, got {shown(prior)}."
        )
    for name, own in prior.items():
        if not isinstance(own, dist.Distribution):
            raise TypeError(
                f"prior: {name!r} must be a distribution of NumPyro such as Normal(0.0, 1.0), got "
                f"{own!r}."
            )
    if not callable(log_likelihood):
        raise TypeError(
            f"log_likelihood must be a function of a dict with {', '.join(prior)} and the data, "
            f"got {type(log_likelihood).__name__}."
        )

    def model(*data: Any) -> None:
        position = {name: numpyro.sample(name, own) for name, own in prior.items()}
        numpyro.factor("log_likelihood", log_likelihood(position, *data))

    return from_model(model, *data)


def _density(model: Callable[..., Any], arguments: ModelArguments, sites: Sites) -> ModelDensity:
    return ModelDensity(
        arguments=arguments,
        position=sites.values,
        model=model,
        domains=tuple(sites.domains.items()),
        event_dims=tuple(sites.event_dims.items()),
        deterministic_sites=sites.deterministic,
        max_plate_nesting=sites.max_plate_nesting if sites.are_some_discrete else None,
    )
