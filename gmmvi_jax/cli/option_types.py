"""What the options of the command line are converted to."""

import argparse
import json
from pathlib import Path
from typing import Any

from gmmvi_jax.files.paths import require_path
from gmmvi_jax.requirements import require_count


def path(text: str) -> Path:
    """Returns a path that can be one."""
    try:
        return require_path("the path", text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """Returns a whole number, which may be written as 1e4."""
    try:
        return require_count("N", float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1") from error


def domain(text: str) -> Any:
    """Returns a value that is written as JSON; a single word needs no quotes."""
    try:
        return text if text.isidentifier() else json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name and no JSON; write positive, or, between single quotes, "
            f'{{"sigma": "positive", "rho": ["interval", -1, 1]}}'
        ) from error


def numbers(text: str) -> Any:
    """Returns a number, a list or a position that is written as JSON."""
    try:
        return json.loads(text, parse_int=float)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number and no JSON") from error
