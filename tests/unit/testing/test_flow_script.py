from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.defaults import default_flow
from ivr.flow.effects import CollectDigits, Digits, NumberAnswer, QueueEntry
from ivr.flow.kinds import FlowKind
from ivr.flow.outcome import Ending
from ivr.testing.flow_script import (
    Line,
    TryWorld,
    What,
    parse_keys,
    press,
    run_script,
)
from tests.flow_driver import a_document, a_flow, action, end

pytestmark = pytest.mark.unit

CALLBACK = a_document(
    action("queue", "UpdateContactTargetQueue", {"QueueId": "sales"}, to="menu",
           errors={"NoMatchingError": "sorry"}),
    action(
        "menu",
        "GetParticipantInput",
        {"Text": "For a callback from $.Queue.Name press 1", "InputTimeLimitSeconds": "5"},
        errors={
            "InputTimeLimitExceeded": "wait",
            "NoMatchingCondition": "menu",
            "NoMatchingError": "sorry",
        },
        conditions={"1": "number"},
    ),
    action(
        "number",
        "GetParticipantInput",
        {
            "Text": "Your number, then #",
            "InputTimeLimitSeconds": "5",
            "StoreInput": "True",
            "InputValidation": {
                "PhoneNumberValidation": {"NumberFormat": "Local", "CountryCode": "US"}
            },
        },
        to="set",
        errors={"InvalidPhoneNumber": "number", "NoMatchingError": "sorry"},
    ),
    action(
        "set",
        "UpdateContactCallbackNumber",
        {"CallbackNumber": "$.StoredCustomerInput"},
        to="create",
        errors={"InvalidCallbackNumber": "number", "CallbackNumberNotDialable": "sorry"},
    ),
    action(
        "create",
        "CreateCallbackContact",
        {"MaximumConnectionAttempts": "2", "RetryDelaySeconds": "60"},
        to="thanks",
        errors={"NoMatchingError": "sorry"},
    ),
    action("thanks", "MessageParticipant", {"Text": "We call you back."}, to="bye"),
    action("sorry", "MessageParticipant", {"PromptId": "sorry"}, to="bye"),
    action(
        "wait",
        "TransferContactToQueue",
        errors={"QueueAtCapacity": "sorry", "NoMatchingError": "sorry"},
    ),
    action("bye", "DisconnectParticipant"),
)  # fmt: skip


def entry(**changes: object) -> CollectDigits:
    usual = {
        "prompt": None,
        "max_digits": 10,
        "first_digit_timeout": timedelta(seconds=5),
        "inter_digit_timeout": timedelta(seconds=5),
        "terminator": "#",
        "cancel_key": "*",
    }
    return CollectDigits(**(usual | changes))  # type: ignore[arg-type]


# --- the script -----------------------------------------------------------------------------


def test_script_has_an_item_per_entry() -> None:
    assert parse_keys("1, 5551234#,,*") == ("1", "5551234#", "", "*")
    assert parse_keys("") == ()


def test_script_holds_keys_only() -> None:
    with pytest.raises(ValueError, match="A x: not on a telephone's keypad"):
        parse_keys("1,xA")


# --- an entry -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "keys", "digits"),
    [
        ({}, "123#", Digits("123")),
        ({}, "123", Digits("123")),
        ({}, "#", Digits("")),
        ({}, "", Digits("", timed_out=True)),
        ({}, "12*", Digits("", timed_out=True)),
        ({}, "12*34#", Digits("34")),
        ({}, "12#34", Digits("12")),
        ({"max_digits": 2}, "123", Digits("12")),
        ({"max_digits": 1, "terminator": "", "cancel_key": None}, "#", Digits("#")),
        ({"max_digits": 1, "terminator": "", "cancel_key": None}, "*", Digits("*")),
        ({"terminator": "99"}, "12993", Digits("12")),
    ],
)
def test_what_an_entry_makes_of_keys(changes: dict[str, object], keys: str, digits: Digits) -> None:
    assert press(entry(**changes), keys) == digits


