"""A numpy function that breaks after hundreds of calls: what was computed comes back."""

from collections.abc import Iterator

import numpy as np

import gmmvi_jax as gmmvi
from gmmvi_jax import densities

from ..behaviour import Behaviour, Check, warnings_of

_NUM_GOOD = 299
_START_WORDS = ("prior_mean", "prior_scale", "initial point")


class _Simulator:
    """A normal in numpy that returns NaN, or raises an error, after its 299th call."""

    def __init__(self, raises: bool) -> None:
        self.num_calls, self.raises = 0, raises

    def __call__(self, points: np.ndarray) -> np.ndarray:
        self.num_calls += 1
        values = -0.5 * np.sum(points**2, axis=1)
        if self.num_calls <= _NUM_GOOD:
            return values
        if self.raises:
            raise ArithmeticError("the simulator lost its mesh")
        return np.full_like(values, np.nan)


def _checks() -> Iterator[Check]:
    for raises, cause in ((False, "NaN"), (True, "lost its mesh")):
        result, texts = warnings_of(
            lambda raises=raises: gmmvi.train(
                gmmvi.vips(2), densities.black_box(_Simulator(raises))
            )
        )
        what = "raises" if raises else "NaN"
        ending = result.ending
        yield Check(
            f"{what}: status failed, and a reason that names it",
            f"{result.status}: {ending.reason}",
            result.status == "failed" and cause in ending.reason,
        )
        blames = [word for word in _START_WORDS if word in ending.reason]
        yield Check(f"{what}: the start is not blamed", f"{blames}", not blames)
        rows, elbo = len(result.history["iteration"]), float(np.nanmax(result.history["elbo"]))
        right = rows >= 8 and bool(abs(elbo - np.log(2.0 * np.pi)) < 0.05)
        yield Check(
            f"{what}: eight chunks or more, and a good fit", f"{rows}, ELBO {elbo:.3f}", right
        )
        finite = bool(np.all(np.isfinite(np.asarray(result.gmm.means))))
        yield Check(f"{what}: the mixture is finite", str(finite), finite)
        told = [text for text in texts if "the run failed" in text]
        yield Check(f"{what}: a warning says so", f"{texts}", bool(told))


ROWS = (Behaviour("black_box_breaks", _checks),)
