"""Targets that are computed on the host: numpy, another library, a simulator."""

import dataclasses
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Literal

import jax
import jax.numpy as jnp

from gmmvi_jax.densities.callable_pytree import StaticCallable
from gmmvi_jax.densities.host_calls import Calls
from gmmvi_jax.densities.host_errors import own_errors
from gmmvi_jax.densities.host_evaluation import called_by_jax
from gmmvi_jax.densities.host_words import from_words, to_words
from gmmvi_jax.densities.workers import Workers, as_workers
from gmmvi_jax.numerics.devices import num_devices
from gmmvi_jax.requirements import is_real_number, is_traced, shown
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
        workers: that call them; None for this process.
        on_error: what a call that raises does: "raise", or "nan".
        told: the types of exceptions that there was a warning of.
    """

    function: StaticCallable
    gradient: StaticCallable | None
    dim: int | None
    batched: bool
    timeout: float | None = None
    workers: Workers | None = None
    on_error: Literal["raise", "nan"] = "raise"
    told: set[type] = dataclasses.field(default_factory=set, repr=False, compare=False)

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
        words = jax.pure_callback(
            functools.partial(
                called_by_jax,
                self._calls(),
                self.workers,
                self.told,
                with_gradient,
                values.dtype,
                num_devices() > 1,
            ),
            jax.eval_shape(to_words, results),
            to_words(points),
            num_live,
            vmap_method="broadcast_all",
        )
        if not is_traced(jax.tree.leaves(words)[0]):
            jax.block_until_ready(words)  # here, so that its error is raised here
        return jax.tree.map(from_words, words, results)

    def _calls(self) -> Calls:
        # The functions themselves: other processes get them by pickle.
        gradient = None if self.gradient is None else self.gradient.function
        keeps_on = self.on_error == "nan"
        return Calls(self.function.function, gradient, self.batched, self.timeout, keeps_on)


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


def black_box(
    function: Callable[..., Any],
    dim: int | None = None,
    gradient: Callable[..., Any] | None = None,
    batched: bool = True,
    timeout: float | None = None,
    executor: Executor | None = None,
    batch_size: int | None = None,
    on_error: Literal["raise", "nan"] = "raise",
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
        executor: workers that call both in place of this process: a ProcessPoolExecutor, a
            ThreadPoolExecutor or another ``concurrent.futures.Executor``, which stays open while
            the target is evaluated. With ``batched=False`` every point is a job; else the points of
            a chunk are cut into as many jobs as there are workers, or one for each point where the
            pool does not say how many. ``docs/densities.md`` says how to make a pool.
        batch_size: points per job of the executor, instead.
        on_error: "nan" takes the log density for NaN at the points of a call that raises, or that
            takes too long; they are counted, and reported as unusable. One warning tells of each
            type of exception. Results that cannot be right, and workers that die, are errors still.

    With positions that are pytrees (``on_pytree``) both get a pytree of numpy arrays with the n
    points along their leading axes, and ``gradient`` returns such a pytree.

    Raises:
        TypeError: ``function`` or ``gradient`` is not callable, ``timeout`` is no number, or
            ``executor`` is no pool.
        ValueError: ``timeout`` is not positive, ``batch_size`` is no positive integer or there is
            no executor, or ``on_error`` is something else.

    Example:
        >>> import numpy as np
        >>> target = black_box(lambda points: -0.5 * np.sum(points**2, axis=1), dim=2)
        >>> target(jnp.array([3.0, 4.0]))
        Array(-12.5, dtype=float32)
    """
    for name, value in (("function", function), ("gradient", gradient)):
        if not callable(value) and not (name == "gradient" and value is None):
            raise TypeError(f"{name} must be a function of points, got {type(value).__name__}.")
    if not (isinstance(on_error, str) and on_error in ("raise", "nan")):
        raise ValueError(f'on_error must be "raise" or "nan", got {shown(on_error)}.')
    return BlackBox(
        function=StaticCallable(function),
        gradient=None if gradient is None else StaticCallable(gradient),
        dim=dim,
        batched=batched,
        timeout=_as_limit(timeout),
        workers=as_workers(executor, batch_size),
        on_error=on_error,
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
