"""Codenames: seven letters, one choice each; 432 of them."""

import itertools

from gmmvi_jax.modules.choice import Choice
from gmmvi_jax.modules.registry import CHOICES, LETTERS
from gmmvi_jax.near_names import did_you_mean

NAMED = {"samtron": "SAMTRON", "vips": "ZAMTRUX", "ibayes_gmm": "SEPYFUX"}


def codenames() -> tuple[str, ...]:
    """Returns all 432 codenames, the recommended one first."""
    return tuple("".join(letters) for letters in itertools.product(*LETTERS))


def codename_of(variant: str) -> str:
    """Returns the codename of a variant's name, as on the command line: in any case.

    What is neither a codename nor a name is returned as it is, for ``choices_of`` to refuse.
    """
    named = NAMED.get(variant.lower().replace("-", "_"), variant.upper())
    return named if named in codenames() else variant


def choices_of(codename: str) -> tuple[Choice, ...]:
    """Returns the seven choices of a codename.

    Raises:
        ValueError: it is none; the nearest is named.
    """
    if not isinstance(codename, str) or codename not in codenames():
        raise ValueError(
            f"unknown codename {codename!r}{did_you_mean(codename, codenames())} A codename has "
            f"one letter from each of {', '.join(LETTERS)}, in this order, e.g. 'SAMTRON'."
        )
    table = {choice.letter: choice for choice in CHOICES}
    return tuple(table[letter] for letter in codename)
