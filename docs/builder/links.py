"""Links between files of the repository become links between pages of the site."""

import ast
import re
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

from builder.places import DOCS, PACKAGE, ROOT, page_of

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_SPAN = re.compile(r"`([\w/]+\.py)(?:: ([\w.]+))?`")  # `training/train.py: train`
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_SUFFIXES = (".md", ".ipynb")


def rewrite_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Rewrites the links of a page; a ``source-read`` event of Sphinx."""
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md" and not name.startswith("generated/"):
        source[0] = rewrite(source[0], path)


def rewrite(text: str, origin: Path) -> str:
    """Returns a page's text with links to pages of the site.

    Args:
        text: of the page.
        origin: the file that links are relative to.
    """

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match.groups()
        if target.startswith(("http", "mailto", "/")):
            return match[0]
        path = (origin.parent / target).resolve()
        page = page_of(path)
        if page is None:
            return f"{text} (`{path.relative_to(ROOT)}`)"
        name = text.strip("`")
        if path.suffix == ".py" and name in names_in(path):
            anchor = f"#{slug(name)}"
        suffix = path.suffix if path.suffix in _SUFFIXES else ".md"
        return f"[{text}](/{page}{suffix}{anchor or ''})"

    def span(match: re.Match[str]) -> str:
        path = PACKAGE / match[1]
        if not path.exists() or path.suffix != ".py":
            return match[0]
        name = (match[2] or "").partition(".")[0]
        anchor = f"#{slug(name)}" if name in names_in(path) else ""
        return f"[{match[0]}](/{page_of(path)}.md{anchor})"

    def image(match: re.Match[str]) -> str:
        path = (origin.parent / match[2]).resolve()
        if path.is_relative_to(DOCS):
            return f"![{match[1]}](/{path.relative_to(DOCS)})"
        return f"![{match[1]}](/generated/{path.relative_to(ROOT / 'benchmarks')})"

    text = _IMAGE.sub(image, _LINK.sub(link, text))
    return _SPAN.sub(span, text) if origin.name == "architecture.md" else text


@cache
def names_in(path: Path) -> tuple[str, ...]:
    """Returns the functions and classes that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return tuple(node.name for node in tree.body if isinstance(node, kinds))


def slug(heading: str) -> str:
    """Returns the anchor that MyST gives to a heading, as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
