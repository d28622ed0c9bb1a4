"""Suggestions ("did you mean ...?") in messages about unknown names."""

import difflib
from collections.abc import Iterable

_LIKENESS = 0.6  # difflib's cutoff; suggestions below it are rarely what was meant


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" with the nearest known name, or "." if none is near.

    Args:
        name: the unknown name; case is ignored.
        known: the known names.
    """
    by_case = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(str(name).lower(), by_case, 1, _LIKENESS)
    return f"; did you mean {by_case[nearest[0]]!r}?" if nearest else "."