@given(st.text(alphabet="0123456789*#", max_size=40))
def test_entry_is_never_longer_than_asked(keys: str) -> None:
    digits = press(entry(), keys)

    assert len(digits.pressed) <= 10
    assert "*" not in digits.pressed
    assert "#" not in digits.pressed
    assert not (digits.pressed and digits.timed_out)


# --- a whole flow ---------------------------------------------------------------------------


def test_caller_asks_for_a_callback() -> None:
    transcript = run_script(CALLBACK, parse_keys("1,2025550123#"))

    assert transcript.heard() == (
        "For a callback from sales press 1",
        "Your number, then #",
        "We call you back.",
    )
    assert transcript.way() == ("queue", "menu", "number", "set", "create", "thanks", "bye")
    assert Line("set", What.DOES, "callback number +12025550123: accepted") in transcript.lines
    assert Line("create", What.DOES, "callback in the working queue: created") in transcript.lines
    assert transcript.lines[-1] == Line("bye", What.ENDS, "disconnected")


def test_wrong_number_is_asked_for_again() -> None:
    transcript = run_script(CALLBACK, parse_keys("1,5#,2025550123#"))

    assert transcript.way().count("number") == 2
    assert transcript.end is not None


def test_silent_caller_enters_the_queue() -> None:
    transcript = run_script(CALLBACK)

    assert transcript.end is not None
    assert transcript.end.how is Ending.QUEUED
    assert Line("menu", What.KEYS, "nothing") in transcript.lines


@pytest.mark.parametrize(
    ("world", "keys"),
    [
        (TryWorld(queue_exists=False), ""),
        (TryWorld(callback_created=False), "1,2025550123#"),
        (TryWorld(number_answer=NumberAnswer.NOT_DIALABLE), "1,2025550123#"),
        (TryWorld(queue_entry=QueueEntry.FULL), ""),
        (TryWorld(prompts_play=False), "1"),
    ],
)
def test_world_can_say_no(world: TryWorld, keys: str) -> None:
    assert "[sorry]" in run_script(CALLBACK, parse_keys(keys), world=world).heard()


def test_caller_who_is_asked_for_ever_gives_up() -> None:
    document = a_document(
        action(
            "ask",
            "GetParticipantInput",
            {"InputTimeLimitSeconds": 5},
            errors=dict.fromkeys(
                ("InputTimeLimitExceeded", "NoMatchingCondition", "NoMatchingError"), "ask"
            ),
        )
    )

    transcript = run_script(document)

    assert transcript.end is None
    assert "keeps asking" in transcript.lines[-1].text


def test_caller_is_left_waiting_in_the_queue() -> None:
    transcript = run_script(default_flow(FlowKind.CUSTOMER_QUEUE).document)

    assert transcript.end is None
    assert transcript.heard()[-1] == "[queue-music]"
    assert transcript.lines[-1].text == "the messages go on until somebody takes the contact"


def test_messages_are_interrupted_as_often_as_wished() -> None:
    document = a_document(
        action(
            "wait",
            "MessageParticipantIteratively",
            {"Messages": [{"Text": "hold"}], "InterruptFrequencySeconds": 30},
            conditions={"MessagesInterrupted": "ask"},
        ),
        action("ask", "MessageParticipant", {"SSML": "<speak>still there</speak>"}, to="back"),
        end("back"),
    )

    transcript = run_script(document, world=TryWorld(interruptions=2))

    assert transcript.heard() == (
        "hold",
        "<speak>still there</speak>",
        "hold",
        "<speak>still there</speak>",
        "hold",
    )


def test_messages_that_cannot_be_played_end_the_flow() -> None:
    flow = default_flow(FlowKind.CUSTOMER_QUEUE).document

    transcript = run_script(flow, world=TryWorld(prompts_play=False))

    assert transcript.end is not None
    assert transcript.end.how is Ending.ENDED


