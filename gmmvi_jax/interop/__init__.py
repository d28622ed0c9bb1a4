"""Doors to other packages, none of which is needed otherwise.

Each is imported when it is first used: ``gmmvi_jax.interop.numpyro.from_model(model)``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmmvi_jax.interop import (
        arviz,
        blackjax,
        distrax,
        getdist,
        gmmvi,
        numpyro,
        pymc,
        scipy,
        sklearn,
        stan,
    )

__all__ = [
    "arviz",
    "blackjax",
    "distrax",
    "getdist",
    "gmmvi",
    "numpyro",
    "pymc",
    "scipy",
    "sklearn",
    "stan",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"gmmvi_jax.interop.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
