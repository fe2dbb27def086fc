"""``ivr contact show``: the record in short, and the journal as a timeline in plain words."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import ivr
from ivr.cli import journal
from ivr.cli.journal import sentence
from ivr.domain.contact import ContactState
from ivr.domain.leg import LegOutcome
from ivr.domain.serving import Event
from tests.command_line import Outcome, answering, run, some_settings

pytestmark = pytest.mark.integration

RECORD: dict[str, Any] = {
    "ContactId": "c2",
    "InitialContactId": "c1",
    "PreviousContactId": "c1",
    "NextContactId": None,
    "Channel": "VOICE",
    "InitiationMethod": "CALLBACK",
    "InitiationTimestamp": "2026-03-02T11:35:00.000+00:00",
    "ConnectedToSystemTimestamp": "2026-03-02T11:40:10.000+00:00",
    "DisconnectTimestamp": "2026-03-02T11:45:00.000+00:00",
    "DisconnectReason": "CUSTOMER_DISCONNECT",
    "CustomerEndpoint": {"Address": "+1••••••••99", "Type": "TELEPHONE_NUMBER"},
    "SystemEndpoint": {"Address": "+1••••••••00", "Type": "TELEPHONE_NUMBER"},
    "AgentConnectionAttempts": 2,
    "Attributes": {"vip": "yes"},
    "Queue": {
        "ARN": "callbacks",
        "Name": "Callbacks",
        "EnqueueTimestamp": "2026-03-02T11:35:00.000+00:00",
        "DequeueTimestamp": "2026-03-02T11:40:00.000+00:00",
        "Duration": 300,
    },
    "Agent": {
        "ARN": "anna",
        "Username": "Anna",
        "ConnectedToAgentTimestamp": "2026-03-02T11:40:15.000+00:00",
        "AgentInteractionDuration": 285,
        "AfterContactWorkStartTimestamp": "2026-03-02T11:45:00.000+00:00",
        "AfterContactWorkEndTimestamp": "2026-03-02T11:45:05.000+00:00",
        "AfterContactWorkDuration": 5,
    },
    "ivr": {
        "State": "ended",
        "PlaceTimestamp": "2026-03-02T11:30:00.000+00:00",
        "WaitDuration": 300,
        "Callback": {
            "Number": "+1••••••••99",
            "Result": "completed",
            "Failure": None,
            "AttemptsUsed": 1,
            "AttemptsAllowed": 3,
            "DueTimestamp": "2026-03-02T11:35:00.000+00:00",
            "ExpiryTimestamp": "2026-03-09T11:35:00.000+00:00",
            "Attempts": [],
        },
    },
}
JOURNAL: list[dict[str, Any]] = [
    {
        "number": 1,
        "at": "2026-03-02T11:35:00.000+00:00",
        "kind": "contact_moved",
        "detail": {"event": "became_due", "to": "queued"},
    },
    {
        "number": 2,
        "at": "2026-03-02T11:35:09.460+00:00",
        "kind": "offer_made",
        "detail": {"agent": "anna", "considered": ["anna", "ben"]},
    },
    {
        "number": 3,
        "at": "2026-03-02T11:36:05.200+00:00",
        "kind": "attempt_over",
        "detail": {"outcome": "no_answer", "rang": True, "counted": True, "detail": ""},
    },
    {
        "number": 4,
        "at": "2026-03-02T13:45:00.000+00:00",
        "kind": "callback_stopped",
        "detail": {"by": "api"},
    },
]
CALL = RECORD | {
    "InitiationMethod": "INBOUND",
    "PreviousContactId": None,
    "DisconnectTimestamp": None,
    "DisconnectReason": None,
    "CustomerEndpoint": None,
    "Attributes": {},
    "Queue": None,
    "Agent": None,
    "ivr": RECORD["ivr"] | {"State": "in_flow", "Callback": None},
}


def shown(folder: Path, record: dict[str, Any], entries: list[dict[str, Any]]) -> Outcome:
    answer = {"record": record, "journal": entries}
    return run(
        *("contact", "show", "c2"),
        settings=some_settings(folder),
        controller=answering({"GET /v1/contacts/c2": answer}),
    )


def test_a_record_is_summed_up(tmp_path: Path) -> None:
    done = shown(tmp_path, RECORD, [])

    assert done.code == 0
    assert done.lines == [
        "Contact c2",
        "State ended",
        "Began 2026-03-02 11:35:00 UTC, CALLBACK",
        "Customer +1••••••••99",
        "Number called +1••••••••00",
        "Queue Callbacks, waited 5 min",
        "Offers 2",
        "Agent Anna, talked 4 min 45 s",
        "After-contact work 5 s",
        "Calls back +1••••••••99",
        "Attempts 1 of 3",
        "Result completed",
        "Ended 2026-03-02 11:45:00 UTC, CUSTOMER_DISCONNECT",
        "Before it c1",
        "Attribute vip yes",
    ]


def test_what_a_contact_does_not_have_is_left_out(tmp_path: Path) -> None:
    done = shown(tmp_path, CALL, [])

    assert done.lines == [
        "Contact c2",
        "State in flow",
        "Began 2026-03-02 11:35:00 UTC, INBOUND",
        "Number called +1••••••••00",
        "Offers 2",
    ]


def test_a_failed_callback_says_why(tmp_path: Path) -> None:
    callback = RECORD["ivr"]["Callback"] | {"Result": "failed", "Failure": "attempts_used"}
    record = RECORD | {"ivr": RECORD["ivr"] | {"Callback": callback}}

    assert "Result failed: attempts used" in shown(tmp_path, record, []).lines


def test_a_waiting_callback_says_when_it_is_due(tmp_path: Path) -> None:
    callback = RECORD["ivr"]["Callback"] | {"Result": None}
    record = RECORD | {"ivr": RECORD["ivr"] | {"Callback": callback}}

    lines = shown(tmp_path, record, []).lines

    assert "Due 2026-03-02 11:35:00 UTC" in lines
    assert "Expires 2026-03-09 11:35:00 UTC" in lines


def test_f4_the_journal_is_a_timeline_with_relative_times(tmp_path: Path) -> None:
    done = shown(tmp_path, CALL, JOURNAL)

    assert done.lines[5:] == [
        "11:35:00 +0.0 s its time has come: waits in the queue",
        "11:35:09 +9.5 s offered to anna; considered: anna, ben",
        "11:36:05 +1:05.2 attempt over: no answer; the phone rang, counts as an attempt",
        "13:45:00 +2:10:00.0 the callback was stopped by api",
    ]


def test_json_is_record_and_journal(tmp_path: Path) -> None:
    answer = {"record": RECORD, "journal": JOURNAL}
    done = run(
        *("contact", "show", "c2", "--json"),
        settings=some_settings(tmp_path),
        controller=answering({"GET /v1/contacts/c2": answer}),
    )

    assert (done.code, done.data) == (0, answer)


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("contact_began", {"flow": "Local entry"}, "the contact began with the flow Local entry"),
        (
            "contact_moved",
            {"event": "agent_answered", "to": "agent_whisper"},
            "the agent answered: the agent hears the whisper",
        ),
        (
            "offer_made",
            {"agent": "anna", "considered": {"anna": "chosen", "ben": "idle_less_long"}},
            "offered to anna; considered: anna (chosen), ben (idle less long)",
        ),
        ("offer_made", {"agent": "anna", "considered": []}, "offered to anna"),
        (
            "offer_missed",
            {"agent": "anna", "outcome": "no_answer", "detail": "20 s"},
            "anna did not take it: no answer (20 s)",
        ),
        (
            "offer_missed",
            {"agent": "anna", "detail": "link_down"},
            "anna did not take it: the phone could not be called (link_down)",
        ),
        ("agent_rang", {}, "the agent's phone rings"),
        ("customer_rang", {}, "the customer's phone rings"),
        (
            "attempt_over",
            {"outcome": "network_failure", "rang": False, "counted": False, "detail": "503"},
            "attempt over: the network or our side failed; nothing rang, counts as no attempt "
            "(503)",
        ),
        (
            "dial_refused",
            {"reason": "number_busy"},
            "not dialled: the customer is in another contact here",
        ),
        ("dial_forbidden", {"reason": "emergency"}, "may not be dialled: an emergency number"),
        ("acw_started", {}, "after-contact work began"),
        (
            "callback_requested",
            {"callback": "c2", "number": "+1••••••••99"},
            "a callback to +1••••••••99 was made: c2",
        ),
        (
            "callback_began",
            {"asked_by": "c1", "queue": "Callbacks"},
            "asked for in contact c1, for the queue Callbacks",
        ),
        (
            "callback_kept",
            {"callback": "c2", "number": "+1••••••••99"},
            "the callback to +1••••••••99 that waits already is kept: c2",
        ),
        ("callback_refused", {"reason": "queue_full"}, "no callback was made: the queue is full"),
        ("callback_not_created", {"reason": "store"}, "no callback was made: store"),
        ("callback_expired", {}, "the callback expired"),
        ("callback_stopped", {"by": "api"}, "the callback was stopped by api"),
        (
            "flow_moved",
            {"action": "Greeting", "type": "Compare", "to": "Hang up", "branch": "Equals 1"},
            "flow: Greeting (Compare), Equals 1 to Hang up",
        ),
        (
            "flow_moved",
            {"action": "Bye", "type": "EndFlowExecution", "to": None, "branch": "ended"},
            "flow: Bye (EndFlowExecution), ended, to the end",
        ),
        (
            "flow_warned",
            {"action": "Greeting", "message": "no such queue"},
            "flow: Greeting: no such queue",
        ),
        ("prompt_missing", {"prompt": "welcome"}, "there is no recorded prompt welcome"),
        ("speech_failed", {"reason": "no_voice"}, "a sentence could not be spoken: no voice"),
        ("something_new", {"a": 1, "b": "x"}, "something new: a 1, b x"),
        ("something_new", {}, "something new"),
    ],
)
def test_an_entry_is_a_sentence(kind: str, detail: dict[str, Any], words: str) -> None:
    assert sentence(kind, detail) == words


@pytest.mark.parametrize("kind", sorted(journal.KINDS))
def test_an_entry_that_lacks_its_detail_is_still_shown(kind: str) -> None:
    assert sentence(kind, {})


def test_every_kind_that_is_written_has_a_sentence() -> None:
    written = set()
    for path in Path(ivr.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text if "Note(" in text else "")):
            match node:
                case ast.Call(
                    func=ast.Name(id="Note") | ast.Attribute(attr="Note"),
                    args=[ast.Constant(value=str(kind)), *_],
                ):
                    written.add(kind)
                case _:
                    continue

    assert len(written) > 15
    assert written <= set(journal.KINDS)


def test_every_event_state_and_outcome_has_words() -> None:
    assert set(journal.EVENTS) == {event.name.lower() for event in Event}
    assert set(journal.STATES) == {state.value for state in ContactState}
    for outcome in LegOutcome:
        assert sentence("attempt_over", {"outcome": outcome.value}).startswith("attempt over: ")
