"""Paths as users give them."""

import os
from pathlib import Path
from typing import Any

from gmmvi_jax.requirements import require, shown


def require_path(name: str, value: Any) -> Path:
    """Returns ``value`` as an absolute path; ``~`` is the home directory.

    It is made absolute here, when it is given: the program may change its directory later, while a
    run still writes there.

    Raises:
        TypeError: it is no path and no text.
        ValueError: it is empty, or has a null character.
        OSError: the system cannot look there, for example as the name is too long.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path, a text or a pathlib.Path, got {shown(value)}.")
    require(bool(text), f"{name} is empty; write . for the current directory.")
    require("\0" not in text, f"{name} is {text!r}: a path has no null character, leave it out.")
    try:
        path = Path(os.path.expanduser(text)).absolute()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name} is {text!r}, but the current directory is gone; give the whole path."
        ) from error
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # what is going to be written is not there yet
    except OSError as error:
        raise type(error)(
            f"{name}: cannot look at {path} ({error.strerror or error}); give another path."
        ) from error
    return path
