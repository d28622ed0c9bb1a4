"""The JSON record of a run: what ran, on what, and what came out."""

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.specification import Specification
from benchmarks.table import plain

FORMAT = 1
PACKAGES = (
    *("gmmvi_jax", "jax", "jaxlib", "numpy", "optax"),
    *("blackjax", "numpyro", "flowjax", "equinox", "gsmvi"),
)


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Returns what the run ran on, and how busy that was."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def write_record(path: Path, specification: Specification, status: str, **content: Any) -> None:
    """Writes a record at once: an interrupted suite leaves none that is half written.

    Args:
        path: of the file.
        specification: of the run.
        status: "done", "skipped" or "failed".
        **content: ``reason``; or ``rows``, ``final``, ``import_seconds`` and so on.
    """
    record = {"format": FORMAT, "status": status, "specification": specification.to_json()}
    record |= {"versions": versions(), "machine": machine()} | content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    text = json.dumps(plain(record), indent=1, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def read_record(path: Path) -> dict[str, Any] | None:
    """Returns a record, or None where there is none that can be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return record if record.get("format") == FORMAT else None


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Returns all records of a folder, by file name."""
    records = [read_record(path) for path in sorted(folder.glob("*.json"))]
    return [record for record in records if record is not None]
