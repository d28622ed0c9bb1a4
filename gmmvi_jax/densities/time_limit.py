"""A limit on how long a user's function on the host may take."""

import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any


def within(seconds: float | None, name: str, function: Callable[[Any], Any], argument: Any) -> Any:
    """Returns ``function(argument)``, or gives up on it.

    Python cannot end a call. With a limit it runs on a thread of its own, which goes on until the
    call returns or the process ends; it does not keep the process alive.

    Args:
        seconds: the limit, None for none.
        name: of the function in the message.
        function: of one argument.
        argument: for it.

    Raises:
        TimeoutError: it took longer.
    """
    if seconds is None:
        return function(argument)
    returned: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            returned.put((function(argument), None))
        except BaseException as error:  # raised again where the result is waited for
            returned.put((None, error))

    threading.Thread(target=contextvars.copy_context().run, args=(call,), daemon=True).start()
    try:
        result, error = returned.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(
            f"the {name} of this black box did not return within timeout={seconds:g} seconds; "
            f"look for what it waits for, or use a longer timeout."
        ) from None
    if error is not None:
        raise error
    return result
