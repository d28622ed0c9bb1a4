"""A log density from a user's file: ``path/to/file.py:function``."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from gmmvi_jax.near_names import did_you_mean


def is_file_target(name: str) -> bool:
    """Returns whether ``name`` refers to a function in a file."""
    return ":" in name or name.endswith(".py")


def load_function(name: str) -> Callable[..., Any]:
    """Returns the function that ``name`` refers to; this runs the file.

    Args:
        name: ``path/to/file.py:function``.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: ``name`` has no function part, running the file raises an error, or it has no
            such function.
    """
    path_part, _, function_name = name.rpartition(":")
    if not path_part or not function_name.isidentifier():
        raise ValueError(
            f"TARGET {name!r} does not say which function; write path/to/file.py:function"
        )
    path = Path(path_part)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path_part!r} (seen from {Path.cwd()}); TARGET is a name from "
            f"`gmmvi-jax targets`, or path/to/file.py:function"
        )
    module = _run_file(path)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ValueError(f"{path} has no function {function_name!r}{_offer(module, function_name)}")
    return function


def _run_file(path: Path) -> ModuleType:
    """Returns a file as a module, which may import files of the same folder."""
    name = f"gmmvi_jax_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module there
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == spec.origin]
        place = f" in line {lines[-1]}" if lines else ""
        raise ValueError(f"running {path} raised {type(error).__name__}{place}: {error}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    return module


def _offer(module: ModuleType, function_name: str) -> str:
    """Returns a suggestion: the functions that the file defines, including jitted ones."""
    own = sorted(
        name
        for name, value in vars(module).items()
        if callable(value)
        and not inspect.isclass(value)
        and getattr(value, "__module__", "") == module.__name__
    )
    if not own:
        return "; it defines none"
    return f"{did_you_mean(function_name, own)} It has {', '.join(own)}"
