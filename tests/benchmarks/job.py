"""The job that is measured, done twice: by our number-entry flow, and by plain dialplan.

Answer, play a prompt of one second, take a ten-digit number, check it, keep it, hang up.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from typing import Any, Final

from tests.house import House

FLOW_NUMBER: Final = "+12025550190"
DIALPLAN_NUMBER: Final = "+12025550191"
CALLBACK_NUMBER: Final = "+12025550192"
KEYS: Final = "300:{number}#"
PROMPT: Final = "bench"

_DIALPLAN: Final = f"""
[inbound](+)
exten => {DIALPLAN_NUMBER},1,Answer()
 same => n,Set(TIMEOUT(response)=5)
 same => n,Set(TIMEOUT(digit)=5)
 same => n,Read(NUMBER,/var/lib/queueback/sounds/recorded/{PROMPT},15,t(#))
 same => n,GotoIf($[${{REGEX("^[2-9][0-9]{{9}}$" ${{NUMBER}})}}]?keep:drop)
 same => n(keep),Set(DB(bench/${{CALLERID(num)}})=${{NUMBER}})
 same => n(drop),Hangup()
"""
ADDITIONS: Final = {"extensions.conf": _DIALPLAN, "modules.conf": "load = func_db.so\n"}
"""What the dialplan's way of doing it needs on the switch."""


def prompt() -> bytes:
    """One second of silence as a .wav file (8 kHz, 16 bit, mono)."""
    samples = bytes(16000)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1,
                       8000, 16000, 2, 16)  # fmt: skip
    return head + struct.pack("<4sI", b"data", len(samples)) + samples


def flows() -> dict[str, str]:
    """The number-entry flow, one that asks for a callback at once, and silent whispers."""
    keep = {"Attributes": {"keyed": "$.StoredCustomerInput"}}
    entry = [
        _action(
            "Number",
            "GetParticipantInput",
            {
                "PromptId": PROMPT,
                "InputTimeLimitSeconds": "5",
                "StoreInput": "True",
                "InputValidation": {
                    "PhoneNumberValidation": {"NumberFormat": "Local", "CountryCode": "US"}
                },
            },
            "Set",
            InvalidPhoneNumber="End",
            NoMatchingError="End",
        ),
        _action(
            "Set",
            "UpdateContactCallbackNumber",
            {"CallbackNumber": "$.StoredCustomerInput"},
            "Keep",
            InvalidCallbackNumber="End",
            CallbackNumberNotDialable="End",
        ),
        _action("Keep", "UpdateContactAttributes", keep, "End", NoMatchingError="End"),
        _action("End", "DisconnectParticipant", {}, None),
    ]
    hooks = {"EventHooksConfiguration": {"AgentWhisper": {"DisableExecution": "true"}}}
    asking = [
        _action("Silent", "UpdateContactEventHooks", hooks, "Ask", NoMatchingError="Ask"),
        _action(
            "Ask",
            "CreateCallbackContact",
            {
                "QueueId": "Callbacks",
                "MaximumConnectionAttempts": "1",
                "RetryDelaySeconds": "60",
                "InitialCallDelaySeconds": "1",
            },
            "End",
            NoMatchingError="End",
        ),
        _action("End", "DisconnectParticipant", {}, None),
    ]
    return {"bench-entry.json": _document(entry), "bench-callback.json": _document(asking)}


def change(site: dict[str, Any]) -> None:
    """Add the numbers and flows to the sample, and let an agent be free at once."""
    site["numbers"] += [
        {"number": FLOW_NUMBER, "flow": "Bench entry"},
        {"number": CALLBACK_NUMBER, "flow": "Bench callback"},
    ]
    site["flows"] += [
        {"name": "Bench entry", "kind": "CONTACT_FLOW"},
        {"name": "Bench callback", "kind": "CONTACT_FLOW"},
    ]
    for queue in site["queues"]:
        queue["max_contacts"] = 100_000
    for profile in site["routing_profiles"]:
        profile["after_contact_work"] = False


async def wrong_by_flow(house: House, seen: set[str], expected: set[str]) -> int:
    """Calls of our flow since the last look whose number is missing or wrong."""
    with closing(sqlite3.connect(house.state / "queueback.db")) as database:
        rows = database.execute(
            "SELECT id, customer_number, attributes FROM contacts WHERE system_number = ?",
            (FLOW_NUMBER,),
        ).fetchall()
    new = [row for row in rows if row[0] not in seen]
    seen |= {row[0] for row in new}
    right = {
        caller
        for _, caller, attributes in new
        if json.loads(attributes).get("keyed", "").removeprefix("+1") == caller.removeprefix("+1")
    }
    return len(expected - {number.removeprefix("+1") for number in right})


async def wrong_by_dialplan(house: House, expected: set[str]) -> int:
    """Calls of the dialplan since the last look whose number is missing or wrong."""
    shown = await house.pbx.console("database show bench")
    await house.pbx.console("database deltree bench")
    right = set()
    for line in shown.splitlines():
        key, colon, value = line.partition(":")
        caller = key.strip().removeprefix("/bench/").removeprefix("+1")
        if colon and caller == value.strip():
            right.add(caller)
    return len(expected - right)


def _action(
    identifier: str, kind: str, parameters: dict[str, Any], following: str | None, **errors: str
) -> dict[str, Any]:
    transitions: dict[str, Any] = {"NextAction": following} if following else {}
    if errors:
        transitions["Errors"] = [
            {"NextAction": target, "ErrorType": name} for name, target in errors.items()
        ]
    return {
        "Identifier": identifier,
        "Type": kind,
        "Parameters": parameters,
        "Transitions": transitions,
    }


def _document(actions: list[dict[str, Any]]) -> str:
    document = {
        "Version": "2019-10-30",
        "StartAction": actions[0]["Identifier"],
        "Metadata": {},
        "Actions": actions,
    }
    return json.dumps(document)
