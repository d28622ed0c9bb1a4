"""Models of PyMC as densities, by PyMC's own translation to JAX."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.packages import import_package
from gmmvi_jax.requirements import shown
from gmmvi_jax.typing import Array


@dataclasses.dataclass(frozen=True, eq=False)
class ModelDensity:
    """The unnormalised log density of a model's free variables; ``from_model`` makes it.

    Attributes:
        position: a dict from PyMC's names of the unconstrained variables, such as ``tau_log__``, to
            their initial values.
        log_density: of a list of their values, in the order of the dict.
        to_variables: from such a list to that of the model's variables.
        variables: their names, deterministic ones included.
    """

    position: dict[str, np.ndarray]
    log_density: Callable[[list[Array]], Array]
    to_variables: Callable[..., Any]
    variables: tuple[str, ...]

    def __call__(self, position: dict[str, Array]) -> Array:
        """Returns the log density (scalar) of unconstrained variables, their Jacobian included."""
        return jnp.asarray(self.log_density([position[name] for name in self.position]))

    def constrain(self, draws: dict[str, Array]) -> dict[str, Array]:
        """Returns the variables of the model, deterministic ones included, at draws.

        Args:
            draws: a dict from the unconstrained variables to values [N, ...], as
                ``result.sample`` returns them.
        """
        values = [jnp.asarray(draws[name]) for name in self.position]
        found = jax.jit(jax.vmap(lambda *values: self.to_variables(*values)))(*values)
        return dict(zip(self.variables, found, strict=True))


def from_model(model: Any) -> ModelDensity:
    """Returns the density of a model's free variables, for ``gmmvi_jax.fit``.

    PyMC's translation to JAX enables double precision for the whole process when it is imported,
    unless PyTensor's ``floatX`` is float32.

    Args:
        model: a ``pymc.Model``; its data become constants of the compiled program.

    Raises:
        TypeError: it is no model.
        ValueError: a free variable is discrete.
    """
    pymc = import_package("pymc", "interop.pymc", "PyMC", "pymc")
    if not isinstance(model, pymc.Model):
        raise TypeError(f"model must be a pymc.Model, got {shown(model)}.")
    translation = import_package("pymc.sampling.jax", "interop.pymc", "PyMC", "pymc")
    discrete = [variable.name for variable in model.discrete_value_vars]
    if discrete:
        raise ValueError(
            f"model: {', '.join(discrete)} is discrete and has no density; sum over it in the "
            f"model, e.g. with pm.Mixture or pymc_extras.marginalize."
        )
    start = model.initial_point()
    names = [variable.name for variable in model.value_vars]
    outputs = [own for own in model.unobserved_value_vars if own.name in model.named_vars]
    to_variables = translation.get_jaxified_graph(inputs=model.value_vars, outputs=outputs)
    return ModelDensity(
        position={name: np.asarray(start[name], jnp.result_type(float)) for name in names},
        log_density=translation.get_jaxified_logp(model),
        to_variables=to_variables,
        variables=tuple(own.name for own in outputs),
    )
