"""Writing runs to their directories between chunks, on a thread beside them."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.densities.softened import level_of
from gmmvi_jax.gmm import GMM
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.history import History
from gmmvi_jax.training.run_directory import has_run, write_runs
from gmmvi_jax.training.run_lock import RunLock
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.training.status import Ending
from gmmvi_jax.training.watch import Watch
from gmmvi_jax.typing import LogDensity, PRNGKey

_LARGEST_SHARE = 0.02  # of the time, above which it is written no more than once in:
_LONGEST_PAUSE = 60.0  # seconds


class Keeper:
    """Writes snapshots of runs, after every chunk where that is cheap, else once a minute.

    A disk that is full, or away, does not end a run: a warning says so.
    """

    def __init__(
        self, locks: Sequence[RunLock], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepares to write.

        Args:
            locks: of the directories, one for each run.
            clock: seconds, which never go back.
        """
        self._locks, self._clock = locks, clock
        self._directories = [lock.directory for lock in locks]
        self._thread: threading.Thread | None = None
        self._start = self._last = clock()
        self._seconds = 0.0
        self._has_written = False
        self._error: OSError | None = None
        self._renewed: list[Path] = []

    def offer(self, make: Callable[[], Sequence[Snapshot]]) -> None:
        """Writes snapshots beside what comes next, if it is time for them.

        Args:
            make: of one for each run, whose arrays must stay as they are.
        """
        if self._is_busy() or not self._is_due():
            return
        self._report()
        self._last = self._clock()
        self._thread = threading.Thread(target=self._write, args=(make(),), daemon=True)
        self._thread.start()

    def finish(self, snapshots: Sequence[Snapshot]) -> None:
        """Writes the last snapshots, and waits for them."""
        self.close()
        self._write(snapshots)
        self._report("result.save(DIRECTORY) writes it elsewhere")

    def close(self) -> None:
        """Waits for what is being written."""
        if self._thread is not None:
            self._thread.join()
        self._report()

    def _is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _is_due(self) -> bool:
        now = self._clock()
        is_cheap = self._seconds <= _LARGEST_SHARE * (now - self._start)
        return not self._has_written or is_cheap or now - self._last >= _LONGEST_PAUSE

    def _write(self, snapshots: Sequence[Snapshot]) -> None:
        start = self._clock()
        try:
            self._renewed += [lock.directory for lock in self._locks if lock.hold()]
            write_runs(self._directories, snapshots)
            self._has_written = True
        except OSError as error:
            self._error = error
        self._seconds += self._clock() - start

    def _report(self, what_next: str = "it goes on, and tries again later") -> None:
        error, self._error = self._error, None
        renewed, self._renewed = self._renewed, []
        if error is not None:
            directory = self._directories[0]
            place = directory if len(self._directories) == 1 else directory.parent
            warnings.warn(
                f"the run could not be written to {place} ({error.strerror or error}); "
                f"{what_next}. {self._what_is_there()}",
                stacklevel=2,
            )
        elif renewed:
            warnings.warn(
                f"somebody removed or renamed {', '.join(map(str, renewed))}, or the lock in it, "
                f"while the run wrote there; it was made again, and has the run as it is now.",
                stacklevel=2,
            )

    def _what_is_there(self) -> str:
        """Returns a sentence on what the disk has of the runs."""
        try:
            is_there = all(map(has_run, self._directories))
        except OSError:
            return "What was written before cannot be read now."
        if is_there:
            return "What was written before is still there."
        return "Nothing that it could go on from is there now."


def snapshots_of(
    configs: Sequence[Config],
    keys: Sequence[PRNGKey],
    watches: Sequence[Watch],
    target_centre: np.ndarray | None,
    targets: Sequence[LogDensity],
    states: Sequence[TrainState],
    gmms: Sequence[GMM],
    previous: Sequence[GMM],
    histories: Sequence[History],
    endings: Sequence[Ending | None],
) -> list[Snapshot]:
    """Returns what there is to keep of the runs.

    Args:
        configs: one for each run, as all that follow.
        keys: that they were given.
        watches: over them.
        target_centre: see ``Snapshot``, of all.
        targets: of the runs; all have the same level, or none.
        states: of the runs, which must stay as they are.
        gmms: their mixtures.
        previous: those a chunk before.
        histories: of the runs.
        endings: None of one that goes on.
    """
    return [
        Snapshot(
            config=config,
            state=states[index],
            gmm=gmms[index],
            previous=previous[index],
            rows=list(histories[index].rows),
            ending=endings[index],
            watch=watches[index].memory,
            target_centre=target_centre,
            target_level=level_of(targets[0]),
            key=np.asarray(jax.random.key_data(keys[index])),
        )
        for index, config in enumerate(configs)
    ]
