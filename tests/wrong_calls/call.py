"""A public function with arguments that are valid, and how to tell that it accepted them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Reached(BaseException):
    """The arguments were accepted: the density is about to be traced, and a program compiled."""


def reached(*_: Any) -> Any:
    """A density, or what else is called late, that is not to be called at all."""
    raise Reached


# What a user knows some arguments by; the text of a path is as good as the argument's name.
KNOWN_AS = {
    "dim": "position",
    "example": "position",
    "path": r"\btext\b",
    "directory": r"\btext\b",
    "samples": "reference has shape|modes has shape",  # which of two does not fit the other
}


class Call(NamedTuple):
    """A function with valid arguments.

    Attributes:
        function: that a user calls.
        valid: its arguments by name.
        words: for arguments that a user knows by another name, a word of the message.
    """

    function: Callable[..., Any]
    valid: dict[str, Any]
    words: Mapping[str, str] = MappingProxyType({})

    def names(self, argument: str) -> str:
        """Returns a pattern of what a message may call an argument."""
        return f"{argument}|{(KNOWN_AS | dict(self.words)).get(argument, argument)}"
