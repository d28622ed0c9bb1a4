"""Where things are in the repository, and what becomes a page."""

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
PACKAGE = ROOT / "gmmvi_jax"
GENERATED = DOCS / "generated"

# Pages that live outside docs, beside what they describe: file -> its name on the site.
COPIES = {
    ROOT / "README.md": "generated/readme",
    ROOT / "CONTRIBUTING.md": "generated/contributing",
    PACKAGE / "modules" / "README.md": "generated/own_choice",
    ROOT / "benchmarks" / "README.md": "generated/benchmarks",
    ROOT / "benchmarks" / "reliability" / "README.md": "generated/reliability",
}


def sources() -> list[Path]:
    """Returns the files of the package, in order."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.stat().st_size)


def page_of(path: Path) -> str | None:
    """Returns the name of the page on the site that a file of the repository becomes, or None."""
    if path == ROOT / "README.md":
        return "index"  # which includes it
    if path in COPIES:
        return COPIES[path]
    if path.is_relative_to(PACKAGE) and path.suffix == ".py" and path.stat().st_size:
        return "generated/source/" + path.relative_to(ROOT).with_suffix("").as_posix()
    if path.is_relative_to(ROOT / "notebooks"):
        return f"generated/notebooks/{path.stem}"
    if path.is_relative_to(DOCS) and path.suffix in (".md", ".ipynb"):
        return path.relative_to(DOCS).with_suffix("").as_posix()
    return None


def write_if_new(path: Path, text: str) -> None:
    """Writes a file unless it has this text already, so that Sphinx can keep what it made of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
