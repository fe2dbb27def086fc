"""Amazon Connect's own example of a queued callback, 11:35 to 11:45, as flows and as times.

The call queues at 11:35:00. At 11:37:00 the customer asks for a callback with an initial delay of
99 s and is gone. The callback is enqueued at 11:38:39; an agent accepts at 11:39:00 and hears a
whisper of 10 s; the customer is dialled at 11:39:10, answers, and hears a whisper of 15 s; both
talk from 11:39:25 to 11:45:00.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

CHOSEN: Final = 120.0
ENQUEUED: Final = 219.0
ACCEPTED: Final = 240.0
DIALLED: Final = 250.0
JOINED: Final = 265.0
ENDED: Final = 600.0
"""Seconds after the call's arrival."""
DELAY: Final = 99
AGENT_WHISPER: Final = 10.0
CUSTOMER_WHISPER: Final = 15.0

CALL: Final[Mapping[str, float]] = {
    "InitiationTimestamp": 0.0,
    "ConnectedToSystemTimestamp": 0.0,
    "Queue.EnqueueTimestamp": 0.0,
    "Queue.DequeueTimestamp": CHOSEN,
    "DisconnectTimestamp": CHOSEN,
}
"""Times of the inbound contact's record."""
CALLBACK: Final[Mapping[str, float]] = {
    "InitiationTimestamp": CHOSEN,
    "Queue.EnqueueTimestamp": ENQUEUED,
    "Queue.DequeueTimestamp": ACCEPTED,
    "ivr.Callback.Attempts.0.StartTimestamp": DIALLED,
    "ConnectedToSystemTimestamp": DIALLED,
    "Agent.ConnectedToAgentTimestamp": JOINED,
    "DisconnectTimestamp": ENDED,
}
"""Times of the callback contact's record."""


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """A field of a record, by a path such as ``Queue.Duration``."""
    value: Any = record
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list | tuple) else value[name]
    return value


def times_of(
    record: Mapping[str, Any], expected: Mapping[str, float], start: datetime
) -> dict[str, float]:
    """The times of a record that the example speaks of, in seconds after the call's arrival."""
    return {
        path: (datetime.fromisoformat(value_at(record, path)) - start).total_seconds()
        for path in expected
    }


def flows(
    *, offer: Mapping[str, Any], whispers: Mapping[str, Mapping[str, Any]], wait: float = 0
) -> Mapping[str, str]:
    """The example as flows of the sample site, by file name.

    Args:
        offer: What the offer of a callback plays.
        whispers: What ``agent`` and ``outbound`` whispers play.
        wait: Seconds of music before the offer; none if zero.
    """
    return {
        "local-entry.json": _text([
            _action("Wait in", "UpdateContactEventHooks", "Agent hook",
                    EventHooks={"CustomerQueue": "Waiting"}),
            _action("Agent hook", "UpdateContactEventHooks", "Choose queue",
                    EventHooks={"AgentWhisper": "Agent whisper"}),
            _action("Choose queue", "UpdateContactTargetQueue", "Enter", QueueId="Callbacks"),
            _action("Enter", "TransferContactToQueue", None),
        ]),
        "waiting.json": _text([
            *([_waits(wait)] if wait else []),
            _offers(offer),
            _action("Create", "CreateCallbackContact", "Hang up", QueueId="Callbacks",
                    InitialCallDelaySeconds=str(DELAY), MaximumConnectionAttempts="2",
                    RetryDelaySeconds="60"),
            _action("Hang up", "DisconnectParticipant", None),
        ]),
        **{
            f"{name}-whisper.json": _text([
                _action("Say", "MessageParticipant", "Done", **played),
                _action("Done", "EndFlowExecution", None),
            ])
            for name, played in whispers.items()
        },
    }  # fmt: skip


def _text(actions: list[dict[str, Any]]) -> str:
    start = actions[0]["Identifier"]
    return json.dumps(
        {"Version": "2019-10-30", "StartAction": start, "Metadata": {}, "Actions": actions}
    )


def _action(name: str, kind: str, following: str | None, **parameters: Any) -> dict[str, Any]:
    transitions: dict[str, Any] = {}
    if following is not None:
        transitions = {
            "NextAction": following,
            "Errors": [{"NextAction": following, "ErrorType": "NoMatchingError"}],
        }
    return {
        "Identifier": name,
        "Type": kind,
        "Parameters": parameters,
        "Transitions": transitions,
    }


def _waits(seconds: float) -> dict[str, Any]:
    waits = _action(
        "Music",
        "MessageParticipantIteratively",
        None,
        Messages=[{"PromptId": "queue-music"}],
        InterruptFrequencySeconds=str(round(seconds)),
    )
    waits["Transitions"] = {
        "Errors": [{"NextAction": "Offer", "ErrorType": "NoMatchingError"}],
        "Conditions": [_if("MessagesInterrupted", "Offer")],
    }
    return waits


def _offers(played: Mapping[str, Any]) -> dict[str, Any]:
    errors = ("InputTimeLimitExceeded", "NoMatchingCondition", "NoMatchingError")
    offers = _action(
        "Offer",
        "GetParticipantInput",
        None,
        **played,
        InputTimeLimitSeconds="5",
        StoreInput="False",
    )
    offers["Transitions"] = {
        "NextAction": "Hang up",
        "Errors": [{"NextAction": "Hang up", "ErrorType": error} for error in errors],
        "Conditions": [_if("1", "Create")],
    }
    return offers


def _if(value: str, following: str) -> dict[str, Any]:
    return {
        "NextAction": following,
        "Condition": {"Operator": "Equals", "Operands": [value]},
    }
