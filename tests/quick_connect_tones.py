"""Quick connects in tones: their flows, what each party hears in every state, and phones that die.

The tones are those of ``tests.hearing.tones``: the customer's, the agent's for the source, the
second agent's for whoever is brought in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from ivr.domain.quick_connect import Party, Sound, TransferState, hearing
from tests.centre import Change
from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    CUSTOMER,
    CUSTOMER_WHISPER,
    MUSIC,
    PROMPT,
    RINGBACK,
    SECOND_AGENT,
    SILENCE,
    SOUND,
    Labels,
    listen,
)
from tests.phones import Ignore, Phone
from tests.phones.call import PhoneCall
from tests.tone_site import Step, document, tone_house

SPEAKS: Final = {Party.CUSTOMER: CUSTOMER, Party.SOURCE: AGENT, Party.DESTINATION: SECOND_AGENT}
_PLAYS: Final = {
    Sound.TRANSFER_FLOW: {PROMPT},
    Sound.QUEUE_FLOW: {PROMPT, MUSIC},
    Sound.RINGING: {RINGBACK, SILENCE},
    Sound.WHISPER: {AGENT_WHISPER, CUSTOMER_WHISPER},
}
_WINDOW: Final = 0.5
_LEAST_MS: Final = 300
_STRAY_MS: Final = 60
"""A move takes 20 to 60 ms; what is heard of before in a window that begins then is no fault."""
_TRANSFERS: Final = {"agent": "TransferContactToAgent", "queue": "TransferContactToQueue"}


# --- flows --------------------------------------------------------------------------------------


def transfer_flow(to: str) -> str:
    """A transfer flow that says the prompt, and sets both whispers.

    Args:
        to: ``agent`` or ``queue``.
    """
    hooks = (("AgentWhisper", "Agent whisper"), ("CustomerWhisper", "Customer whisper"))
    steps: list[Step] = [
        ("Say it", "MessageParticipant", {"PromptId": "prompt"}, hooks[0][0], hooks[0][0]),
        *(
            (hook, "UpdateContactEventHooks", {"EventHooks": {hook: flow}}, after, after)
            for (hook, flow), after in zip(hooks, (hooks[1][0], "Go"), strict=True)
        ),
        ("Go", _TRANSFERS[to], {}, None, None),
    ]
    if to == "agent":
        return document(steps)
    steps[-1] = ("Go", _TRANSFERS[to], {}, "Full", "Full")
    return document([*steps, ("Full", "DisconnectParticipant", {}, None, None)])


def agent_hold_flow() -> str:
    """An agent hold flow: the greeting, over and over."""
    loop = {
        "Identifier": "Loop",
        "Type": "MessageParticipantIteratively",
        "Parameters": {"Messages": [{"PromptId": "greeting"}]},
        "Transitions": {"NextAction": "Loop", "Errors": [], "Conditions": []},
    }
    return json.dumps(
        {"Version": "2019-10-30", "StartAction": "Loop", "Metadata": {}, "Actions": [loop]}
    )


def quick_connect_house(change: Change | None = None, **more: Any) -> dict[str, Any]:
    """Arguments of a :class:`~tests.house.House` whose quick connects and holds are heard in tones.

    Args:
        change: Changes ``site.yaml`` further.
        more: Further arguments of ``tone_house``; ``flows`` are added to those of quick connects.
    """
    flows = {**quick_connect_flows(), **more.pop("flows", {})}

    def changed(data: dict[str, Any]) -> None:
        data["flows"] += [
            {"name": "To an agent", "kind": "AGENT_TRANSFER"},
            {"name": "To a queue", "kind": "QUEUE_TRANSFER"},
            {"name": "Default agent hold", "kind": "AGENT_HOLD"},
        ]
        flow_of = {"Ben": "To an agent", "Password reset": "To a queue"}
        for quick_connect in data["quick_connects"]:
            if quick_connect["name"] in flow_of:
                quick_connect["flow"] = flow_of[quick_connect["name"]]
        if change is not None:
            change(data)

    return tone_house(changed, flows=flows, **more)


def quick_connect_flows() -> dict[str, str]:
    """Both transfer flows and the agent hold flow, by file name."""
    return {
        "to-an-agent.json": transfer_flow("agent"),
        "to-a-queue.json": transfer_flow("queue"),
        "default-agent-hold.json": agent_hold_flow(),
    }


# --- what is heard ------------------------------------------------------------------------------


def promised(state: TransferState, party: Party) -> frozenset[Labels]:
    """What every packet may hold that a party hears in a state; silence alone if it hears nobody.

    Voices are heard together, all of them in each packet.
    """
    hears = hearing(state)[party]
    voices = frozenset(SPEAKS[each] for each in hears if isinstance(each, Party))
    if voices:
        return frozenset({voices})
    held = {Sound.HOLD: {MUSIC} if party is Party.CUSTOMER else {PROMPT}}
    sounds = [(held | _PLAYS)[each] for each in hears if isinstance(each, Sound)]
    return frozenset(frozenset({name}) for names in sounds or [{SILENCE}] for name in names)


def has_line(state: TransferState, party: Party) -> bool:
    """Whether a party is in a call; whoever hears nothing has none, but for an exception."""
    alone = state is TransferState.ALL_HELD and party is Party.SOURCE
    return alone or bool(hearing(state)[party])


def differs(state: TransferState, calls: Mapping[Party, PhoneCall | None]) -> str | None:
    """How what the parties have just heard differs from what a settled state promises, if it does.

    Args:
        state: Not one with a whisper for somebody who hears nothing then: nothing is sent there.
        calls: The live call of each party.
    """
    for party, call in calls.items():
        if has_line(state, party) != (call is not None):
            return f"{party.value} is{'' if call else ' not'} in a call"
        if call is None:
            continue
        now = monotonic()
        heard, right = listen(call.heard.between(now - _WINDOW, now)), promised(state, party)
        ms = sum(each.length_ms for each in heard.stretches if each.heard in right)
        quiet = (frozenset({SILENCE}), frozenset({SOUND}))
        stray = sum(
            each.length_ms for each in heard.stretches if each.heard not in (*right, *quiet)
        )
        if stray > _STRAY_MS or (ms < _LEAST_MS and quiet[0] not in right):
            return f"{party.value} hears {heard}"
    return None


# --- phones that die ----------------------------------------------------------------------------


def dies(phone: Phone) -> None:
    """Have a phone with a line of its own lose its power: it sends and answers nothing more."""
    phone.will(Ignore())
    for call in phone.calls:
        call.say(None)
    phone.line.close()
