"""Which leaf of a position has which domain."""

from collections.abc import Sequence
from typing import Any

import jax

from gmmvi_jax import domains
from gmmvi_jax.domains import Domain, real
from gmmvi_jax.domains.numpyro_constraints import from_constraint, is_constraint
from gmmvi_jax.near_names import did_you_mean

_EXAMPLE = "e.g. domain={'sigma': domains.positive}"


def domains_of_leaves(
    domain: Any, paths: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> tuple[Domain, ...]:
    """Returns a domain for each leaf of a position.

    Args:
        domain: of all leaves; or a pytree with the domains of some, each standing for the leaf, or
            all leaves, of the position at its place; None for none. Constraints of NumPyro will do.
        paths: of the leaves.
        shapes: of the leaves.

    Raises:
        TypeError: something else than a domain is given.
        ValueError: there is no leaf at the place of a domain, or its shape does not fit.
    """
    found: list[Domain] = [real] * len(paths)
    for keys, given in jax.tree_util.tree_flatten_with_path(domain, is_leaf=is_constraint)[0]:
        place = jax.tree_util.keystr(keys, simple=True, separator=".")
        own = from_constraint(given) if is_constraint(given) else given
        if not isinstance(own, Domain):
            name = getattr(own, "__name__", "")
            cure = f"{name} needs its arguments, {name}(...)" if name in dir(domains) else _EXAMPLE
            raise TypeError(
                f"domain: {place or 'it'} must be of gmmvi_jax.domains, got {own!r}; {cure}."
            )
        rows = [
            row
            for row, path in enumerate(paths)
            if not place or path == place or path.startswith(f"{place}.")
        ]
        if not rows:
            raise ValueError(
                f"domain: the position has no {place!r}{did_you_mean(place, paths)} It has "
                f"{', '.join(paths)}."
            )
        for row in rows:
            found[row] = own
    for path, shape, own in zip(paths, shapes, found, strict=True):
        try:
            own.free_shape(shape)
        except ValueError as error:
            raise ValueError(f"domain of {path or 'the position'!r}: {error}") from error
    return tuple(found)
