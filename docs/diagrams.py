"""Draws ``docs/states.md`` from the state machines: ``--write`` it, or ``--check`` it.

Everything on that page comes from ``ivr/domain``. Of a contact: the states and who hears what in
them from ``contact.py``, the transitions and commands from ``serving.py``. Of a quick connect: all
from ``quick_connect.py``.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Set
from enum import Enum
from pathlib import Path

from ivr.domain import quick_connect, serving
from ivr.domain.contact import SERVING_STATES, ContactState
from ivr.domain.quick_connect import TransferState

PAGE = Path(__file__).with_name("states.md")

_INTRODUCTION = """\
# The states of a contact

Calls and callbacks follow one state machine. It is the table `TRANSITIONS` of
`ivr/domain/serving.py`; this page is made of it by `python docs/diagrams.py --write`, and a test
fails when the two differ. Do not edit this page.

A state is where a contact stands in the database. An event is what happened. The new state is
committed first; then the commands are carried out, in the order shown.

[A quick connect](#the-states-of-a-quick-connect) has a machine of its own while it lasts.
"""

_QUICK_CONNECT = """\
# The states of a quick connect

Three roles: the customer, the source (the agent who starts it) and the destination (an agent, the
next agent of a queue, or a phone number). The table is `TRANSITIONS` of
`ivr/domain/quick_connect.py`. In a final state the contact goes on by its own machine: the source's
where the customer came back, the destination's where the source has left.
"""


Row = serving.Row | quick_connect.Row
Table = Iterable[tuple[tuple[Enum, Enum], Row]]
"""The items of a machine's transitions."""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            _INTRODUCTION,
            "## Who hears what",
            "",
            *_states(ContactState),
            "",
            "An agent is held in: " + ", ".join(_code(s.value) for s in _served()) + ".",
            "",
            "## The way of a contact",
            "",
            "Every other state leads to `ended` too; the picture leaves that out, the table below",
            "has it.",
            "",
            "```mermaid",
            *_diagram(),
            "```",
            "",
            "## Every transition",
            "",
            *_transitions(serving.TRANSITIONS.items()),
            "",
            _QUICK_CONNECT,
            "## Who hears what in a quick connect",
            "",
            *_states(TransferState),
            "",
            "Final: " + ", ".join(_code(s.value) for s in _final()) + ".",
            "",
            "## The way of a quick connect",
            "",
            "Ways back to `returned` and to `ended` are left out of the picture; the table below",
            "has them.",
            "",
            "```mermaid",
            *_quick_connect_diagram(),
            "```",
            "",
            "## Every transition of a quick connect",
            "",
            *_transitions(quick_connect.TRANSITIONS.items()),
            "",
        ]
    )


def _served() -> list[ContactState]:
    return [state for state in ContactState if state in SERVING_STATES]


def _final() -> list[TransferState]:
    return [state for state in TransferState if state in quick_connect.FINAL]


def _states(states: type[Enum]) -> Iterator[str]:
    """The states with the comments that stand beside them."""
    source = inspect.getsource(states)
    comments = dict(re.findall(r"^    (\w+) = \"\w+\"  # (.+)$", source, re.MULTILINE))
    yield from _table(
        ("State", "What is heard"),
        ((_code(s.value), _with_values(comments[s.name], states)) for s in states),
    )


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for state in (ContactState.IN_FLOW, ContactState.SCHEDULED, ContactState.QUEUED):
        how = "call" if state is ContactState.IN_FLOW else "callback"
        yield f"    [*] --> {state.value}: {how}"
    yield from _edges(serving.TRANSITIONS.items(), without={ContactState.ENDED})
    yield f"    {ContactState.CONNECTED.value} --> {ContactState.ENDED.value}"
    yield f"    {ContactState.ENDED.value} --> [*]"


def _quick_connect_diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for (kind, hold), row in quick_connect.START.items():
        how = kind.name.lower() + ("" if hold else " without hold")
        yield f"    [*] --> {row.to.value}: {how}"
    yield from _edges(
        quick_connect.TRANSITIONS.items(), without={TransferState.RETURNED, TransferState.ENDED}
    )
    for state in (TransferState.HANDED_OVER, TransferState.QUEUED):
        yield f"    {state.value} --> [*]"


def _edges(table: Table, *, without: Set[Enum]) -> Iterator[str]:
    """The transitions that change the state, but for those into the states left out."""
    edges: dict[tuple[Enum, Enum], list[str]] = {}
    for (state, event), row in table:
        if row.to not in without and row.to is not state:
            edges.setdefault((state, row.to), []).append(_words(event))
    for (state, to), events in edges.items():
        yield f"    {state.value} --> {to.value}: {', '.join(events)}"


def _transitions(table: Table) -> Iterator[str]:
    yield from _table(
        ("In", "When", "Goes to", "And then"),
        (
            (_code(state.value), _words(event), _code(row.to.value), _commands(row))
            for (state, event), row in table
        ),
    )


def _commands(row: Row) -> str:
    return ", ".join(_words(command) for command in row.commands) or "nothing"


def _with_values(comment: str, states: type[Enum]) -> str:
    """A comment with states named as the page names them."""
    return re.sub(r"\b[A-Z_]{3,}\b", lambda name: _code(states[name.group()].value), comment)


def _words(name: Enum) -> str:
    return name.name.lower().replace("_", " ")


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> int:
    """Write the page or check it; 1 if it is stale."""
    parser = argparse.ArgumentParser(description="Draw docs/states.md from the state machines.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="make the page anew")
    what.add_argument("--check", action="store_true", help="fail if the page is stale")
    if parser.parse_args().write:
        PAGE.write_text(page(), "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page():
        print(f"{PAGE.name} is stale: run python docs/diagrams.py --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
