"""The question "did you mean?" in messages about unknown names."""

import difflib
from collections.abc import Iterable

_LIKENESS = 0.6  # of difflib: below it, what is offered has little to do with what was written


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" with the known name that is nearest, "." if none is near.

    Args:
        name: what was written; upper and lower case are the same.
        known: names.
    """
    by_case = {one.lower(): one for one in known}
    nearest = difflib.get_close_matches(str(name).lower(), by_case, 1, _LIKENESS)
    return f"; did you mean {by_case[nearest[0]]!r}?" if nearest else "."
