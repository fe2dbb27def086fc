from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.errors import InvalidFlow
from ivr.flow.interpreter import run
from tests.flow_driver import CONTEXT, Driven, a_document, a_flow, action, drive, end, went_to

pytestmark = pytest.mark.unit


def loop(count: object, *, turns_wanted: int = 20, attribute: str | None = None) -> Driven:
    """A loop around a prompt, and around itself once it is done."""
    flow = a_flow(
        action(
            "loop",
            "Loop",
            {"LoopCount": count},
            errors={"NoMatchingError": "error"},
            conditions={"ContinueLooping": "again", "DoneLooping": "done"},
        ),
        action("again", "MessageParticipant", {"Text": "again"}, to="loop"),
        action("done", "MessageParticipant", {"Text": "done"}, to="loop"),
        end("error"),
    )
    attributes = {} if attribute is None else {"n": attribute}
    return drive(run(flow), *[True] * turns_wanted, context=replace(CONTEXT, attributes=attributes))


def turns(driven: Driven) -> list[str | None]:
    return [move.target for move in driven.moves if move.action_id == "loop"]


# ContinueLooping as often as LoopCount says, DoneLooping once, then anew.


def test_loop_counts_and_begins_anew() -> None:
    assert turns(loop("2"))[:7] == ["again", "again", "done", "again", "again", "done", "again"]


def test_no_turns_are_done_at_once() -> None:
    assert turns(loop(0))[:2] == ["done", "done"]


# The count is a literal from 0 to 100, or one reference.


def test_reference_gives_the_count() -> None:
    assert turns(loop("$.Attributes.n", attribute="1"))[:3] == ["again", "done", "again"]


@pytest.mark.parametrize("value", ["many", "101", "-1"])
def test_value_that_is_no_count_takes_the_error_branch(value: str) -> None:
    driven = loop("$.Attributes.n", attribute=value, turns_wanted=0)

    assert went_to(driven) == "error"
    assert value not in driven.warnings[0]


@pytest.mark.parametrize("count", ["101", "-1", "x", "1 $.Attributes.n", None])
def test_wrong_count_is_a_fault(count: object) -> None:
    with pytest.raises(InvalidFlow, match="LoopCount"):
        a_document(action("a", "Loop", {"LoopCount": count}))
