"""Every file of data that ships has a source, a licence, and the size that its page says."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest

import gmmvi_jax

DATA = Path(gmmvi_jax.__file__).parent / "targets" / "data"
PAGE = (DATA / "README.md").read_text(encoding="utf-8")
TABLES = sorted(DATA.glob("*.csv.gz"))
LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def test_nothing_ships_that_the_page_does_not_know():
    known = {".md", ".gz", ".npz", ".json"}
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= known
    listed = set(re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE))
    assert listed == {path.name for path in TABLES}
    assert len(set(re.findall(r"<https://doi\.org/10\.24432/\w+>", PAGE))) == len(TABLES)
    assert LICENCE in PAGE


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name.split(".")[0])
def test_a_table_has_the_rows_and_columns_of_its_page(path):
    row = re.search(rf"^\| `{path.name}` \| (\d+)[^|]*\| (\d+) [^|]*\| `(\w+)`", PAGE, re.MULTILINE)
    assert row is not None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert (len(lines), len(header) - 1, header[-1]) == (int(row[1]), int(row[2]), row[3])


def test_reference_samples_say_how_they_were_made():
    samples = sorted((DATA / "reference").glob("*.npz"))
    assert samples
    for path in samples:
        summary = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert summary["target"] == path.stem
        assert summary["method"]