def test_agent_whisper_knows_queue_and_agent() -> None:
    transcript = run_script(default_flow(FlowKind.AGENT_WHISPER).document)

    assert transcript.heard() == ("the queue",)


def test_attributes_hooks_hours_flows_and_warnings_are_told() -> None:
    other = a_flow(
        action("x", "MessageParticipant", {"Text": "Hi $.Attributes.who$.Agent.UserName"})
    )
    document = a_document(
        action("attributes", "UpdateContactAttributes", {"Attributes": {"who": "Ann"}}, to="hook"),
        action("hook", "UpdateContactEventHooks", {"EventHooks": {"AgentWhisper": "w"}}, to="off"),
        action(
            "off",
            "UpdateContactEventHooks",
            {"EventHooksConfiguration": {"CustomerWhisper": {"DisableExecution": "true"}}},
            to="hours",
        ),
        action("hours", "CheckHoursOfOperation", conditions={"True": "agent"}),
        action("agent", "UpdateContactTargetQueue", {"AgentId": "bob"}, to="jump"),
        action("jump", "TransferToFlow", {"ContactFlowId": "other"}),
    )

    transcript = run_script(document, world=TryWorld(flows={"other": other}))

    assert transcript.heard() == ("Hi Ann",)
    told = [(line.what, line.text) for line in transcript.lines if line.what is not What.GOES]
    assert told == [
        (What.DOES, "who = Ann"),
        (What.DOES, "AgentWhisper runs w"),
        (What.DOES, "CustomerWhisper runs nothing"),
        (What.DOES, "working queue bob"),
        (What.WARNS, "$.Agent.UserName stands for nothing and is left out"),
        (What.HEARS, "Hi Ann"),
        (What.ENDS, "ended"),
    ]


def test_named_queue_of_a_callback_is_told_and_international_numbers_are_read() -> None:
    document = a_document(
        action(
            "number",
            "GetParticipantInput",
            {
                "InputTimeLimitSeconds": 5,
                "StoreInput": "True",
                "InputValidation": {"PhoneNumberValidation": {"NumberFormat": "E164"}},
            },
            to="create",
        ),
        action(
            "create",
            "CreateCallbackContact",
            {"QueueId": "callbacks", "MaximumConnectionAttempts": 0, "RetryDelaySeconds": 60},
            to="say",
        ),
        action(
            "say",
            "MessageParticipant",
            {"Text": "$.StoredCustomerInput from $.CustomerEndpoint.Address."},
        ),
    )

    transcript = run_script(
        document, parse_keys("00493012345678#"), world=TryWorld(customer_number=None)
    )

    assert Line("create", What.DOES, "callback in callbacks: created") in transcript.lines
    assert transcript.heard() == ("+493012345678 from .",)


# --- a transfer -----------------------------------------------------------------------------

SECURE_TRANSFER = a_document(
    action(
        "hold",
        "UpdatePreviousContactParticipantState",
        {"PreviousContactParticipantState": "AgentOnHold"},
        to="give away",
        errors={"NoMatchingError": "sorry"},
    ),
    action("give away", "TransferContactToAgent"),
    action("sorry", "MessageParticipant", {"PromptId": "sorry"}),
    kind=FlowKind.AGENT_TRANSFER,
)


def test_hold_of_the_previous_contact_and_the_way_to_the_agent_are_told() -> None:
    transcript = run_script(SECURE_TRANSFER)

    assert transcript.lines == (
        Line("hold", What.DOES, "previous contact AgentOnHold"),
        Line("hold", What.GOES, "NextAction -> give away"),
        Line("give away", What.GOES, "to_agent -> end"),
        Line("give away", What.ENDS, "to_agent"),
    )


def test_world_can_have_nobody_to_hold() -> None:
    transcript = run_script(SECURE_TRANSFER, world=TryWorld(previous_can_be_held=False))

    assert transcript.lines[0] == Line("hold", What.DOES, "previous contact AgentOnHold, refused")
    assert transcript.heard() == ("[sorry]",)
