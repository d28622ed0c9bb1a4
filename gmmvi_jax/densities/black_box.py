"""Targets that are computed on the host: numpy, another library, a simulator."""

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.densities.callable_pytree import StaticCallable
from gmmvi_jax.densities.host_errors import deferred_errors, is_deferred, kept_errors, own_errors
from gmmvi_jax.densities.host_results import checked_results
from gmmvi_jax.densities.time_limit import within
from gmmvi_jax.numerics.devices import num_devices
from gmmvi_jax.requirements import is_real_number, is_traced
from gmmvi_jax.typing import Array, PyTree


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class BlackBox:
    """A log density that JAX calls on the host; ``black_box`` makes it.

    Attributes:
        function: from points [n, D] to log densities [n]; from one point if not ``batched``.
        gradient: from points [n, D] to gradients [n, D]; None if there is none.
        dim: D, if it was given.
        batched: whether both functions take many points.
        timeout: seconds that one call of them may take; None for no limit.
    """

    function: StaticCallable
    gradient: StaticCallable | None
    dim: int | None
    batched: bool
    timeout: float | None = None

    @property
    def has_gradient(self) -> bool:
        """Whether a gradient was given."""
        return self.gradient is not None

    def __call__(self, x: Array) -> Array:
        """Returns the log density (scalar) at ``x`` [D]; ``jax.vmap`` makes one call for all."""
        return _value(self, x)

    def value_and_grad(self, x: Array) -> tuple[Array, Array]:
        """Returns the log density at ``x`` [D] and its gradient [D].

        Raises:
            ValueError: no gradient was given.
        """
        one = jnp.ones((), jnp.int32)
        values, gradients = self.evaluate_batch(_add_axis(x), one, True)
        return values[0], jax.tree.map(lambda leaf: leaf[0], gradients)

    @own_errors()
    def evaluate_batch(
        self, points: Array, num_live: Array, with_gradient: bool
    ) -> tuple[Array, Array | None]:
        """Returns the log densities [C] at points [C, D], and their gradients [C, D] or None.

        A single call of the host evaluates the first ``num_live`` rows; the others are 0. Under
        ``jax.vmap`` it is still a single call, for the live rows of all batches.

        Raises:
            ValueError: ``with_gradient`` is set, but no gradient was given.
        """
        if with_gradient and not self.has_gradient:
            raise ValueError(
                "this black box has no gradient; give one: densities.black_box(function, "
                "gradient=...), or use a zero-order estimator (Z)."
            )
        leaves = jax.tree.leaves(points)  # one array, or the leaves of a position
        like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), points)
        values = jax.ShapeDtypeStruct(leaves[0].shape[:1], jnp.result_type(*leaves))
        results = (values, like if with_gradient else None)
        called = _called_by_jax if num_devices() == 1 else _called_by_one_of_several
        words = jax.pure_callback(
            functools.partial(called, self, with_gradient, values.dtype),
            jax.eval_shape(_to_words, results),
            _to_words(points),
            num_live,
            vmap_method="broadcast_all",
        )
        if not is_traced(jax.tree.leaves(words)[0]):
            jax.block_until_ready(words)  # here, so that its error is raised here
        return jax.tree.map(_from_words, words, results)


def _to_words(tree: PyTree) -> Any:
    """Returns the tree with float64 arrays as [..., 2] uint32, the others unchanged.

    JAX rounds float64 arguments and results of a callback to float32 on threads where float64 is
    not enabled; with ``jax.enable_x64`` as a context manager these are all but one.
    """

    def convert(leaf: Array) -> Array:
        is_wide = leaf.dtype == jnp.float64
        return jax.lax.bitcast_convert_type(leaf, jnp.uint32) if is_wide else leaf

    return jax.tree.map(convert, tree)


def _from_words(array: Array, like: jax.ShapeDtypeStruct) -> Array:
    """Returns the inverse of ``_to_words`` for one array."""
    return jax.lax.bitcast_convert_type(array, like.dtype) if array.dtype != like.dtype else array


def _host_from_words(leaf: Any) -> np.ndarray:
    """Returns the inverse of ``_to_words`` for one array, as a copy in numpy."""
    array = np.array(leaf, order="C")
    return array.view(np.float64)[..., 0] if array.dtype == np.uint32 else array


def _host_to_words(array: np.ndarray) -> np.ndarray:
    return array[..., None].view(np.uint32) if array.dtype == np.float64 else array


def _add_axis(x: PyTree) -> Any:
    return jax.tree.map(lambda leaf: leaf[None], x)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _value(target: BlackBox, x: Array) -> Array:
    # Has a custom JVP, so that functions built around a black box can be differentiated.
    return target.evaluate_batch(_add_axis(x), jnp.ones((), jnp.int32), False)[0][0]


