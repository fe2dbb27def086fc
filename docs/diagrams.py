"""Draws ``docs/states.md`` from the contact's state machine: ``--write`` it, or ``--check`` it.

Everything on that page comes from ``ivr/domain``: the states and who hears what in them from
``contact.py``, the transitions and commands from ``serving.py``.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ivr.domain.contact import SERVING_STATES, ContactState
from ivr.domain.serving import TRANSITIONS, Command, Event, Row

PAGE = Path(__file__).with_name("states.md")

_INTRODUCTION = """\
# The states of a contact

Calls and callbacks follow one state machine. It is the table `TRANSITIONS` of
`ivr/domain/serving.py`; this page is made of it by `python docs/diagrams.py --write`, and a test
fails when the two differ. Do not edit this page.

A state is where a contact stands in the database. An event is what happened. The new state is
committed first; then the commands are carried out, in the order shown.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            _INTRODUCTION,
            "## Who hears what",
            "",
            *_states(),
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
            *_transitions(),
            "",
        ]
    )


def _served() -> list[ContactState]:
    return [state for state in ContactState if state in SERVING_STATES]


def _states() -> Iterator[str]:
    """The states with the comments that stand beside them."""
    source = inspect.getsource(ContactState)
    comments = dict(re.findall(r"^    (\w+) = \"\w+\"  # (.+)$", source, re.MULTILINE))
    yield from _table(
        ("State", "What is heard"),
        ((_code(state.value), _with_values(comments[state.name])) for state in ContactState),
    )


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for state in (ContactState.IN_FLOW, ContactState.SCHEDULED, ContactState.QUEUED):
        how = "call" if state is ContactState.IN_FLOW else "callback"
        yield f"    [*] --> {state.value}: {how}"
    edges: dict[tuple[ContactState, ContactState], list[str]] = {}
    for (state, event), row in TRANSITIONS.items():
        if row.to is not ContactState.ENDED:
            edges.setdefault((state, row.to), []).append(_words(event))
    for (state, to), events in edges.items():
        yield f"    {state.value} --> {to.value}: {', '.join(events)}"
    yield f"    {ContactState.CONNECTED.value} --> {ContactState.ENDED.value}"
    yield f"    {ContactState.ENDED.value} --> [*]"


def _transitions() -> Iterator[str]:
    yield from _table(
        ("In", "When", "Goes to", "And then"),
        (
            (_code(state.value), _words(event), _code(row.to.value), _commands(row))
            for (state, event), row in TRANSITIONS.items()
        ),
    )


def _commands(row: Row) -> str:
    return ", ".join(_words(command) for command in row.commands) or "nothing"


def _with_values(comment: str) -> str:
    """A comment with states named as the page names them."""
    return re.sub(r"\b[A-Z_]{3,}\b", lambda name: _code(ContactState[name.group()].value), comment)


def _words(name: Event | Command) -> str:
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
    parser = argparse.ArgumentParser(description="Draw docs/states.md from the state machine.")
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
