"""Arguments in the forms that users have them, and those that cannot be right."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gmmvi_jax as gmmvi

from ..behaviour import Behaviour, Check, refusal

_samtron: Any = gmmvi.samtron  # called with values of wrong types here
_SMALL: dict[str, Any] = {"desired_samples": 20, "diagnostic_samples": 0, "max_components": 3}
_CONFIG = gmmvi.samtron(2, num_iterations=4, log_every=2, **_SMALL)


def _bowl(x: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((x - 1.0) ** 2)


def _same(first: gmmvi.TrainResult, second: gmmvi.TrainResult) -> bool:
    pairs = zip(jax.tree.leaves(first.gmm), jax.tree.leaves(second.gmm), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def _one_component() -> Iterator[Check]:
    for codename in ("SEPYFUX", "SEMTRON"):
        config = gmmvi.from_codename(codename, 2, max_components=1)
        count = int(gmmvi.init(config.algorithm, 0).mixture.num_components)
        yield Check(
            f"{codename}, max_components=1: starts with 1", f"starts with {count}", count == 1
        )


def _forms() -> Iterator[Check]:
    rows = []
    result = gmmvi.train(_CONFIG, _bowl, callbacks=lambda state, row: rows.append(row["iteration"]))
    yield Check("callbacks=f: called after every chunk", str(rows), rows == [2, 4])
    key = _same(gmmvi.train(_CONFIG, _bowl, rng_key=0), result)
    yield Check("rng_key=0: the seed", str(key), key)
    half = _CONFIG.replace(num_iterations=2)
    with tempfile.TemporaryDirectory() as folder:
        mixture, state = Path(folder) / "mixture.npz", Path(folder) / "run"
        first = gmmvi.train(half, _bowl, checkpoint=state)
        forms = {"a result": first, "a path of a run": str(state)}
        for name, initial in forms.items():
            goes_on = _same(gmmvi.train(half, _bowl, initial=initial), result)
            yield Check(f"initial={name}: goes on bit for bit", str(goes_on), goes_on)
        first.gmm.save(mixture)
        expected = gmmvi.train(half, _bowl, initial=first.gmm)
        same = _same(gmmvi.train(half, _bowl, initial=str(mixture)), expected)
        yield Check("initial=a path of a mixture: starts from it", str(same), same)


# What is called, the error, and a pattern: the argument, its value and the cure.
_WRONG: tuple[tuple[str, type[Exception], str, Callable[[], Any]], ...] = (
    ("train(f, config)", TypeError, r"swapped: train\(config, log_target\)",
     lambda: gmmvi.train(_bowl, _CONFIG)),  # pyright: ignore[reportArgumentType]
    ("train(3, f)", TypeError, "config must be a Config, .*got int 3", lambda: _train(config=3)),
    ("train(config, 3)", TypeError, "log_target must be a function .*got int",
     lambda: _train(log_target=3)),
    ("callbacks=3", TypeError, "callbacks must be a function .*got 3", lambda: _train(callbacks=3)),
    ("initial=3", TypeError, "initial must be .*got int 3", lambda: _train(initial=3)),
    ("initial='none.npz'", FileNotFoundError, "initial: there is no file none.npz",
     lambda: _train(initial="none.npz")),
    ("rng_key=0.5", TypeError, "rng_key must be .*got 0.5", lambda: _train(rng_key=0.5)),
    ("progress='yes'", TypeError, "progress must be .*got 'yes'", lambda: _train(progress="yes")),
    ("samples='a'", TypeError, "samples must be Samples.*got str 'a'", lambda: _train(samples="a")),
    ("checkpoint=1", TypeError, "checkpoint must be the path .*got 1",
     lambda: _train(checkpoint=1)),
    ("num_iterations='10'", ValueError, "num_iterations must be an integer .*got '10'",
     lambda: _samtron(2, num_iterations="10")),
    ("log_every=2.5", ValueError, "log_every must be an integer .*got 2.5",
     lambda: _samtron(2, log_every=2.5)),
    ("dim='2'", ValueError, "dim must be an integer .*got '2'", lambda: _samtron("2")),
    ("desired_samples='a'", ValueError, "desired_samples must be an integer.*got 'a'",
     lambda: _samtron(2, desired_samples="a")),
    ("prior_scale='wide'", ValueError, "prior_scale must be .*'wide'",
     lambda: _samtron(2, prior_scale="wide")),
    ("prior_mean=[0, 0, 0]", ValueError, r"prior_mean .*\(3,\)",
     lambda: _samtron(2, prior_mean=[0.0, 0.0, 0.0])),
    ("temperature='hot'", ValueError, "temperature must be .*'hot'",
     lambda: _samtron(2, temperature="hot")),
    ("diagonal=1", ValueError, "diagonal must be True or False, got 1",
     lambda: _samtron(2, diagonal=1)),
    ("seed='a'", ValueError, "seed must be an integer.*got 'a'",
     lambda: _samtron(2, seed="a")),
    ("max_components=2.0", ValueError, "max_components must be an integer.*got 2.0",
     lambda: _samtron(2, max_components=2.0)),
    ("desired_sample=100", ValueError, "no setting 'desired_sample'.*desired_samples",
     lambda: _samtron(2, desired_sample=100)),
)  # fmt: skip


def _train(config: Any = _CONFIG, log_target: Any = _bowl, **arguments: Any) -> Any:
    return gmmvi.train(config, log_target, **arguments)


def _refusals() -> Iterator[Check]:
    for what, kind, pattern, call in _WRONG:
        check = refusal(what, kind, pattern, call)
        yield check._replace(passed=check.passed and "\n" not in check.found)


ROWS = (
    Behaviour("one_fixed_component", _one_component),
    Behaviour("forms_of_arguments", _forms),
    Behaviour("wrong_arguments", _refusals),
)
