"""A lock on a run's directory: two runs never write to the same one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None

_NAME = ".lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory for this process; the system releases it however the process ends.

    Raises:
        BlockingIOError: another run, of this process or of another one, is writing there.
    """
    if fcntl is None:
        yield
        return
    with open(directory / _NAME, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BlockingIOError(
                f"{directory} is in use by another run (process {file.read() or 'unknown'}); wait "
                f"for it, or give this run a directory of its own."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
