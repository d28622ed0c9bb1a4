"""Processes that were forked after JAX had run, where it hangs."""

import functools
import os


@functools.cache
def _first_process() -> int:
    return os.getpid()  # a fork inherits what its parent found


def check_process() -> None:
    """Raises RuntimeError in a process forked from one that has called this."""
    if _first_process() != os.getpid():
        raise RuntimeError(
            "this process was forked from one in which JAX had run, and would hang: a fork has no "
            'copy of the threads of JAX. Use multiprocessing.get_context("spawn"), or '
            'concurrent.futures.ProcessPoolExecutor(mp_context=get_context("spawn")).'
        )
