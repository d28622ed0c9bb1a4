"""Calls of a user's functions on the workers of a pool that the user made."""

import dataclasses
import itertools
import os
import pickle
from collections.abc import Generator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

from gmmvi_jax.densities.host_calls import Calls, Outcome, job
from gmmvi_jax.requirements import require_count, shown
from gmmvi_jax.typing import PyTree


@dataclasses.dataclass(frozen=True, eq=False)
class Workers:
    """A pool of workers; two of them are equal if the pool is the same object.

    Attributes:
        executor: the pool.
        batch_size: rows per job; None for one of a function of one point, and otherwise for as many
            jobs as there are workers.
    """

    executor: Executor
    batch_size: int | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Workers):
            return NotImplemented
        return self.executor is other.executor and self.batch_size == other.batch_size

    def __hash__(self) -> int:
        return hash((id(self.executor), self.batch_size))

    def groups(self, num_rows: int, batched: bool) -> list[slice]:
        """Returns the rows of each job, in order.

        Args:
            num_rows: how many there are, at least one.
            batched: whether a job is one call.
        """
        size = self.batch_size
        if size is not None:
            return [slice(first, first + size) for first in range(0, num_rows, size)]
        num_jobs = min(_num_workers(self.executor) or num_rows, num_rows) if batched else num_rows
        edges = [num_rows * index // num_jobs for index in range(num_jobs + 1)]
        return [slice(*pair) for pair in itertools.pairwise(edges)]

    def call_all(
        self, calls: Calls, jobs: Sequence[Sequence[PyTree]], with_gradient: bool
    ) -> Generator[Outcome]:
        """Yields what ``host_calls.call_all`` does, in the order of the pieces.

        Jobs that have not begun when the iterator is closed are cancelled.

        Args:
            calls: what to call.
            jobs: the pieces of each.
            with_gradient: whether to call the gradient.

        Raises:
            BrokenExecutor: a worker died.
            TypeError: the function cannot be sent to other processes.
            RuntimeError: the pool is closed, or lost a job.
        """
        futures: list[Future[list[Outcome]]] = []
        try:
            for pieces in jobs:
                futures.append(self._submit(calls, pieces, with_gradient))
            for future in futures:
                yield from self._result_of(future, calls)
        finally:
            for future in futures:
                future.cancel()

    def _submit(
        self, calls: Calls, pieces: Sequence[PyTree], with_gradient: bool
    ) -> Future[list[Outcome]]:
        try:
            return self.executor.submit(job, calls, pieces, with_gradient, os.getpid())
        except BrokenExecutor as error:
            raise self._broken(error) from error
        except Exception as error:
            raise _unpicklable(self.executor, calls) or RuntimeError(
                f"{_named(self.executor)} takes no jobs: {type(error).__name__}: {error}. Keep the "
                f"pool open for as long as the target is evaluated, also by what comes after a run "
                f"(result.diagnose()); or make a new pool, and a black box with it."
            ) from error

    def _result_of(self, future: Future[list[Outcome]], calls: Calls) -> list[Outcome]:
        try:
            return future.result()
        except BrokenExecutor as error:
            raise self._broken(error) from error
        except Exception as error:  # of the pool: what the functions raise is part of the result
            raise _unpicklable(self.executor, calls) or RuntimeError(
                f"{_named(self.executor)} did not run a job: {type(error).__name__}: {error}. Its "
                f"workers need gmmvi_jax and the module of the function, and points and results "
                f"are sent by pickle."
            ) from error

    def _broken(self, error: Exception) -> BrokenExecutor:
        return BrokenExecutor(
            f"a worker of {_named(self.executor)} died ({type(error).__name__}): it ran out of "
            f"memory, crashed in compiled code or could not start; what it printed says more. "
            f"Workers that are started by spawn or forkserver import the function: it must be "
            f"in a module or a script (not in a notebook), whose own work is under if __name__ == "
            f'"__main__". Then make a new pool, and a black box with it: this one takes no more '
            f"jobs."
        )


def _num_workers(executor: Executor) -> int | None:
    """Returns how many workers a pool has, None if it does not say."""
    for name in ("_max_workers", "num_workers"):  # of Python's pools; of mpi4py's
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return None


def _named(executor: Executor) -> str:
    return f"executor={type(executor).__name__}"


def _unpicklable(executor: Executor, calls: Calls) -> TypeError | None:
    """Returns an error if a function cannot be sent to another process."""
    for name in ("function", "gradient"):
        function = getattr(calls, name)
        try:
            pickle.dumps(function)
        except Exception as error:
            return TypeError(
                f"{_named(executor)} sends the {name} to other processes, and pickle cannot: "
                f"{name}={shown(function)}: {error}. Define it by def at the top level of a "
                f"module, not as a lambda or inside of a function; data come with it by "
                f"functools.partial(f, data). Or take threads: ThreadPoolExecutor."
            )
    return None


def as_workers(executor: Any, batch_size: Any) -> Workers | None:
    """Returns the workers that a user asks for, None without an executor.

    Args:
        executor: a pool, or None.
        batch_size: rows per job, or None.

    Raises:
        TypeError: ``executor`` is no pool.
        ValueError: ``batch_size`` is no positive integer, or there is no executor.
    """
    if batch_size is not None:
        batch_size = require_count("batch_size", batch_size)
    if executor is None:
        if batch_size is not None:
            raise ValueError(
                f"batch_size is of jobs of an executor, got batch_size={batch_size} without one; "
                f"leave it out, or give executor=."
            )
        return None
    if not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, such as ProcessPoolExecutor(8), or "
            f"None, got {shown(executor)}."
        )
    return Workers(executor, batch_size)
