"""Whether a file may be read: asked first, since many readers take one that may not for damaged."""

import os
from pathlib import Path


def check_readable(path: Path) -> None:
    """Raises PermissionError where a file or a directory is there that may not be read."""
    try:
        mode = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
        # Asked before and after: another process may make it, or remove it, in between.
        may_be_read = not path.exists() or os.access(path, mode) or not path.exists()
    except PermissionError:  # the directory that it is in may not be searched
        may_be_read = False
    if not may_be_read:
        raise PermissionError(
            f"you may not read {path}: make it and its directory readable (chmod u+rX), or ask "
            f"their owner to."
        )
