"""Pages that live outside of docs, beside what they describe, come to the site from there."""

import json
import shutil
from pathlib import Path

from builder.links import rewrite
from builder.places import COPIES, DOCS, GENERATED, ROOT, write_if_new


def write() -> None:
    """Copies the pages, their pictures, and the notebooks."""
    for file, page in COPIES.items():
        text = rewrite(file.read_text(encoding="utf-8"), file)
        write_if_new(DOCS / f"{page}.md", text)
    for image in (ROOT / "benchmarks" / "results").glob("*.png"):
        _copy(image, GENERATED / "results" / image.name)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        write_if_new(GENERATED / "notebooks" / notebook.name, _linked(notebook))


def _linked(notebook: Path) -> str:
    """Returns a notebook whose text links pages of the site."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewrite("".join(cell["source"]), notebook)
    return json.dumps(content)


def _copy(file: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists() or copy.read_bytes() != file.read_bytes():
        shutil.copy(file, copy)
