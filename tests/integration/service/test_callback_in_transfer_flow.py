"""D4: in a transfer flow the agent keys a number for the customer, who keeps the place in line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import InitiationMethod
from ivr.domain.quick_connect import TransferState
from tests.centre import BEN
from tests.integration.service.test_quick_connect_rules import Talk, play

pytestmark = pytest.mark.integration

NUMBER, KEYS = "+12025550199", "2025550199#"
ASKS, MADE, NOT_MADE = "say:Key the number.", "say:A callback is made.", "say:There is none."


def _action(
    name: str, kind: str, parameters: Mapping[str, Any], leads_to: str, *errors: str
) -> Any:
    branches = [{"NextAction": "Not made", "ErrorType": error} for error in errors]
    transitions = {"NextAction": leads_to, "Errors": branches} if leads_to else {}
    return {"Identifier": name, "Type": kind, "Parameters": parameters, "Transitions": transitions}


def _flow() -> str:
    local = {"NumberFormat": "Local", "CountryCode": "US"}
    asks = {
        "Text": "Key the number.",
        "InputTimeLimitSeconds": "10",
        "StoreInput": "True",
        "InputValidation": {"PhoneNumberValidation": local},
        "DTMFConfiguration": {"InputTerminationSequence": "#"},
    }
    create = {
        "QueueId": "Callbacks",
        "InitialCallDelaySeconds": "0",
        "MaximumConnectionAttempts": "1",
        "RetryDelaySeconds": "60",
    }
    any_error = "NoMatchingError"
    actions = [
        _action("Ask", "GetParticipantInput", asks, "Set", "InvalidPhoneNumber", any_error),
        _action(
            "Set",
            "UpdateContactCallbackNumber",
            {"CallbackNumber": "$.StoredCustomerInput"},
            "Create",
            "InvalidCallbackNumber",
            "CallbackNumberNotDialable",
        ),
        _action("Create", "CreateCallbackContact", create, "Made", any_error),
        _action("Made", "MessageParticipant", {"Text": MADE[4:]}, "End", any_error),
        _action("Not made", "MessageParticipant", {"Text": NOT_MADE[4:]}, "End", any_error),
        _action("End", "DisconnectParticipant", {}, ""),
    ]
    return json.dumps(
        {"Version": "2019-10-30", "StartAction": "Ask", "Metadata": {}, "Actions": actions}
    )


def _with_flow(site: dict[str, Any]) -> None:
    site["flows"].append({"name": "Make a callback", "kind": "QUEUE_TRANSFER"})
    for quick_connect in site["quick_connects"]:
        if quick_connect["name"] == "Password reset":
            quick_connect["flow"] = "Make a callback"


HOW: dict[str, Any] = {"change": _with_flow, "flows": {"make-a-callback.json": _flow()}}


def test_d4_the_source_keys_a_number_and_the_callback_has_the_customers_place(
    tmp_path: Path,
) -> None:
    async def scene(talk: Talk) -> None:
        called = talk.centre.switch.customer(NUMBER).answers(after=1)
        talk.ben.answers()
        await talk.centre.becomes(BEN, "Offline")
        talk.anna.will_press(KEYS)

        await talk.start("Password reset")
        await talk.comes_to(TransferState.RETURNED)

        assert [each for each in talk.anna.heard if each in (ASKS, MADE)] == [ASKS, MADE]
        await talk.talking_are(talk.customer, talk.anna)
        contact, callback = await talk.centre.one_callback()
        source = await talk.source()
        assert callback.number == NUMBER
        assert contact.initiation is InitiationMethod.CALLBACK
        assert contact.place_at == source.place_at
        assert contact.initial_id == source.id
        assert contact.previous_id == (await talk.destination()).id
        assert ASKS not in talk.customer.heard

        talk.customer.hang_up()
        await talk.centre.becomes(BEN)
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, AgentActivity.ON_CONTACT))
        assert len(called.calls) == 1
        called.hang_up()

        async def over() -> bool:
            return (await talk.centre.one_callback())[1].result is CallbackResult.COMPLETED

        await talk.centre.until(over)

    play(tmp_path, scene, **HOW)


def test_d4_a_number_that_may_not_be_dialled_makes_no_callback(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.will_press("9005550199#")

        await talk.start("Password reset")
        await talk.comes_to(TransferState.RETURNED)

        assert NOT_MADE in talk.anna.heard
        assert await talk.centre.callbacks() == []
        await talk.talking_are(talk.customer, talk.anna)

    play(tmp_path, scene, **HOW)
