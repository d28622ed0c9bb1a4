"""A configuration as JSON, and back: readable, and nothing in it is executed."""

import dataclasses
import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from gmmvi_jax.config import Config
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.domains.numpyro_constraints import constraint_named, is_constraint, name_of

_PACKAGE = "gmmvi_jax."


def to_json(config: Config) -> dict[str, Any]:
    """Returns a configuration as values that JSON can hold.

    Raises:
        ValueError: it holds a function, such as a schedule, or a position of unusual containers.
    """
    return _encode(config, "config")


def from_json(values: dict[str, Any]) -> Config:
    """Returns the configuration that ``to_json`` encoded.

    Raises:
        ValueError: the values name a class that is not one of this package.
    """
    config = _decode(values)
    if not isinstance(config, Config):
        raise ValueError(f"this is a {type(config).__name__}, no configuration")
    return config


class Difference(NamedTuple):
    """A value that two configurations do not share.

    Attributes:
        place: of the value, as ``algorithm.max_components``.
        first: the value of the first one.
        second: the value of the second one.
    """

    place: str
    first: Any
    second: Any


def differences(first: Config, second: Config) -> list[Difference]:
    """Returns what differs between two configurations; functions in them are taken to be equal."""
    return [
        Difference(place.removeprefix("."), _plain(one), _plain(other))
        for place, one, other in _differing(first, second, "")
    ]


def _differing(first: Any, second: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    is_own = dataclasses.is_dataclass(first) and type(first).__module__.startswith(_PACKAGE)
    if is_own and type(first) is type(second):
        for field in dataclasses.fields(first):
            name = field.name
            yield from _differing(getattr(first, name), getattr(second, name), f"{place}.{name}")
        return
    try:
        same = _encode(first, place) == _encode(second, place)
    except ValueError:
        same = type(first) is type(second)
    if not same:
        yield place, first, second


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, np.ndarray | jax.Array) else value


def _encode(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        array = np.asarray(value)
        return {"array": array.tolist(), "dtype": array.dtype.name}
    if isinstance(value, tuple):
        return {"tuple": [_encode(each, f"{place}[{i}]") for i, each in enumerate(value)]}
    if is_constraint(value):
        return {"numpyro_constraint": name_of(value)}
    if isinstance(value, PositionLayout):
        return _encode_layout(value, place)
    cls = type(value)
    if dataclasses.is_dataclass(value) and cls.__module__.startswith(_PACKAGE):
        names = [field.name for field in dataclasses.fields(value)]
        fields = {name: _encode(getattr(value, name), f"{place}.{name}") for name in names}
        return {"class": f"{cls.__module__}.{cls.__qualname__}", "fields": fields}
    raise ValueError(
        f"{place} cannot be saved as text: {value!r}. A function is code; save the result without "
        f"it (result.gmm.save), or keep the code that makes the configuration."
    )


def _encode_layout(layout: PositionLayout, place: str) -> dict[str, Any]:
    structure = jax.tree.unflatten(layout.treedef, range(len(layout.shapes)))
    if not _is_plain(structure):
        raise ValueError(f"{place} cannot be saved: its position is no dict, list or tuple.")
    fields = {
        field.name: _encode(getattr(layout, field.name), f"{place}.{field.name}")
        for field in dataclasses.fields(layout)
        if field.name != "treedef"
    }
    return {"position": _with_tuples(structure), "fields": fields}


def _is_plain(structure: Any) -> bool:
    """Returns whether a position consists of dicts with text as keys, lists and tuples."""
    if type(structure) is dict:
        return all(isinstance(key, str) and _is_plain(own) for key, own in structure.items())
    if type(structure) in (list, tuple):
        return all(map(_is_plain, structure))
    return isinstance(structure, int)


def _with_tuples(structure: Any) -> Any:
    """Returns a position as JSON; lists and tuples are told apart."""
    if isinstance(structure, dict):
        return {"dict": {key: _with_tuples(own) for key, own in structure.items()}}
    if isinstance(structure, list | tuple):
        return {type(structure).__name__: [_with_tuples(own) for own in structure]}
    return structure


def _without_tuples(values: Any) -> Any:
    if isinstance(values, int):
        return values
    ((kind, own),) = values.items()
    if kind == "dict":
        return {key: _without_tuples(each) for key, each in own.items()}
    return {"list": list, "tuple": tuple}[kind](map(_without_tuples, own))


def _decode(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    if "float" in values:
        return float(values["float"])
    if "array" in values:
        return np.asarray(values["array"], values["dtype"])
    if "tuple" in values:
        return tuple(map(_decode, values["tuple"]))
    if "numpyro_constraint" in values:
        return constraint_named(values["numpyro_constraint"])
    fields = {name: _decode(own) for name, own in values["fields"].items()}
    if "position" in values:
        structure = jax.tree.structure(_without_tuples(values["position"]))
        return PositionLayout(treedef=structure, **fields)
    return _class_named(values["class"])(**fields)


def _class_named(path: str) -> type:
    """Returns a dataclass of this package; others are not imported."""
    module, _, name = path.rpartition(".")
    if not module.startswith(_PACKAGE):
        raise ValueError(f"{path} is no class of this package")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path} is unknown: the file is of another version") from error
    if not dataclasses.is_dataclass(cls):
        raise ValueError(f"{path} is no class of a configuration")
    return cls  # type: ignore[return-value]
