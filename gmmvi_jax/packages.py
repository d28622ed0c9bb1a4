"""Packages that only some functions need: a clear error where one of them is not installed."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def needed_by(what: str, package: str, install: str) -> Iterator[None]:
    """Says what to install if an import in its block fails.

    Args:
        what: needs the package, e.g. ``"interop.sklearn"``.
        package: its name in prose.
        install: what pip installs.

    Raises:
        ImportError: an import in the block failed.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{what} needs {package}: pip install {install} ({error})") from error


def import_package(module: str, what: str, package: str, install: str) -> Any:
    """Returns a module, where only the caller's function needs it.

    Args:
        module: to import.
        what: needs it.
        package: its name in prose.
        install: what pip installs.

    Raises:
        ImportError: it cannot be imported.
    """
    with needed_by(what, package, install):
        return importlib.import_module(module)
