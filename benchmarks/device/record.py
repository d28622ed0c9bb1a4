"""A part's JSON file, whole at any moment."""

import json
from pathlib import Path

from benchmarks.device.budget import Figures
from benchmarks.table import plain


def write_part(path: Path, content: Figures) -> None:
    """Writes the file anew: what was there stays until all of the new content is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    text = json.dumps(plain(content), indent=1, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
