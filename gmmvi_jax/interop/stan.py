"""Models of Stan, compiled by BridgeStan, as densities. This imports no other package."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.densities.black_box import BlackBox, black_box
from gmmvi_jax.requirements import require_bool, require_rows, shown


@runtime_checkable
class StanModel(Protocol):
    """What is used of ``bridgestan.StanModel``."""

    def param_unc_num(self) -> int:
        """Returns the number of unconstrained parameters."""
        ...

    def log_density_gradient(self, theta_unc: Any, /, *, propto: bool, jacobian: bool) -> Any:
        """Returns the log density of unconstrained parameters and its gradient."""
        ...

    def param_names(self, *, include_tp: bool = False, include_gq: bool = False) -> list[str]:
        """Returns the names of the parameters as the model declares them."""
        ...

    def param_constrain(self, theta_unc: Any, /, *, include_tp: bool = False) -> Any:
        """Returns the parameters at unconstrained ones."""
        ...


class _ValuesAndGradients:
    """Log densities and gradients of a model; the last points are evaluated once for both."""

    def __init__(self, model: StanModel, propto: bool) -> None:
        self._model = model
        self._propto = propto
        self._points = np.zeros((0, 0))
        self._found: tuple[np.ndarray, np.ndarray] = (np.zeros(0), np.zeros((0, 0)))

    def values(self, points: np.ndarray) -> np.ndarray:
        """Returns [n] log densities at points [n, D]; -inf where Stan rejects them."""
        return self._at(points)[0]

    def gradients(self, points: np.ndarray) -> np.ndarray:
        """Returns [n, D] gradients at points [n, D]; 0 where Stan rejects them."""
        return self._at(points)[1]

    def _at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not np.array_equal(points, self._points):
            pairs = [self._at_one(np.asarray(point, np.float64)) for point in points]
            values, gradients = zip(*pairs, strict=True)
            self._points = points.copy()
            self._found = np.array(values), np.stack(gradients)
        return self._found

    def _at_one(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            value, gradient = self._model.log_density_gradient(
                point, propto=self._propto, jacobian=True
            )
        except RuntimeError:  # the model rejects this point
            return -np.inf, np.zeros_like(point)
        return float(value), np.array(gradient, np.float64)


def from_model(model: StanModel, *, propto: bool = False) -> BlackBox:
    """Returns the log density of a Stan model's unconstrained parameters, with Stan's gradient.

    It is evaluated on the host, one point after the other. Points that the model rejects lie
    outside of the support. ``constrain`` turns samples into the parameters of the model.

    Args:
        model: a ``bridgestan.StanModel`` with its data.
        propto: whether constants are left out, which Stan computes faster; log Z is then off by
            them.

    Raises:
        TypeError: ``model`` lacks the methods of one.
        ValueError: ``propto`` is no boolean.
    """
    _require_model(model)
    require_bool("propto", propto)
    both = _ValuesAndGradients(model, propto)
    return black_box(both.values, model.param_unc_num(), both.gradients)


def constrain(model: StanModel, points: ArrayLike) -> dict[str, np.ndarray]:
    """Returns samples as the parameters that the model declares, by name.

    Args:
        model: a ``bridgestan.StanModel``.
        points: [N, D] unconstrained, such as ``result.sample(0, 1000)``.

    Returns:
        A dict from ``theta.1`` and the like, as BridgeStan names them, to values [N].

    Raises:
        TypeError: ``model`` lacks the methods of one, or ``points`` are no real numbers.
        ValueError: ``points`` have another shape.
    """
    _require_model(model)
    rows = require_rows("points", points, model.param_unc_num())
    names = model.param_names(include_tp=True)
    values = np.empty((len(rows), len(names)))
    for row, point in enumerate(rows):
        values[row] = model.param_constrain(point, include_tp=True)
    return dict(zip(names, values.T, strict=True))


def _require_model(model: Any) -> None:
    """Raises TypeError unless ``model`` has the methods of BridgeStan's."""
    if not isinstance(model, StanModel):
        raise TypeError(
            f"model must be a bridgestan.StanModel, as StanModel(file, data), got {shown(model)}."
        )
