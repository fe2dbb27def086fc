"""Families of actions, and the registry that holds them all.

A family is a module's own list: it declares each action with its parameters and its handler. The
registry is built once from all families and only read after that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

from ivr.flow.effects import Effect
from ivr.flow.outcome import Outcome
from ivr.flow.parameters import Parameters

Program = Generator[Effect[Any], Any, Outcome]
"""An action at work: asks for effects, returns its outcome."""

P = TypeVar("P", bound=Parameters)
H = TypeVar("H", bound=Program | Outcome)


class Needs(Enum):
    """What must exist for an action to run; AWS's own four types of actions."""

    PARTICIPANT = "participant"
    CONTACT = "contact"
    NOTHING = "flow control"
    INTEGRATION = "interaction"


@dataclass(frozen=True, slots=True)
class ActionDefinition:
    """One action of the language.

    Attributes:
        name: ``Type`` in documents.
        run: Handler; an action without effects returns its outcome directly.
        unavailable: Why it cannot run here; none for an action that does.
    """

    name: str
    needs: Needs
    model: type[Parameters]
    run: Callable[[Any], Program | Outcome]
    unavailable: str | None = None


class ActionFamily:
    """Actions of one kind, declared with a decorator."""

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self._definitions: dict[str, ActionDefinition] = {}

    def action(
        self, name: str, model: type[P], *, unavailable: str | None = None
    ) -> Callable[[Callable[[P], H]], Callable[[P], H]]:
        """Declare the handler of an action.

        Args:
            name: ``Type`` in documents.
            model: Model of ``Parameters``.
            unavailable: Why the action cannot run here.
        """

        def declare(run: Callable[[P], H]) -> Callable[[P], H]:
            self._definitions[name] = ActionDefinition(name, self.needs, model, run, unavailable)
            return run

        return declare

    def __iter__(self) -> Iterator[ActionDefinition]:
        return iter(self._definitions.values())


class ActionRegistry:
    """Every action that documents may hold, by type."""

    def __init__(self, *families: ActionFamily) -> None:
        definitions: dict[str, ActionDefinition] = {}
        for family in families:
            for definition in family:
                if definition.name in definitions:
                    message = f"{definition.name} is declared twice"
                    raise ValueError(message)
                definitions[definition.name] = definition
        self._definitions: Mapping[str, ActionDefinition] = MappingProxyType(definitions)

    def get(self, name: str) -> ActionDefinition | None:
        """Answer the action of a type, if the language has it."""
        return self._definitions.get(name)

    def __getitem__(self, name: str) -> ActionDefinition:
        return self._definitions[name]

    def __iter__(self) -> Iterator[ActionDefinition]:
        return iter(self._definitions.values())
