"""Reference samples of targets without exact samples."""

import functools
import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import jax
import numpy as np

from gmmvi_jax.targets.protocol import Target

# Targets that have the posterior of another one.
_SAME_AS = {
    "breast_cancer_mb": "breast_cancer",
    "german_credit_mb": "german_credit",
    "planar_robot": "planar_robot_4",
}
# Bound on the difference of two evaluations of the same density, also in single precision.
_SAME_LOG_DENSITY = 0.5

_evaluate = jax.jit(lambda target, x: target(x))  # compiles faster than its operations one by one


class WithReferenceSamples:
    """Mixin for targets with stored reference samples."""

    @property
    def reference_samples(self: Target) -> np.ndarray:
        """The samples [2000, D], float64, read-only; see ``reference_samples``.

        Raises:
            AttributeError: there are none of this target, so that hasattr is False.
        """
        if self.name in reference_names():
            samples = reference_samples(self.name)
            # The target may have another size, or other data, than the stored one of its name.
            if samples.shape[1] == self.dim:
                expected = reference_summary(self.name)["log_density_of_first_sample"]
                if abs(float(_evaluate(self, samples[0])) - expected) < _SAME_LOG_DENSITY:
                    return samples
        raise AttributeError(
            f"there are no reference samples of this {self.name!r} with {self.dim} dimensions; "
            f"there are some of {', '.join(reference_names())} as `targets.get` gives them"
        )


def reference_names() -> tuple[str, ...]:
    """Returns the names of the targets that have reference samples."""
    files = (file.name for file in _folder().iterdir())
    return tuple(sorted(name.removesuffix(".npz") for name in files if name.endswith(".npz")))


def reference_samples(name: str) -> np.ndarray:
    """Returns draws from a target by a method that is independent of this package.

    NUTS for targets with one mode, tempered sequential Monte Carlo for targets with many. See
    ``data/README.md`` for the settings and ``reference_summary`` for the diagnostics.

    Args:
        name: of the target, one of ``reference_names``, or a target with the same posterior
            ("breast_cancer_mb" has that of "breast_cancer").

    Returns:
        [2000, D] float64, in random order; read-only, since every caller gets the same array.

    Raises:
        ValueError: there are none; the message lists those that exist.

    Example:
        >>> reference_samples("german_credit").shape
        (2000, 25)
    """
    return _load(_stored_name(name))


def reference_summary(name: str) -> dict[str, Any]:
    """Returns the diagnostics and moments of a target's reference samples.

    Args:
        name: as for ``reference_samples``.

    Returns:
        The method and its settings, its diagnostics, and moments of ALL its draws (the samples are
        2,000 of them): "mean" and "standard_deviation", with their Monte-Carlo standard errors.

    Raises:
        ValueError: see ``reference_samples``.
    """
    return json.loads((_folder() / f"{_stored_name(name)}.json").read_text(encoding="utf-8"))


def _folder() -> Traversable:
    return resources.files("gmmvi_jax.targets") / "data" / "reference"


def _stored_name(name: str) -> str:
    stored = _SAME_AS.get(name, name) if isinstance(name, str) else None
    if stored not in reference_names():
        raise ValueError(
            f"name: there are no reference samples of {name!r}; there are some of "
            f"{', '.join(reference_names())}"
        )
    return stored


@functools.cache
def _load(stored_name: str) -> np.ndarray:
    with (_folder() / f"{stored_name}.npz").open("rb") as file, np.load(file) as arrays:
        samples = decode(arrays)
    samples.flags.writeable = False
    return samples


def decode(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns samples [n, D] float64 from the arrays of a file.

    Args:
        arrays: "samples" [n, D] of floating-point numbers; or of integers, in units of "step" [D]
            from "lowest" [D].
    """
    samples = arrays["samples"].astype(np.float64)
    return arrays["lowest"] + arrays["step"] * samples if "step" in arrays else samples
