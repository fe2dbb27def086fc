"""Transfer flows that speak with the customer too, who may key what the agent does not hear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.tone_site import Step, document

BOTH: Final = "Key your card number now."
ASKS: Final = "Your card number, please."
THANKS: Final = "Thank you."
_IN_TEXT: Final = {each: {"Text": each} for each in (BOTH, ASKS, THANKS)}


def payment_flow(
    ends: str = "DisconnectParticipant",
    *,
    asked: str = "AgentOnHold",
    last: str = "CustomerOnHold",
    said: Mapping[str, Mapping[str, Any]] = _IN_TEXT,
) -> str:
    """Tell both, ask the customer alone, keep what was keyed with the contact, thank.

    Args:
        ends: Type of the last action.
        asked: Who is on hold while it asks.
        last: Who is on hold while it thanks.
        said: What is played for each of the three sentences.
    """
    asks = {
        **said[ASKS],
        "InputTimeLimitSeconds": "10",
        "StoreInput": "True",
        "InputValidation": {"CustomValidation": {"MaximumLength": "16"}},
        "DTMFConfiguration": {"InputTerminationSequence": "#"},
    }
    kept = {"Attributes": {"card": "$.StoredCustomerInput"}, "TargetContact": "Related"}
    steps: list[Step] = [
        _turn("Together", "OffHold", "Tell"),
        ("Tell", "MessageParticipant", said[BOTH], "Alone", "End"),
        _turn("Alone", asked, "Ask"),
        ("Ask", "GetParticipantInput", asks, "Keep", "End"),
        ("Keep", "UpdateContactAttributes", kept, "Last", "End"),
        _turn("Last", last, "Thank"),
        ("Thank", "MessageParticipant", said[THANKS], "End", "End"),
        ("End", ends, {}, None, None),
    ]
    if ends == "TransferContactToQueue":
        steps[-1] = ("End", ends, {}, "Full", "Full")
        steps.append(("Full", "DisconnectParticipant", {}, None, None))
    return document(steps)


def turning_flow(ends: str, *, says: bool = True) -> str:
    """Say the prompt to both, to the customer, to the agent; or turn to them for ever.

    Args:
        ends: Type of the last action.
        says: Whether it says the prompt, and ends.
    """
    prompt = {"PromptId": "prompt"}
    if not says:
        states = ("OffHold", "AgentOnHold", "CustomerOnHold")
        turns = [_turn(a, a, b) for a, b in zip(states, (*states[1:], states[0]), strict=True)]
        return document([*turns, ("End", ends, {}, None, None)])
    return document([
        _turn("Together", "OffHold", "Say it to both"),
        ("Say it to both", "MessageParticipant", prompt, "Alone", "End"),
        _turn("Alone", "AgentOnHold", "Say it to the customer"),
        ("Say it to the customer", "MessageParticipant", prompt, "Back", "End"),
        _turn("Back", "CustomerOnHold", "Say it to the agent"),
        ("Say it to the agent", "MessageParticipant", prompt, "End", "End"),
        ("End", ends, {}, None, None),
    ])  # fmt: skip


def _turn(name: str, on_hold: str, following: str) -> Step:
    kind = "UpdatePreviousContactParticipantState"
    return name, kind, {"PreviousContactParticipantState": on_hold}, following, "End"
