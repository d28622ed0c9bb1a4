"""A lock on a run's directory: two runs never write to the same one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None

_NAME = ".lock"


class RunLock:
    """The lock of one directory, which the system releases however the process ends."""

    def __init__(self, argument: str, directory: Path) -> None:
        """Prepares a lock.

        Args:
            argument: that names the directory, for errors.
            directory: of the run.
        """
        self.directory = directory
        self._argument, self._path = argument, directory / _NAME
        self._file: TextIO | None = None

    def hold(self) -> bool:
        """Takes the lock unless it is held; makes the directory if it is not there.

        It is asked again before every write: where somebody removed or renamed the directory, what
        was locked is elsewhere, and another run may have begun in its place.

        Returns:
            Whether it was taken.

        Raises:
            BlockingIOError: another run, of this process or of another one, is writing there.
            OSError: the directory cannot be made or written to.
        """
        if self._is_held():
            return False
        self.release()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115, until release
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise self._explained(error) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return True

    def release(self) -> None:
        """Releases it, if it is held."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _is_held(self) -> bool:
        """Returns whether the file that was locked is the one in the directory."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except OSError:
            return False

    def _explained(self, error: OSError) -> OSError:
        """Returns an error with the directory in it, and what to do."""
        file, self._file = self._file, None
        if isinstance(error, BlockingIOError) and file is not None:
            with file:
                file.seek(0)
                holder = file.read() or "unknown"
            return BlockingIOError(
                f"{self.directory} is in use by another run (process {holder}); wait for it, or "
                f"give this run a directory of its own."
            )
        if file is not None:
            file.close()
        where, cure = f"the directory {self.directory}", "give another one"
        if isinstance(error, PermissionError) and os.access(self.directory, os.W_OK | os.X_OK):
            where = str(self._path)
            cure = "make the files there writable (chmod u+w), or give another directory"
        reason = error.strerror or error
        return type(error)(f"{self._argument}: cannot write to {where} ({reason}); {cure}.")


@contextmanager
def locked(argument: str, directory: Path) -> Iterator[RunLock]:
    """Holds a directory for this process; see ``RunLock``."""
    lock = RunLock(argument, directory)
    lock.hold()
    try:
        yield lock
    finally:
        lock.release()
