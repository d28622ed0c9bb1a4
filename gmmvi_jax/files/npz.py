"""Arrays on disk: .npz archives with a header, written all or nothing, never unpickled."""

import dataclasses
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gmmvi_jax.files.reading import check_readable
from gmmvi_jax.files.replacing import replaced


@dataclasses.dataclass(frozen=True)
class FileFormat:
    """What kind of arrays a file holds.

    Attributes:
        name: in the header.
        version: in the header; raise it when older files can no longer be read.
        kind: what a message calls it, e.g. ``"mixture"``.
        writer: what writes such a file, e.g. ``"GMM.save"``.
        can_be_saved_again: whether that is the cure of a damaged file.
        relatives: pairs of the name of another format, which is easily taken for this one, and what
            reads that, e.g. ``"TMixture.load"``.
    """

    name: str
    version: int
    kind: str
    writer: str
    can_be_saved_again: bool = True
    relatives: tuple[tuple[str, str], ...] = ()

    @property
    def cure(self) -> str:
        """What to do with a damaged file, as the end of a sentence."""
        return f"; save the {self.kind} again with {self.writer}" * self.can_be_saved_again


def write_npz(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    file_format: FileFormat,
) -> None:
    """Writes the arrays to exactly ``path``.

    Raises:
        FileNotFoundError: the directory does not exist.
        ValueError: an array has a dtype that numpy cannot store, like bfloat16; or see
            ``replaced``.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "biufU":
            raise ValueError(
                f"cannot save {name} of dtype {array.dtype} to {path}: convert it to float32"
            )
    # A string array: object arrays are what only pickle can store.
    header = json.dumps({"format": file_format.name, "version": file_format.version})
    entries: dict[str, Any] = {"header": np.asarray(header), **arrays}
    # numpy appends .npz to names, not to open files.
    with replaced(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **entries)


def read_npz(path: str | os.PathLike[str], file_format: FileFormat) -> dict[str, np.ndarray]:
    """Returns the arrays in a file that ``write_npz`` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        ValueError: it is of another format or version, or is damaged; see the message.
    """
    path = Path(path)
    kind, writer = file_format.kind, file_format.writer
    check_readable(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {kind} at {path}: {writer} writes to exactly the path given")
    cure = file_format.cure
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a {kind}: it is no .npz archive, or is cut off{cure}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            entries = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a {kind} that can be read ({error}){cure}") from error
    except zlib.error as error:
        raise ValueError(f"{path} is damaged ({error}){cure}") from error
    header = _header_of(entries)
    found = header.get("format")
    for name, reader in file_format.relatives:
        if found == name:
            raise ValueError(f"{path} holds {name!r}, not {file_format.name!r}: call {reader}")
    if found != file_format.name:
        raise ValueError(
            f"{path} is not a {kind}: its header says {found!r}, not {file_format.name!r}{cure}"
        )
    if header.get("version") != file_format.version:
        raise ValueError(
            f"{path} is a {kind} of version {header.get('version')!r}, this gmmvi_jax reads "
            f"version {file_format.version}: use the gmmvi_jax that wrote it"
        )
    del entries["header"]
    return entries


def format_of(path: str | os.PathLike[str]) -> str | None:
    """Returns the name of the format in a file's header, None where there is none."""
    check_readable(Path(path))
    if not zipfile.is_zipfile(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _header_of({"header": archive["header"]}).get("format")
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return None


def _header_of(entries: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns the header, empty where there is none that can be read."""
    try:
        header = json.loads(str(entries["header"]))
    except (KeyError, TypeError, json.JSONDecodeError):
        return {}
    return header if isinstance(header, dict) else {}
