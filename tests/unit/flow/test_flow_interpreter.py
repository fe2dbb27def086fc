from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ivr.flow.actions.participant.message import MessageParticipant, message_participant
from ivr.flow.effects import Digits, Effect, Interrupted, Play, PlayLoop, WorldEffect
from ivr.flow.errors import WrongResumePoint
from ivr.flow.interpreter import MOST_IDLE_ACTIONS, run
from ivr.flow.memory import Interruption, Memory, MemoryEffect, ResumePoint
from ivr.flow.outcome import Ending, RunEnd
from ivr.flow.prompt import Text
from ivr.flow.registry import ActionFamily, ActionRegistry, Needs
from tests.flow_driver import CONTEXT, a_flow, action, drive, end

pytestmark = pytest.mark.unit


def say(identifier: str, to: str | None = None) -> dict[str, object]:
    return action(identifier, "MessageParticipant", {"Text": identifier}, to=to)


MENU = a_flow(
    action(
        "menu",
        "GetParticipantInput",
        {"Text": "Sales 1", "InputTimeLimitSeconds": 5},
        errors={
            "InputTimeLimitExceeded": "menu",
            "NoMatchingCondition": "bye",
            "NoMatchingError": "bye",
        },
        conditions={"1": "sales"},
    ),
    say("sales", to="bye"),
    action("bye", "DisconnectParticipant"),
    flow_id="f-1",
    version=3,
)


def test_run_goes_from_action_to_action() -> None:
    driven = drive(run(MENU), Digits("", timed_out=True), Digits("1"), True)

    assert driven.way() == [
        "menu: InputTimeLimitExceeded -> menu",
        "menu: Equals 1 -> sales",
        "sales: NextAction -> bye",
        "bye: disconnected -> None",
    ]
    assert driven.end == RunEnd(Ending.DISCONNECTED, "bye")


# An error takes its own branch, else NoMatchingError, else the flow ends with a warning.


def test_error_without_a_branch_ends_the_flow_with_a_warning() -> None:
    driven = drive(run(a_flow(say("a"))), False)

    assert driven.end == RunEnd(Ending.ENDED, "a")
    assert driven.warnings == [
        "the prompt cannot be played",
        "no branch takes NoMatchingError: the flow ends",
    ]


def test_end_tells_the_stored_input_for_the_next_flow() -> None:
    flow = a_flow(
        action(
            "ask",
            "GetParticipantInput",
            {
                "InputTimeLimitSeconds": 5,
                "StoreInput": "True",
                "InputValidation": {"CustomValidation": {"MaximumLength": 4}},
            },
        )
    )

    assert drive(run(flow), Digits("42")).end == RunEnd(Ending.ENDED, "ask", stored_input="42")


def test_closing_a_run_cancels_it() -> None:
    program = run(MENU)
    next(program)

    program.close()

    with pytest.raises(StopIteration):
        next(program)


# Every request says where the run can be resumed; the action starts again from its beginning.


def test_requests_carry_the_point_the_action_began_at() -> None:
    driven = drive(run(MENU, stored_input="7"), Digits("1"))

    assert driven.points == [
        ResumePoint("f-1", 3, "menu", Memory(stored_input="7")),
        ResumePoint("f-1", 3, "sales", Memory(stored_input="7")),
    ]


def test_run_resumes_at_the_action_it_was_in() -> None:
    point = drive(run(MENU), Digits("1")).points[-1]

    driven = drive(run(MENU, resume=point), True)

    assert driven.asked == [Play(Text("sales"))]
    assert driven.end == RunEnd(Ending.DISCONNECTED, "bye")


def test_resume_point_survives_json() -> None:
    memory = Memory(
        stored_input="42",
        turns={"loop": 2},
        flow_attributes={"a": "b"},
        interruption=Interruption("wait", playing=1, broken=True),
    )
    point = ResumePoint("f-1", 3, "menu", memory)

    assert ResumePoint.from_json(json.loads(json.dumps(point.as_json()))) == point
    plain = replace(point, memory=Memory())
    assert ResumePoint.from_json(json.loads(json.dumps(plain.as_json()))) == plain


