"""Writing a run to its directory between chunks, on a thread beside it."""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.gmm import GMM
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.history import History
from gmmvi_jax.training.run_directory import write_run
from gmmvi_jax.training.runs import Runs, copied
from gmmvi_jax.training.snapshot import Snapshot
from gmmvi_jax.training.status import Ending
from gmmvi_jax.training.watch import Watch

_LARGEST_SHARE = 0.02  # of the time, above which it is written no more than once in:
_LONGEST_PAUSE = 60.0  # seconds


class Keeper:
    """Writes snapshots of a run, after every chunk where that is cheap, else once a minute.

    A disk that is full, or away, does not end a run: a warning says which iteration is the last
    one on it.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepares to write.

        Args:
            directory: of the run.
            clock: seconds, which never go back.
        """
        self._directory, self._clock = directory, clock
        self._thread: threading.Thread | None = None
        self._start = self._last = clock()
        self._seconds = 0.0
        self._has_written = False
        self._error: OSError | None = None

    def offer(self, make: Callable[[], Snapshot]) -> None:
        """Writes a snapshot beside what comes next, if it is time for one.

        Args:
            make: of the snapshot, whose arrays must stay as they are.
        """
        if self._is_busy() or not self._is_due():
            return
        self._report()
        self._last = self._clock()
        self._thread = threading.Thread(target=self._write, args=(make(),), daemon=True)
        self._thread.start()

    def finish(self, snapshot: Snapshot) -> None:
        """Writes the last snapshot, and waits for it."""
        self.close()
        self._write(snapshot)
        self._report()

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

    def _write(self, snapshot: Snapshot) -> None:
        start = self._clock()
        try:
            write_run(self._directory, snapshot)
            self._has_written = True
        except OSError as error:
            self._error = error
        self._seconds += self._clock() - start

    def _report(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            warnings.warn(
                f"the run could not be written to {self._directory} ({error.strerror or error}); "
                f"it goes on, and tries again later. What was written before is still there.",
                stacklevel=2,
            )


def snapshots_of(
    config: Config,
    runs: Runs,
    watches: Sequence[Watch],
    target_centre: np.ndarray | None,
    state: TrainState,
    gmms: Sequence[GMM],
    previous: Sequence[GMM],
    histories: Sequence[History],
    endings: Sequence[Ending] | None = None,
) -> list[Snapshot]:
    """Returns what there is to keep of the runs; the state is copied.

    Args:
        config: of the runs.
        runs: one, or several.
        watches: one for each run.
        target_centre: see ``Snapshot``.
        state: of all runs.
        gmms: their mixtures.
        previous: those a chunk before.
        histories: one for each run.
        endings: one for each run, None while they go on.
    """
    return [
        Snapshot(
            config=config,
            state=part,
            gmm=gmms[index],
            previous=previous[index],
            rows=list(histories[index].rows),
            ending=None if endings is None else endings[index],
            watch=watches[index].memory,
            target_centre=target_centre,
        )
        for index, part in enumerate(runs.split(copied(state)))
    ]
