"""Codenames: seven letters, one choice each; 432 of them."""

import difflib
import itertools

from gmmvi_jax.choices import CHOICES, Choice

# Module by module, in the order of the codename's letters; ALGORITHM.md's table.
LETTERS = ("SZ", "AE", "MP", "TYI", "RDF", "OU", "NGX")
MODULES = (
    "natural-gradient estimator",
    "number of components",
    "sample selector",
    "component updater",
    "component stepsize",
    "weight updater",
    "weight stepsize",
)


def codenames() -> tuple[str, ...]:
    """Returns all 432 codenames, the recommended one first."""
    return tuple("".join(letters) for letters in itertools.product(*LETTERS))


def choices_of(codename: str) -> tuple[Choice, ...]:
    """Returns the seven choices of a codename.

    Raises:
        ValueError: it is none; the nearest is named.
    """
    if codename not in codenames():
        nearest = difflib.get_close_matches(str(codename).upper(), codenames(), 1, 0.0)[0]
        raise ValueError(
            f"unknown codename {codename!r}; did you mean {nearest!r}? A codename has one letter "
            f"from each of {', '.join(LETTERS)}, in this order."
        )
    table = {choice.letter: choice for choice in CHOICES}
    return tuple(table[letter] for letter in codename)
