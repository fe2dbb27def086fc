"""A state machine as a table: what every machine of the house asks of its own."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum
from typing import TypeVar

from ivr.domain.errors import UnexpectedEvent

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)
R = TypeVar("R")


def row_of(
    transitions: Mapping[tuple[S, E], R], ignored: Set[tuple[S, E]], state: S, event: E
) -> R | None:
    """The row of a pair; none where the event changes nothing.

    Raises:
        UnexpectedEvent: The table does not list the pair; the shell logs it and goes on.
    """
    row = transitions.get((state, event))
    if row is None and (state, event) not in ignored:
        message = f"unexpected event {event.name} in state {state.value}"
        raise UnexpectedEvent(message)
    return row
