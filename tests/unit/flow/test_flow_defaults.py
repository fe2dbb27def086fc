from __future__ import annotations

import pytest

from ivr.flow.context import FlowContext, QueueView
from ivr.flow.defaults import KINDS, default_flow, default_source
from ivr.flow.effects import (
    EnterQueue,
    IsOpen,
    Metric,
    Play,
    PlayLoop,
    QueueEntry,
    ReadMetric,
)
from ivr.flow.interpreter import run
from ivr.flow.kinds import FlowKind
from ivr.flow.outcome import Ending, RunEnd
from ivr.flow.prompt import BEEP, BUILT_IN, HOLD_MUSIC, QUEUE_MUSIC, Recorded, Ssml, Text
from tests.flow_driver import drive

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kind", KINDS)
def test_default_flow_loads_without_a_warning(kind: FlowKind) -> None:
    flow = default_flow(kind)

    assert flow.id == f"default:{kind.value.lower().replace('_', '-')}"
    assert flow.document.kind is kind
    assert flow.document.warnings == ()
    assert default_source(kind).startswith("{")


@pytest.mark.parametrize("kind", KINDS)
def test_default_flow_plays_only_sounds_that_always_exist(kind: FlowKind) -> None:
    for prompt in default_flow(kind).document.prompts():
        assert isinstance(prompt, Text | Ssml) or prompt in BUILT_IN


def test_waiting_customer_hears_a_sentence_and_music() -> None:
    (loop,) = drive(run(default_flow(FlowKind.CUSTOMER_QUEUE))).asked

    assert isinstance(loop, PlayLoop)
    assert isinstance(loop.messages[0], Text)
    assert loop.messages[1] == QUEUE_MUSIC


def test_held_customer_hears_music() -> None:
    assert drive(run(default_flow(FlowKind.CUSTOMER_HOLD))).asked == [
        PlayLoop(messages=(HOLD_MUSIC,))
    ]


def test_held_agent_hears_a_sentence_every_ten_seconds() -> None:
    assert drive(run(default_flow(FlowKind.AGENT_HOLD))).asked == [
        PlayLoop(messages=(Ssml('<speak>You are on hold.<break time="10s"/></speak>'),))
    ]


def test_agent_hears_the_name_of_the_queue() -> None:
    context = FlowContext(
        contact_id="c", initial_contact_id="c", queue=QueueView(name="Sales", arn="arn:q")
    )

    driven = drive(run(default_flow(FlowKind.AGENT_WHISPER)), True, context=context)

    assert driven.asked == [Play(Text("Sales"))]
    assert driven.end == RunEnd(Ending.ENDED, "end")


def test_customer_hears_a_beep_before_the_agent() -> None:
    driven = drive(run(default_flow(FlowKind.CUSTOMER_WHISPER)), True)

    assert driven.asked == [Play(BEEP)]
    assert driven.end == RunEnd(Ending.ENDED, "end")


def test_customer_who_is_called_back_hears_a_sentence() -> None:
    driven = drive(run(default_flow(FlowKind.OUTBOUND_WHISPER)), True)

    (played,) = driven.asked
    assert isinstance(played, Play)
    assert not isinstance(played.prompt, Recorded)


@pytest.mark.parametrize("kind", [FlowKind.AGENT_WHISPER, FlowKind.CUSTOMER_WHISPER])
def test_whisper_that_cannot_be_played_is_just_over(kind: FlowKind) -> None:
    context = FlowContext(
        contact_id="c", initial_contact_id="c", queue=QueueView(name="Sales", arn="arn:q")
    )

    driven = drive(run(default_flow(kind)), False, context=context)

    assert driven.end == RunEnd(Ending.ENDED, "end")


@pytest.mark.parametrize("played", [True, False])
def test_agent_who_transfers_to_an_agent_is_told_so(played: bool) -> None:
    driven = drive(run(default_flow(FlowKind.AGENT_TRANSFER)), played)

    assert driven.asked == [Play(Text("Transferring you now."))]
    assert driven.end == RunEnd(Ending.TO_AGENT, "transfer")


STAFFED = ReadMetric(Metric.AGENTS_STAFFED, None)
TRANSFERRING = Play(Text("Transferring you to the queue now."))
NOBODY = Play(Text("Nobody is working on this queue at the moment. Goodbye."))
CLOSED = Play(Text("This queue is closed at the moment. Goodbye."))
IMPOSSIBLE = Play(Text("You could not be transferred to the queue. Goodbye."))


@pytest.mark.parametrize("played", [True, False])
def test_agent_who_transfers_to_a_staffed_queue_is_told_so(played: bool) -> None:
    driven = drive(run(default_flow(FlowKind.QUEUE_TRANSFER)), True, 1, played, QueueEntry.ENTERED)

    assert driven.asked == [IsOpen(None), STAFFED, TRANSFERRING, EnterQueue()]
    assert driven.end == RunEnd(Ending.QUEUED, "transfer")


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ((False, True), [IsOpen(None), CLOSED]),
        ((None, True), [IsOpen(None), IMPOSSIBLE]),
        ((True, 0, True), [IsOpen(None), STAFFED, NOBODY]),
        ((True, None, True), [IsOpen(None), STAFFED, IMPOSSIBLE]),
        (
            (True, 1, True, QueueEntry.FULL, True),
            [IsOpen(None), STAFFED, TRANSFERRING, EnterQueue(), IMPOSSIBLE],
        ),
        (
            (True, 1, True, QueueEntry.REFUSED, True),
            [IsOpen(None), STAFFED, TRANSFERRING, EnterQueue(), IMPOSSIBLE],
        ),
        ((False, False), [IsOpen(None), CLOSED]),
    ],
)
def test_agent_who_cannot_transfer_to_the_queue_hears_why(
    answers: tuple[object, ...], asked: list[object]
) -> None:
    driven = drive(run(default_flow(FlowKind.QUEUE_TRANSFER)), *answers)

    assert driven.asked == asked
    assert driven.end == RunEnd(Ending.DISCONNECTED, "hang up")
