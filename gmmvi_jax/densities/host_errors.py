"""What a user's function on the host raised, in place of JAX's error about its callback.

JAX ends a program whose callback raises with an error of its own, in which the user's exception is
the last line of a long text.
"""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# The last ones that callbacks raised: several threads may have been at it.
_raised: deque[BaseException] = deque(maxlen=16)
_withheld: list[BaseException] = []  # that JAX must not see
_jax_logger = logging.getLogger("jax._src.callback")
_PLACE = "raised "  # how the note begins that says where


@contextmanager
def kept_errors(withhold: bool = False) -> Iterator[None]:
    """Keeps what its block raises, the body of a callback, for ``own_errors``.

    Args:
        withhold: whether the callback goes on as if nothing were raised. Of devices that share a
            run the others would wait for the one whose program ended, and XLA ends the process.
    """
    try:
        yield
    except BaseException as error:
        if withhold:
            _withheld.append(error)
        else:
            _raised.append(error)
            raise


def is_withheld() -> bool:
    """Returns whether an error waits to be raised by ``own_errors``."""
    return bool(_withheld)


@contextmanager
def own_errors() -> Iterator[None]:
    """Raises what the user's function raised, where its block ends by JAX's error about it.

    Of the same type and with the same message, KeyboardInterrupt included; the traceback ends in
    the user's function. JAX's log of the error is dropped, since it would say the same. Errors that
    were withheld are raised where the block ends.
    """
    _raised.clear()

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("jax.pure_callback failed")

    _jax_logger.addFilter(is_other)
    try:
        yield
    except Exception as error:
        _raise_withheld()
        own = _own_error(str(error))
        # Ctrl-C may come between JAX's call and the user's function.
        if own is None and str(error).rstrip(" :\n").endswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from None
        if own is None or own is error:
            raise
        raise own from None
    except BaseException:
        _withheld.clear()
        raise
    else:
        _raise_withheld()
    finally:
        _jax_logger.removeFilter(is_other)


def _raise_withheld() -> None:
    """Raises the first error that was withheld, if there is one, and forgets the others."""
    if _withheld:
        error = _withheld[0]
        _withheld.clear()
        raise error from None


def _own_error(text: str) -> BaseException | None:
    """Returns the last exception that JAX's text tells of; several threads may have raised one."""
    told = [error for error in _raised if type(error).__name__ in text]
    exact = [error for error in told if str(error) in text]
    _raised.clear()
    return (exact or told or [None])[-1]


def name_place(error: Exception, place: str, remote: str = "") -> None:
    """Adds a note to an exception that says where it was raised, in place of an earlier one.

    Args:
        error: of the user's function.
        place: which function, and at which point.
        remote: its traceback in another process; empty for none.
    """
    notes = getattr(error, "__notes__", [])
    notes[:] = [note for note in notes if not note.startswith(_PLACE)]
    error.add_note(f"{_PLACE}{place}" + (f"; there:\n{remote.rstrip()}" if remote else ""))


def place_of(error: Exception) -> str:
    """Returns the place that ``name_place`` added; empty if there is none."""
    places = [note for note in getattr(error, "__notes__", []) if note.startswith(_PLACE)]
    return places[-1].splitlines()[0].removesuffix("; there:") if places else ""
