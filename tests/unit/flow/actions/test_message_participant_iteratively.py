from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ivr.flow.effects import Interrupted, Play, PlayLoop
from ivr.flow.errors import InvalidFlow
from ivr.flow.interpreter import run
from ivr.flow.outcome import Ending, RunEnd
from ivr.flow.prompt import Recorded, Ssml, Text
from tests.flow_driver import Driven, a_document, a_flow, action, drive, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "MessageParticipantIteratively"
TWO = [{"Text": "One moment"}, {"PromptId": "queue-music"}]
PLAYED = (Text("One moment"), Recorded("queue-music"))


def queue_flow(*answers: object, branch: list[dict[str, Any]], **parameters: Any) -> Driven:
    """A loop that is interrupted into a branch."""
    flow = a_flow(
        action(
            "loop",
            TYPE,
            {"Messages": TWO, "InterruptFrequencySeconds": "30"} | parameters,
            conditions={"MessagesInterrupted": branch[0]["Identifier"]},
        ),
        *branch,
    )
    return drive(run(flow), *answers)


def loops(driven: Driven) -> list[PlayLoop]:
    return [effect for effect in driven.asked if isinstance(effect, PlayLoop)]


SILENT_BRANCH = [action("silent", "UpdateContactRecordingBehavior", to="back"), end("back")]
SPEAKING_BRANCH = [
    action("say", "MessageParticipant", {"Text": "Still there?"}, to="back"),
    end("back"),
]


# The messages play round and round, holding the participant.


def test_messages_play_until_the_run_is_closed() -> None:
    driven = drive_action(TYPE, {"Messages": [*TWO, {"SSML": "<speak/>"}]})

    assert driven.asked == [PlayLoop(messages=(*PLAYED, Ssml("<speak/>")))]
    assert driven.end is None


def test_messages_that_cannot_be_played_take_the_error_branch() -> None:
    assert went_to(drive_action(TYPE, {"Messages": TWO}, None)) == "NoMatchingError"


def test_unplayable_messages_without_an_error_branch_end_the_flow() -> None:
    driven = drive_action(TYPE, {"Messages": TWO}, None, errors=())

    assert driven.end == RunEnd(Ending.ENDED, "a")


# A message is exactly one thing, and there is at least one message.


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "at least 1 item"),
        ([{}], "a message is exactly one of"),
        ([{"Text": "a", "SSML": "b"}], "a message is exactly one of"),
    ],
)
def test_wrong_messages_are_faults(messages: list[dict[str, str]], message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        a_document(action("a", TYPE, {"Messages": messages}))


def test_unknown_key_of_a_message_is_warned_of() -> None:
    document = a_document(action("a", TYPE, {"Messages": [{"Text": "a", "Colour": "red"}]}))

    assert [finding.place for finding in document.warnings] == [
        "Actions[0].Parameters.Messages[0].Colour"
    ]


def test_messages_that_say_nothing_are_skipped() -> None:
    messages = [{"Text": ""}, {"Media": {"Uri": "s3://b/a.wav"}}, {"Text": "Hello"}]

    driven = drive_action(TYPE, {"Messages": messages})

    assert driven.asked == [PlayLoop(messages=(Text("Hello"),))]


def test_loop_without_anything_to_play_takes_the_error_branch() -> None:
    media = {"Messages": [{"Media": {"Uri": "s3://b/a.wav"}}]}

    assert went_to(drive_action(TYPE, media)) == "NoMatchingError"
    document = a_document(action("a", TYPE, media))
    assert "audio in S3 cannot be fetched here: such messages are skipped" in [
        finding.message for finding in document.warnings
    ]


# An interruption leads to MessagesInterrupted; EndFlowExecution goes on with the messages.


def test_interruption_takes_its_branch_and_the_loop_goes_on_at_its_first_message() -> None:
    driven = queue_flow(Interrupted(playing=1), True, branch=SPEAKING_BRANCH)

    assert driven.asked == [
        PlayLoop(messages=PLAYED, interrupt_after=timedelta(seconds=30)),
        Play(Text("Still there?")),
        PlayLoop(messages=PLAYED, interrupt_after=timedelta(seconds=30)),
    ]
    assert driven.way()[-1] == "back: ended -> loop"


def test_branch_that_runs_out_goes_on_with_the_messages_too() -> None:
    branch = [action("silent", "UpdateContactRecordingBehavior")]

    driven = queue_flow(Interrupted(playing=0), branch=branch)

    assert driven.way()[-1] == "silent: NextAction -> loop"
    assert len(loops(driven)) == 2


def test_error_without_a_branch_goes_on_with_the_messages_too() -> None:
    branch = [action("hours", "CheckHoursOfOperation")]

    driven = queue_flow(Interrupted(playing=0), None, branch=branch)

    assert driven.way()[-1] == "hours: NoMatchingError -> loop"


def test_loop_without_a_branch_for_the_interruption_goes_on() -> None:
    flow = a_flow(
        action(
            "loop",
            TYPE,
            {"Messages": TWO, "InterruptFrequencySeconds": 30},
            to="error",
            errors={"NoMatchingError": "error"},
        ),
        end("error"),
    )

    driven = drive(run(flow), Interrupted(playing=0))

    assert driven.way() == ["loop: NextAction -> loop"]


def test_branch_can_leave_for_good() -> None:
    driven = queue_flow(Interrupted(playing=0), branch=[action("bye", "DisconnectParticipant")])

    assert driven.end == RunEnd(Ending.DISCONNECTED, "bye")


def test_second_loop_reached_in_the_branch_becomes_the_one_that_goes_on() -> None:
    second = action("second", TYPE, {"Messages": TWO}, errors={"NoMatchingError": "back"})

    driven = queue_flow(Interrupted(playing=0), None, branch=[second, end("back")])

    assert driven.end == RunEnd(Ending.ENDED, "back")


# ContinueMessagingDuringInterrupt: a silent branch leaves the sound alone, another one is
# followed by the next message.


def test_silent_branch_does_not_break_continued_messages() -> None:
    driven = queue_flow(
        Interrupted(playing=0), branch=SILENT_BRANCH, ContinueMessagingDuringInterrupt="true"
    )

    first, second = loops(driven)
    assert first.keep_playing
    assert (second.unbroken, second.start_at) == (True, 1)


def test_speaking_branch_is_followed_by_the_next_message() -> None:
    driven = queue_flow(
        Interrupted(playing=1), True, branch=SPEAKING_BRANCH, ContinueMessagingDuringInterrupt=True
    )

    _, second = loops(driven)
    assert (second.unbroken, second.start_at) == (False, 0)


# An agent has twenty seconds to accept.


def test_interruption_that_meets_an_offer_is_warned_of() -> None:
    document = a_document(
        action(
            "loop",
            TYPE,
            {"Messages": TWO, "InterruptFrequencySeconds": "20"},
            conditions={"MessagesInterrupted": "b"},
        ),
        end("b"),
    )

    assert ["20 s to accept" in finding.message for finding in document.warnings] == [True]


def test_interruption_without_its_branch_is_warned_of() -> None:
    document = a_document(
        action("loop", TYPE, {"Messages": TWO, "InterruptFrequencySeconds": "30"})
    )

    assert [finding.message for finding in document.warnings] == [
        "there is no branch for MessagesInterrupted"
    ]
