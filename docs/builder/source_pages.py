"""A page for every file of the package: what it says of itself, and the code of each definition."""

import ast
import os
import re
from collections import defaultdict
from pathlib import Path

from builder.links import names_in, slug
from builder.places import DOCS, GENERATED, PACKAGE, ROOT, page_of, sources, write_if_new

_FORMULA = re.compile(r"\[`(\w+)`\]\(\.\./(gmmvi_jax/[\w/]+\.py)\)")


def write() -> None:
    """Writes the pages, and a list of them."""
    formulas = _formulas()
    for path in sources():
        write_if_new(DOCS / f"{page_of(path)}.md", _page(path, formulas))
    # No table of contents: the theme would put all of it beside every page.
    lines = [f" - [{path.relative_to(PACKAGE)}](/{page_of(path)}.md)\n" for path in sources()]
    write_if_new(GENERATED / "source" / "index.md", "# Source code\n\n" + "".join(lines))


def _formulas() -> dict[tuple[str, str], list[str]]:
    """Returns for each definition, by file and name, the sections of the algorithm that link it."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    section = ""
    for line in (DOCS / "algorithm.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        for name, file in _FORMULA.findall(line):
            if section not in found[file, name]:
                found[file, name].append(section)
    return found


def _page(path: Path, formulas: dict[tuple[str, str], list[str]]) -> str:
    file = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    page = DOCS / f"{page_of(path)}.md"
    code = Path(os.path.relpath(path, page.parent)).as_posix()
    title = path.relative_to(PACKAGE).as_posix()
    parts = [f"---\norphan: true\n---\n\n# {title}\n", (ast.get_docstring(tree) or "") + "\n"]
    for name in names_in(path):
        sections = formulas.get((file, name), [])
        parts.append(f"## {name}\n")
        if sections:
            links = ", ".join(f"[{each}](/algorithm.md#{slug(each)})" for each in sections)
            parts.append(f"Formulas: {links}\n")
        parts.append(
            f"```{{literalinclude}} {code}\n:pyobject: {name}\n:language: python\n"
            f":lineno-match:\n```\n"
        )
    if not names_in(path):
        parts.append(f"```{{literalinclude}} {code}\n:language: python\n```\n")
    return "\n".join(parts)
