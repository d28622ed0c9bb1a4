"""The site: ``python -m sphinx -W docs build/site`` makes it, offline, from these pages."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

from builder import api, links, pages, settings_pages, source_pages

project = "gmmvi_jax"
author = "the authors of gmmvi_jax"
copyright = author
version = release = version_of("gmmvi_jax")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["builder", "generated/readme.md"]
html_theme = "sphinx_book_theme"
html_title = "gmmvi_jax"
html_theme_options = {"show_toc_level": 2, "home_page_in_toc": True}
html_show_copyright = False
html_copy_source = False

myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # their outputs are committed, and a test runs them

autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of a NamedTuple or dataclass as one list
toc_object_entries_show_parents = "hide"


def setup(app: Sphinx) -> None:
    """Connects what is made at build time."""
    pages.write()
    settings_pages.write()
    api.write()
    source_pages.write()
    app.connect("source-read", links.rewrite_page)
    app.connect("autodoc-skip-member", api.skip)
    app.connect("autodoc-process-docstring", api.edit_docstring)
