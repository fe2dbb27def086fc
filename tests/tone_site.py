"""The sample site with a tone for every prompt, and flows that get to the point at once.

A packet of 20 ms then tells what is heard: prompts 1300 Hz, music 1900 Hz, agent whispers 2300 Hz,
customer and outbound whispers 2700 Hz (``tests.hearing.tones``). ``QUICK_CALLBACK`` asks for a
callback to the caller's own number without a question, ``QUICK_WAIT`` queues the caller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from tests.centre import SAMPLE_SITE, Change
from tests.hearing.sounds import tones
from tests.hearing.tones import AGENT_WHISPER, CUSTOMER_WHISPER, HERTZ, MUSIC, PROMPT
from tests.phones.sound import to_ulaw

QUICK_CALLBACK: Final = "+12025550102"
QUICK_WAIT: Final = "+12025550103"
SPACING: Final = 2
"""Least seconds between attempts."""
LONG: Final = 6.0
"""Seconds of the greeting, long enough to be cut by a key."""
WHISPER: Final = 1.0
"""Seconds of a whisper."""

_LENGTHS: Final = {
    "greeting": (PROMPT, LONG),
    "prompt": (PROMPT, 1.0),
    "agent-whisper": (AGENT_WHISPER, WHISPER),
    "customer-whisper": (CUSTOMER_WHISPER, WHISPER),
}
_SAYS: Final = {
    "agent-whisper": "agent-whisper",
    "customer-whisper": "customer-whisper",
    "outbound-whisper": "customer-whisper",
}
_HOOKS: Final = {
    "CustomerQueue": "Waiting",
    "AgentWhisper": "Agent whisper",
    "CustomerWhisper": "Customer whisper",
}


def tone_house(change: Change | None = None, **more: Any) -> dict[str, Any]:
    """Arguments of a :class:`~tests.house.House` in tones.

    Args:
        change: Changes ``site.yaml`` further.
        more: Further arguments; ``flows`` are added to those in tones.
    """

    def changed(data: dict[str, Any]) -> None:
        _quick(data)
        if change is not None:
            change(data)

    return {
        "change": changed,
        "prompts": recordings(),
        "music": to_ulaw(tones(HERTZ[MUSIC], seconds=10)),
        **more,
        "flows": {**flows(), **more.get("flows", {})},
    }


@cache
def recordings() -> Mapping[str, bytes]:
    """Every prompt, by file name."""
    return {
        f"{name}.ulaw": to_ulaw(tones(HERTZ[what], seconds=seconds))
        for name, (what, seconds) in _LENGTHS.items()
    }


@cache
def flows() -> Mapping[str, str]:
    """The sample's flows in tones, and the quick ones, by file name."""
    return {
        **{path.name: in_tones(path.stem) for path in (SAMPLE_SITE / "flows").glob("*.json")},
        "quick-callback.json": quick_callback(),
        "quick-wait.json": quick_wait("Sales"),
    }


def in_tones(name: str) -> str:
    """A flow of the sample with recorded prompts."""
    flow = json.loads((SAMPLE_SITE / "flows" / f"{name}.json").read_text("utf-8"))
    for action in flow["Actions"]:
        parameters = action["Parameters"]
        for playable in (parameters, *parameters.get("Messages", ())):
            if playable.keys() & {"Text", "SSML"}:
                playable.pop("Text", None)
                playable.pop("SSML", None)
                greets = action["Identifier"] == "Greeting"
                playable["PromptId"] = "greeting" if greets else _SAYS.get(name, "prompt")
    return json.dumps(flow)


def quick_callback(queue: str = "Callbacks", **parameters: str) -> str:
    """A flow that creates a callback to the caller's number, and says a prompt if it cannot.

    Args:
        queue: Where it waits.
        parameters: Further parameters of the action, or others than the usual ones.
    """
    created = {
        "QueueId": queue,
        "InitialCallDelaySeconds": "0",
        "MaximumConnectionAttempts": "2",
        "RetryDelaySeconds": str(SPACING),
        **parameters,
    }
    return document([
        *_hooked("Create"),
        ("Create", "CreateCallbackContact", created, "Hang up", "No callback"),
        ("No callback", "MessageParticipant", {"PromptId": "prompt"}, "Queue", "Queue"),
        ("Queue", "UpdateContactTargetQueue", {"QueueId": queue}, "Wait", "Hang up"),
        ("Wait", "TransferContactToQueue", {}, None, None),
        ("Hang up", "DisconnectParticipant", {}, None, None),
    ])  # fmt: skip


def quick_wait(queue: str, **hooks: str) -> str:
    """A flow that puts the caller into a queue; hooks as told, else the sample's."""
    return document([
        *_hooked("Queue", **hooks),
        ("Queue", "UpdateContactTargetQueue", {"QueueId": queue}, "Wait", "Hang up"),
        ("Wait", "TransferContactToQueue", {}, None, None),
        ("Hang up", "DisconnectParticipant", {}, None, None),
    ])  # fmt: skip


Step = tuple[str, str, Mapping[str, Any], str | None, str | None]
"""An action: its name, type and parameters; where it leads, and where after an error."""


def document(steps: list[Step]) -> str:
    """A flow of simple actions, started at the first."""
    actions = []
    for name, kind, parameters, following, on_error in steps:
        transitions: dict[str, Any] = {}
        if following is not None:
            transitions["NextAction"] = following
            transitions["Errors"] = [{"NextAction": on_error, "ErrorType": "NoMatchingError"}]
        actions.append(
            {
                "Identifier": name,
                "Type": kind,
                "Parameters": dict(parameters),
                "Transitions": transitions,
            }
        )
    return json.dumps(
        {"Version": "2019-10-30", "StartAction": steps[0][0], "Metadata": {}, "Actions": actions}
    )


def _hooked(following: str, **others: str) -> list[Step]:
    hooks = {**_HOOKS, **others}
    after = [*hooks, following][1:]
    return [
        (hook, "UpdateContactEventHooks", {"EventHooks": {hook: flow}}, after[i], after[i])
        for i, (hook, flow) in enumerate(hooks.items())
    ]


def _quick(data: dict[str, Any]) -> None:
    data["site"]["min_retry_delay_seconds"] = SPACING
    data["site"]["ring_agent_seconds"] = 5
    add_number(data, QUICK_CALLBACK, "Quick callback")
    add_number(data, QUICK_WAIT, "Quick wait")
    for agent in data["agents"]:
        agent["after_contact_work_seconds"] = 1


def add_number(data: dict[str, Any], number: str, flow: str) -> None:
    """Give the site a number and the flow that it starts (its file is named after the flow)."""
    data["numbers"].append({"number": number, "flow": flow})
    data["flows"].append({"name": flow, "kind": "CONTACT_FLOW"})
