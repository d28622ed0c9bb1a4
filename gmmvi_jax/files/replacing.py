"""Files that are written all or nothing."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = ".tmp"


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives its block the path of a file to write, which then takes the place of ``path``.

    It is of another name in the same directory: a reader, or a crash, finds the old file or the new
    one. After an error in the block the old one stays. A device or a pipe is not replaced; what the
    block wrote is copied there, since not every format can be written without going back.

    Raises:
        FileNotFoundError: the directory does not exist.
        IsADirectoryError: ``path`` is one.
        PermissionError: nothing can be created in the directory.
        OSError: of the system, for example that the disk is full.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: create the directory {path.parent} first")
    if path.is_dir():
        raise IsADirectoryError(f"cannot save to {path}: it is a directory; name a file in it")
    if path.exists() and not path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / path.name
            with open(Path(folder) / path.name, "rb") as source, open(path, "wb") as device:
                shutil.copyfileobj(source, device)
        return
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"cannot save to {path}: you may not write to {path.parent}; choose another directory"
        )
    temporary = path.parent / f".{path.name}-{secrets.token_hex(8)}{_TEMPORARY}"
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text to ``path``, all or nothing; see ``replaced``."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(directory: Path) -> None:
    """Removes what writers to this directory left behind that were killed."""
    for path in directory.glob(f".*{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Makes a renaming in the directory durable; only POSIX can open a directory."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
