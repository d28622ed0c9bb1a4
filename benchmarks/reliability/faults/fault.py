"""A fault: what happens to a run, and what is right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """Something that goes wrong.

    Attributes:
        name: a few words.
        right: what is right, a sentence.
        happens: from an empty directory to what happened. Raises AssertionError if that is wrong.
    """

    name: str
    right: str
    happens: Callable[[Path], str]


@contextmanager
def expected(kind: type[BaseException], *words: str) -> Iterator[list[str]]:
    """Holds that its block raises this exception with these words; gives its text in a list.

    Args:
        kind: the exact type, not one that it derives from.
        *words: that are in the message.
    """
    said: list[str] = []
    caught: BaseException | None = None
    try:
        yield said
    except BaseException as error:
        caught = error
    assert caught is not None, "no exception"
    assert type(caught) is kind, f"{type(caught).__name__}: {caught}"
    missing = [word for word in words if word not in str(caught)]
    assert not missing, f"{missing} not in {caught}"
    said.append(f"{kind.__name__}: {caught}".splitlines()[0].rstrip(": "))
