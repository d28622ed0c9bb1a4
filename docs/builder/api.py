"""The reference: a page for every public module, from the docstrings of all names in it."""

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx

from builder.places import GENERATED, write_if_new

_PAGE = re.compile(r'docs/(\w+)\.md(?:, "([^"]+)")?')
_MARKUP = re.compile(r"[|*](?=\w)")  # means something to reStructuredText, nothing here
# The names of the package itself are grouped by hand, in docs/api.md.
MODULES = {
    "densities": "Densities",
    "domains": "Domains",
    "evaluation": "Measures and diagnosis",
    "callbacks": "Callbacks",
    "plotting": "Plots",
    "targets": "Targets",
    "multistart": "Starts from local maxima",
}


def write() -> None:
    """Writes the pages."""
    for name, title in MODULES.items():
        module = importlib.import_module(f"gmmvi_jax.{name}")
        text = f"# {title}\n\n{_section(module)}"
        write_if_new(GENERATED / "api" / f"{name}.md", text)
    interop = importlib.import_module("gmmvi_jax.interop")
    parts = [f"# Other packages\n\n{inspect.getdoc(interop)}\n"]
    for name in interop.__all__:
        module = importlib.import_module(f"gmmvi_jax.interop.{name}")
        parts.append(f"## {name}\n\n{_section(module)}")
    write_if_new(GENERATED / "api" / "interop.md", "\n".join(parts))


def _section(module: ModuleType) -> str:
    """Returns what a module says of itself, and directives for all its public names."""
    lines = [inspect.getdoc(module) or "", "", "```{eval-rst}"]
    for name in public_names(module):
        value, full_name = getattr(module, name), f"{module.__name__}::{name}"
        if inspect.isclass(value):
            lines += ["", f".. autoclass:: {full_name}", "   :members:"]
        else:
            kind = "function" if callable(value) else "data"
            lines += ["", f".. auto{kind}:: {full_name}"]
    return "\n".join([*lines, "```", ""])


def public_names(module: ModuleType) -> list[str]:
    """Returns ``__all__``, or of a module without one what it defines itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def skip(app: Sphinx, kind: str, name: str, member: Any, skips: bool, options: Any) -> bool | None:
    """Leaves out the fields of NamedTuples, which the docstring of the class describes."""
    return True if type(member).__name__ == "_tuplegetter" else None


def edit_docstring(
    app: Sphinx, kind: str, name: str, member: Any, options: Any, lines: list[str]
) -> None:
    """Makes links of what is on a page, ``docs/algorithm.md, "Deleting"``, and keeps |x| and *x."""

    def link(match: re.Match[str]) -> str:
        title = f', "{match[2]}"' if match[2] else ""
        return f":doc:`{match[1]}{title} </{match[1]}>`"

    def prose(line: str) -> str:
        parts = line.split("``")  # every second one is code
        parts[::2] = [_MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
        return _PAGE.sub(link, "``".join(parts))

    lines[:] = map(prose, lines)
