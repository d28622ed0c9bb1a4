"""What a user's function on the host raised, in place of JAX's error about its callback.

JAX ends a program whose callback raises with an error of its own, in which the user's exception is
the last line of a long text. Where several devices share a run none may raise, since the others
would wait for it, and JAX ends the process after a minute: the error is deferred.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_raised: list[BaseException] = []  # the last one, if a callback has raised any
_deferred: list[BaseException] = []  # the first one, of devices that share a run
_jax_logger = logging.getLogger("jax._src.callback")


@contextmanager
def kept_errors() -> Iterator[None]:
    """Keeps what its block raises, the body of a callback, for ``own_errors``."""
    try:
        yield
    except BaseException as error:
        _raised[:] = [error]
        raise


@contextmanager
def deferred_errors() -> Iterator[None]:
    """Keeps what its block raises for ``own_errors``, and does not raise it here."""
    try:
        yield
    except BaseException as error:
        if not _deferred:
            _deferred.append(error)


def is_deferred() -> bool:
    """Returns whether there is an error that ``own_errors`` will raise."""
    return bool(_deferred)


@contextmanager
def own_errors() -> Iterator[None]:
    """Raises what the user's function raised, where its block ends by JAX's error about it.

    So it does with what was deferred, however its block ends.

    Of the same type and with the same message, KeyboardInterrupt included; the traceback ends in
    the user's function. JAX's log of the error is dropped, since it would say the same.
    """
    _raised.clear()

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("jax.pure_callback failed")

    _jax_logger.addFilter(is_other)
    try:
        yield
    except Exception as error:
        if _deferred:
            raise _deferred.pop() from None
        own = _raised.pop() if _raised else None
        # Ctrl-C may come between JAX's call and the user's function.
        if own is None and str(error).rstrip(" :\n").endswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from None
        if own is None or own is error or type(own).__name__ not in str(error):
            raise
        raise own from None
    else:
        if _deferred:
            raise _deferred.pop()
    finally:
        _jax_logger.removeFilter(is_other)