def test_turns_and_interruption_are_resumed() -> None:
    flow = a_flow(
        action(
            "wait",
            "MessageParticipantIteratively",
            {"Messages": [{"Text": "hold"}], "InterruptFrequencySeconds": 30},
            conditions={"MessagesInterrupted": "loop"},
        ),
        action(
            "loop",
            "Loop",
            {"LoopCount": 1},
            conditions={"ContinueLooping": "say", "DoneLooping": "bye"},
        ),
        say("say", to="loop"),
        end("bye"),
    )
    point = drive(run(flow), Interrupted(playing=0)).points[-1]

    driven = drive(run(flow, resume=point), True)

    assert driven.way() == [
        "say: NextAction -> loop",
        "loop: Equals DoneLooping -> bye",
        "bye: ended -> wait",
    ]
    assert isinstance(driven.asked[-1], PlayLoop)


def test_resume_point_must_fit_its_flow() -> None:
    with pytest.raises(WrongResumePoint, match="has no action 'gone'"):
        next(run(MENU, resume=ResumePoint("f-1", 3, "gone", Memory())))


# A flow that goes round without anybody keying or waiting is stopped.


def test_circle_of_actions_is_stopped() -> None:
    flow = a_flow(
        action("a", "UpdateContactRecordingBehavior", to="b"),
        action("b", "UpdateContactRecordingBehavior", to="a"),
    )

    driven = drive(run(flow))

    assert driven.end is not None
    assert driven.end.how is Ending.FAULTED
    assert len(driven.moves) == MOST_IDLE_ACTIONS
    assert driven.warnings == ["1000 actions in a row without a key or a pause"]


def test_circle_of_prompts_that_cannot_be_played_is_stopped() -> None:
    flow = a_flow(
        action(
            "a",
            "MessageParticipantIteratively",
            {"Messages": [{"Text": "x"}]},
            errors={"NoMatchingError": "a"},
        )
    )

    driven = drive(run(flow), *[None] * (MOST_IDLE_ACTIONS + 1))

    assert driven.end == RunEnd(Ending.FAULTED, "a")


def test_waiting_for_keys_is_no_circle() -> None:
    timeouts = [Digits("", timed_out=True)] * (MOST_IDLE_ACTIONS + 10)

    driven = drive(run(MENU), *timeouts)

    assert driven.end is None


# The context is read afresh for every action that holds references.


def test_context_is_read_per_action() -> None:
    flow = a_flow(
        action("a", "MessageParticipant", {"Text": "Hi $.Attributes.n"}, to="b"),
        action("b", "MessageParticipant", {"Text": "Hi $.Attributes.n"}),
    )
    program = run(flow)

    next(program)
    first = program.send(replace(CONTEXT, attributes={"n": "Ann"})).effect
    program.send(True)
    program.send(None)
    second = program.send(replace(CONTEXT, attributes={"n": "Bob"})).effect

    assert (first, second) == (Play(Text("Hi Ann")), Play(Text("Hi Bob")))


def test_flow_attributes_of_the_memory_can_be_read() -> None:
    flow = a_flow(action("a", "MessageParticipant", {"Text": "$.FlowAttributes.x"}))
    point = ResumePoint("f-1", 1, "a", Memory(flow_attributes={"x": "here"}))

    assert drive(run(flow, resume=point)).asked == [Play(Text("here"))]


# Effects are a closed set, so that a driver can match on all of them.


def test_every_effect_is_listed() -> None:
    listed = set(WorldEffect.__args__) | set(MemoryEffect.__args__)

    ours = {cls for cls in Effect.__subclasses__() if cls.__module__.startswith("ivr.flow")}
    assert {cls.__name__ for cls in listed} == {cls.__name__ for cls in ours}


# The registry is built from families, each action once.


def test_action_cannot_be_declared_twice() -> None:
    family = ActionFamily(Needs.PARTICIPANT)
    family.action("MessageParticipant", MessageParticipant)(message_participant)

    with pytest.raises(ValueError, match="MessageParticipant is declared twice"):
        ActionRegistry(family, family)
