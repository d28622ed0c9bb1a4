"""A progress bar, updated between compiled chunks."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self


class ProgressBar:
    """Shows iterations, components and ELBO on stderr, with tqdm if it is installed."""

    def __init__(self, total: int | None, enabled: bool) -> None:
        """Prepares a bar over ``total`` iterations, if known; shows nothing unless ``enabled``."""
        self._total = total
        self._done = 0
        self._start = time.perf_counter()
        self._enabled = enabled
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Opens the bar."""
        if self._enabled:
            try:
                from tqdm import tqdm
            except ImportError:
                pass
            else:
                self._bar = tqdm(total=self._total, unit="it", file=sys.stderr, ncols=80)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()
        elif self._enabled:
            sys.stderr.write("\n")

    def update(self, num_steps: int, rows: Sequence[dict[str, Any]]) -> None:
        """Moves on by ``num_steps`` and shows the newest row of the history of every run."""
        self._done += num_steps
        if not self._enabled:
            return
        counts = "/".join(str(row["num_components"]) for row in rows)
        elbos = "/".join(f"{row['elbo']:.3f}" for row in rows)
        note = f"K {counts}, ELBO {elbos}"
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(num_steps)
        else:
            seconds = time.perf_counter() - self._start
            total = "" if self._total is None else f"/{self._total}"
            sys.stderr.write(f"\r{self._done}{total} it, {seconds:.0f} s, {note}   ")
            sys.stderr.flush()
