"""All that a run needs to go on, after a chunk of its iterations, as one file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.files.npz import FileFormat, read_npz, write_npz
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.files import named_arrays
from gmmvi_jax.lowrank.mixtures import mixture_of_named
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.config_text import from_json, to_json
from gmmvi_jax.training.history import History
from gmmvi_jax.training.run_loop import Row
from gmmvi_jax.training.state_files import state_arrays, state_of_arrays
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.watch_memory import WatchMemory

FORMAT = FileFormat(
    "gmmvi_jax.Snapshot", 2, "snapshot of a run", "train(checkpoint=DIRECTORY)", False
)
_STATE, _GMM, _PREVIOUS, _HISTORY, _WATCH = "state.", "gmm.", "previous.", "history.", "watch."


class Snapshot(NamedTuple):
    """A run after a chunk.

    Attributes:
        config: of the run.
        state: after the chunk.
        gmm: the fitted mixture.
        previous: the one a chunk before, None if it is not known.
        rows: of the history.
        ending: how the run ended, None while it goes on; of several it may have ended before
            the others.
        watch: of the run.
        target_centre: [D] what ``fit`` centred a target on minibatches on, None if it did not.
        target_level: below which ``fit`` softens the log density, None if it does not.
        key: data of the PRNG key that the run was given; None where it is not known.
    """

    config: Config
    state: TrainState
    gmm: GMM
    previous: GMM | None
    rows: Sequence[Row]
    ending: Ending | None
    watch: WatchMemory
    target_centre: np.ndarray | None = None
    target_level: float | None = None
    key: np.ndarray | None = None


def json_or_none(config: Config) -> dict[str, Any] | None:
    """Returns the config as ``to_json`` does, None where it has a function, which is code."""
    try:
        return to_json(config)
    except ValueError:
        return None


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Writes a snapshot, all or nothing.

    Raises:
        OSError: of the system, for example that the disk is full.
    """
    config, ending = json_or_none(snapshot.config), snapshot.ending
    status = "" if ending is None else str(ending.status)
    words = {
        "config": "" if config is None else json.dumps(config, allow_nan=False),
        "status": status,
        "reason": "" if ending is None else ending.reason,
    }
    history = History(snapshot.rows).columns()
    arrays = {name: np.asarray(text) for name, text in words.items()}
    names = ("target_centre", "target_level", "key")
    optional = {name: getattr(snapshot, name) for name in names}
    arrays |= {name: np.asarray(own) for name, own in optional.items() if own is not None}
    watch = {name: np.asarray(value) for name, value in snapshot.watch._asdict().items()}
    arrays |= _prefixed(_WATCH, watch)
    arrays |= _prefixed(_STATE, state_arrays(snapshot.state))
    arrays |= _prefixed(_HISTORY, history) | _prefixed(_GMM, _gmm_arrays(snapshot.gmm))
    if snapshot.previous is not None:
        arrays |= _prefixed(_PREVIOUS, _gmm_arrays(snapshot.previous))
    write_npz(path, arrays, FORMAT)


def read_snapshot(path: Path, config: Config | None) -> Snapshot:
    """Reads a snapshot.

    Args:
        path: of the file.
        config: of the run, where the file has none because it holds a function.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, foreign, of another version or of another config; see the text.
    """
    arrays = read_npz(path, FORMAT)
    try:
        text = str(arrays["config"])
        own = from_json(json.loads(text)) if text else config
        status, reason = str(arrays["status"]), str(arrays["reason"])
        ending = Ending(Status(status), reason) if status else None
        gmm = _gmm_of(_within(_GMM, arrays))
        columns = _within(_HISTORY, arrays)
        rows = [
            dict(zip(columns, values, strict=True))
            for values in zip(*(column.tolist() for column in columns.values()), strict=True)
        ]
        previous = _within(_PREVIOUS, arrays)
        memory = _within(_WATCH, arrays)
        watch = WatchMemory(
            centre=memory["centre"],
            scale=memory["scale"],
            largest_spread=float(memory["largest_spread"]),
            largest_spacing=float(memory["largest_spacing"]),
            told=tuple(memory["told"].tolist()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if own is None:
        raise ValueError(
            f"the configuration of {path} holds a function, which is code and not in the file; "
            f"give the config to train(config, log_target, resume=...)."
        )
    return Snapshot(
        config=own,
        state=state_of_arrays(path, _within(_STATE, arrays), own),
        gmm=gmm,
        previous=_gmm_of(previous) if previous else None,
        rows=rows,
        ending=ending,
        watch=watch,
        target_centre=arrays.get("target_centre"),
        target_level=float(arrays["target_level"]) if "target_level" in arrays else None,
        key=arrays.get("key"),
    )


def _gmm_arrays(gmm: GMM) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in named_arrays(gmm).items()}


def _gmm_of(arrays: Mapping[str, np.ndarray]) -> Any:
    return mixture_of_named({name: jax.device_put(array) for name, array in arrays.items()})


def _prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {prefix + name: array for name, array in arrays.items()}


def _within(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
