"""What a module and its choices are: names, letters, settings and checks."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jax.tree_util import all_leaves

from gmmvi_jax.numerics.forms.choice import form_named
from gmmvi_jax.numerics.forms.protocol import Form
from gmmvi_jax.numerics.schedule import as_schedule
from gmmvi_jax.requirements import checked_setting, require_static
from gmmvi_jax.typing import HostArray


@dataclasses.dataclass(frozen=True)
class Problem:
    """The problem that an algorithm is put together for: what builders may want to know.

    Attributes:
        dim: dimensions D.
        prior_mean: [D] where the initial means come from.
        initial_variance: [D] variances of the initial components.
        codename: of the variant; what the other choices are.
        diagonal: whether covariances are diagonal.
        rank: of covariances of low rank plus diagonal, None of others.
    """

    dim: int
    prior_mean: HostArray
    initial_variance: HostArray
    codename: str = ""
    diagonal: bool = False
    rank: int | None = None

    @property
    def form(self) -> Form:
        """The form of the covariances."""
        return form_named(self.diagonal, self.rank, self.dim)

    def uses(self, letter: str) -> bool:
        """Whether the variant has this choice."""
        return letter in self.codename


def no_check(choice: Any) -> None:
    """Accepts every value of the settings: there are none, or all are legal."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """One choice of one module.

    Attributes:
        letter: in the codename.
        kind: the class.
        summary: a line of help.
        build: makes one from a ``Problem`` and settings. Its keyword arguments are the settings
            that a user can pass to ``from_codename``, and their defaults are the library's; where
            those differ from the published ones, the reason is given there.
        check: raises ValueError for values that cannot be right; called before compiling.
        attributes: of the class that settings of another name are stored in.
    """

    letter: str
    kind: type
    summary: str
    build: Callable[..., Any]
    check: Callable[[Any], None] = no_check
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def attribute_of(self, setting: str) -> str:
        """Returns the attribute of the class that a setting is stored in."""
        return self.attributes.get(setting, setting)

    @property
    def settings(self) -> dict[str, Any]:
        """The names of its settings and their defaults."""
        return {p.name: p.default for p in self._parameters}

    @property
    def types(self) -> dict[str, Any]:
        """The names of its settings and what their values must be."""
        return {p.name: p.annotation for p in self._parameters}

    def take(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Takes its own settings out of a dict of many, and returns them checked for their type.

        Args:
            settings: by the names of ``from_codename``; those of other choices stay.

        Raises:
            ValueError: a value of another type, or a number that is not finite.
        """
        own = {
            name: _checked(name, settings.pop(name), kind)
            for name, kind in self.types.items()
            if name in settings
        }
        static = {
            field.name
            for field in dataclasses.fields(self.kind)
            if field.metadata.get("static", False)
        }
        for name, value in own.items():
            if self.attribute_of(name) in static:
                require_static(name, value)
        return own

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        parameters = inspect.signature(self.build).parameters.values()
        return [p for p in parameters if p.kind is p.KEYWORD_ONLY]


def _checked(name: str, value: Any, kind: Any) -> Any:
    """Returns a setting as its choice holds it: functions of a count as schedules."""
    value = checked_setting(name, value, kind)
    return as_schedule(value) if callable(value) else value


@dataclasses.dataclass(frozen=True)
class Module:
    """One of the seven modules.

    Attributes:
        field: of ``Algorithm`` that its choice fills.
        title: what it is called in listings.
        choices: in the order of the paper, the recommended one first.
    """

    field: str
    title: str
    choices: tuple[Choice, ...]

    @property
    def letters(self) -> str:
        """The letters of its choices."""
        return "".join(choice.letter for choice in self.choices)

    def choice_of(self, chosen: Any) -> Choice | None:
        """Returns the entry of an instance of one of its choices; None: of a user's own class."""
        return next((choice for choice in self.choices if type(chosen) is choice.kind), None)

    def check(self, chosen: Any) -> None:
        """Raises an error for settings, or an object, that cannot be right.

        Raises:
            ValueError: a setting cannot be right.
            TypeError: it is no choice: a user's own class has a call, an ``init`` if its module has
                a memory, and is registered as a pytree.
        """
        choice = self.choice_of(chosen)
        if choice is not None:
            choice.check(chosen)
            return
        missing = [
            what
            for what, is_there in (
                ("a __call__", callable(chosen) and not isinstance(chosen, type)),
                ("an init", hasattr(chosen, "init") or not hasattr(self.choices[0].kind, "init")),
                ("gmmvi_jax.register_pytree on its class", not all_leaves([chosen])),
            )
            if not is_there
        ]
        if missing:
            raise TypeError(
                f'{self.field} is {chosen!r}, which lacks {" and ".join(missing)}; see "A choice '
                f'of your own" in gmmvi_jax/modules/README.md.'
            )

    def replace(self, chosen: Any, changes: dict[str, Any]) -> Any:
        """Returns an instance with those settings changed that it has; takes them out of changes.

        Args:
            chosen: an instance of one of its choices.
            changes: by the names of ``from_codename``.
        """
        choice = self.choice_of(chosen)
        if choice is None:
            return chosen
        own = choice.take(changes)
        attributes = {choice.attribute_of(name): value for name, value in own.items()}
        return dataclasses.replace(chosen, **attributes)
