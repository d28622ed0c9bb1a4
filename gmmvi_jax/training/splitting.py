"""When ``fit`` splits the components of its mixture, and into how many."""

import dataclasses
import math

from gmmvi_jax.training.stopping import Rows, evaluations_spent

_PER_NAT = 240.0  # components per nat that the mixture lacks
_AT_ONCE = 8  # parts per component, at most
_LEAST = 1.4  # as many components as before, else it does not pay
_ROOM = 1.6  # times as many in the end, where two splits are needed
_SETTLED = 0.5  # of what the mixture lacks: the ELBO rose less over the last chunk
_MOST_DIMENSIONS = 2_000  # of all means together: the time of a step grows with its square
_CHUNKS_AHEAD = 3  # that evaluations and time must suffice for
_DRAWN = 0.4  # of the desired samples: new ones per component and iteration


@dataclasses.dataclass(frozen=True)
class Splitting:
    """Splits the components once they have settled and the mixture still lacks something.

    Few components settle with few evaluations, and their parts begin near the target; see
    docs/algorithm.md, "From few components to many", for what that saves.

    Attributes:
        dim: D.
        most: components after a split.
        desired_samples: per component and iteration.
        budget: evaluations of the whole run, if limited.
        seconds: of the whole run, if limited.
    """

    dim: int
    most: int
    desired_samples: int
    budget: int | None = None
    seconds: float | None = None

    def __call__(self, rows: Rows) -> int | None:
        """Returns how many components there should be, None if there are enough.

        Args:
            rows: of the history so far, see ``TrainResult.history``.
        """
        if len(rows) < 2:
            return None
        before, last = rows[-2:]
        count, lacking = last["num_components"], last["elbo_gap"]
        has_just_split = count > _LEAST * before["num_components"]
        is_near_end = last["iteration"] - before["iteration"] < rows[0]["iteration"]
        if has_just_split or is_near_end or not last["elbo"] - before["elbo"] < _SETTLED * lacking:
            return None
        limits = [self.most, _MOST_DIMENSIONS // self.dim, _PER_NAT * lacking]
        if self.budget is not None:
            remaining = self.budget - evaluations_spent(last)
            num_iterations = _CHUNKS_AHEAD * (last["iteration"] - before["iteration"])
            limits.append(remaining / (num_iterations * _DRAWN * self.desired_samples))
        if self.seconds is not None:
            chunk = last["wall_time"] - before["wall_time"]
            remaining = max(self.seconds - last["wall_time"], 0.0)
            limits.append(count * math.sqrt(remaining / (_CHUNKS_AHEAD * chunk)))
        wanted = min(limits)
        if wanted > _AT_ONCE * count:  # and leaves room for another split
            wanted = min(_AT_ONCE * count, wanted / _ROOM)
        wanted = int(wanted)
        return wanted if wanted >= _LEAST * count else None
