"""Files that are written all or nothing."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = ".tmp"


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives its block the path of a file to write, which then takes the place of ``path``.

    It is of another name in the same directory: a reader, or a crash, finds the old file or the new
    one. After an error in the block the old one stays.

    Raises:
        FileNotFoundError: the directory does not exist.
        OSError: of the system, for example that the disk is full.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {path}: create the directory {path.parent} first")
    if path.exists() and not path.is_file():  # a device or a pipe has no other file in its place
        yield path
        return
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