@_value.defjvp
def _value_jvp(
    target: BlackBox, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    value, gradient = target.value_and_grad(*primals)
    products = jax.tree.map(lambda slope, x_dot: jnp.sum(slope * x_dot), gradient, *tangents)
    return value, jnp.asarray(sum(jax.tree.leaves(products)), value.dtype)


def _called_by_jax(*arguments: Any) -> tuple[np.ndarray, PyTree]:
    """Returns what ``_run_on_host`` does; its errors are kept, see ``own_errors``."""
    with kept_errors():
        return _run_on_host(*arguments)


def _called_by_one_of_several(
    target: BlackBox, with_gradient: bool, dtype: Any, points: PyTree, num_live: Any
) -> tuple[np.ndarray, PyTree]:
    """Returns what ``_run_on_host`` does, NaN after an error, which is raised after the chunk."""
    if not is_deferred():
        with deferred_errors():
            return _run_on_host(target, with_gradient, dtype, points, num_live)
    points = jax.tree.map(_host_from_words, points)
    values = np.full(jax.tree.leaves(points)[0].shape[: np.ndim(num_live) + 1], np.nan, dtype)
    gradients = jax.tree.map(np.zeros_like, points) if with_gradient else None
    return jax.tree.map(_host_to_words, (values, gradients))


def _run_on_host(
    target: BlackBox, with_gradient: bool, dtype: Any, points: PyTree, num_live: Any
) -> tuple[np.ndarray, PyTree]:
    """Implements ``BlackBox.evaluate_batch`` in numpy; float64 arrays are in words.

    Args:
        target: the black box.
        with_gradient: whether to return gradients.
        dtype: of the values.
        points: [..., C, D], or a pytree of such arrays; float64 in words.
        num_live: [...] int32, number of live rows; may be negative.
    """
    points = jax.tree.map(_host_from_words, points)
    num_live = np.asarray(num_live)
    chunk = jax.tree.leaves(points)[0].shape[num_live.ndim]
    live = np.arange(chunk) < num_live[..., None]  # [..., C]
    values = np.zeros(live.shape, dtype)
    gradients = jax.tree.map(np.zeros_like, points) if with_gradient else None
    if live.any():
        asked = jax.tree.map(lambda leaf: leaf[live], points)  # [n, D]
        values[live] = _results(target, "function", asked, values[live])
        if with_gradient:

            def store(buffer: np.ndarray, found: np.ndarray) -> None:
                buffer[live] = found

            jax.tree.map(store, gradients, _results(target, "gradient", asked, asked))
    return jax.tree.map(_host_to_words, (values, gradients))


def _results(target: BlackBox, name: str, points: PyTree, like: PyTree) -> PyTree:
    """Returns what the function or the gradient returns for points [n, D].

    Args:
        target: the black box.
        name: of its attribute.
        points: [n, D], or a pytree of such arrays.
        like: arrays of the shapes, [n, ...], and the dtypes of the results.
    """
    call = functools.partial(within, target.timeout, name, getattr(target, name))
    if target.batched:
        return checked_results(name, call(points), like, True)
    row = jax.tree.map(lambda leaf: leaf[0], like)
    rows = [checked_results(name, call(point), row, False) for point in _one_by_one(points)]
    return jax.tree.map(lambda *own: np.stack(own), *rows)


def _one_by_one(points: PyTree) -> list[Any]:
    num_points = len(jax.tree.leaves(points)[0])
    return [jax.tree.map(lambda leaf, i=i: leaf[i], points) for i in range(num_points)]


def black_box(
    function: Callable[..., Any],
    dim: int | None = None,
    gradient: Callable[..., Any] | None = None,
    batched: bool = True,
    timeout: float | None = None,
) -> BlackBox:
    """Makes a target from a function that JAX cannot trace: numpy, another library, a simulator.

    The function is called on the host with numpy arrays, once per chunk of samples, and only with
    points that are counted. Under ``jax.vmap`` over whole runs a single call evaluates the points
    of all runs. Before training ``train`` evaluates it at a few initial points. What it raises is
    raised by ``fit``, ``train`` and ``diagnose``; after the first chunk of a run it ends the run
    (``result.raise_for_status()`` raises it). A call of the target itself raises it too, but under
    your own ``jax.jit`` or ``jax.vmap`` it is the last line of a JaxRuntimeError. (A JAX function
    built around the target is vectorised like any other: it is called once per chunk with all rows,
    including masked ones.)

    Without ``gradient`` it needs a zero-order estimator: a codename with Z, e.g. ZAMTRUX. With a
    ``gradient``, functions built around the target can be differentiated too (once).

    Args:
        function: from points [n, D], a numpy array in the dtype of the run, to log densities [n].
            Results in float64 are converted to that dtype. It must be deterministic.
        dim: D, to be checked against the configuration.
        gradient: from points [n, D] to gradients [n, D].
        batched: False if the function (and the gradient) takes one point [D].
        timeout: seconds that a call of either may take, e.g. of a simulator that may hang; beyond
            them it is a TimeoutError, and the run ends with what was computed. None, or
            infinity, for no limit.

    With positions that are pytrees (``on_pytree``) both get a pytree of numpy arrays with the n
    points along their leading axes, and ``gradient`` returns such a pytree.

    Raises:
        TypeError: ``function`` or ``gradient`` is not callable, or ``timeout`` is no number.
        ValueError: ``timeout`` is not positive.

    Example:
        >>> target = black_box(lambda points: -0.5 * np.sum(points**2, axis=1), dim=2)
        >>> target(jnp.array([3.0, 4.0]))
        Array(-12.5, dtype=float32)
    """
    for name, value in (("function", function), ("gradient", gradient)):
        if not callable(value) and not (name == "gradient" and value is None):
            raise TypeError(f"{name} must be a function of points, got {type(value).__name__}.")
    return BlackBox(
        function=StaticCallable(function),
        gradient=None if gradient is None else StaticCallable(gradient),
        dim=dim,
        batched=batched,
        timeout=_as_limit(timeout),
    )


def _as_limit(timeout: Any) -> float | None:
    """Returns the seconds that a call may take, None for no limit; checks them."""
    if timeout is None:
        return None
    if not is_real_number(timeout):
        raise TypeError(f"timeout must be a number of seconds or None, got {timeout!r}.")
    if not timeout > 0.0:
        raise ValueError(f"timeout must be positive, got {timeout!r}; None sets no limit.")
    # Python's clocks cannot wait longer, and nobody waits for centuries.
    return None if timeout > threading.TIMEOUT_MAX else float(timeout)
