"""F1: Amazon Connect's own example, 11:35 to 11:45, to the second in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.domain.agent import AgentActivity
from ivr.service import overview
from tests import amazon_example as example
from tests.centre import ANNA, ANNAS_PHONE, LOCAL, Centre, running_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

ARRIVES = datetime(2026, 6, 1, 11, 35, tzinfo=UTC)
CUSTOMER = "+12025550199"
OFFER, AGENT_WHISPER, OUTBOUND_WHISPER = "Offer.", "Agent whisper.", "Outbound whisper."
KEY = 0.2
"""How long the customer takes to press a key."""


def test_f1_amazons_example_is_reproduced_to_the_second(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(ARRIVES), tmp_path, flows=_flows()) as centre:
            await _play(centre)
            call, callback = [
                (await overview.contact(centre.world, each.id))["record"]
                for each in await centre.contacts()
            ]

        for record, expected in ((call, example.CALL), (callback, example.CALLBACK)):
            assert example.times_of(record, expected, ARRIVES) == expected
        assert call["NextContactId"] == callback["ContactId"]
        assert callback["PreviousContactId"] == callback["InitialContactId"] == call["ContactId"]
        assert callback["InitiationMethod"] == "CALLBACK"
        assert callback["AgentConnectionAttempts"] == 1
        assert callback["Queue"]["Duration"] == example.ACCEPTED - example.ENQUEUED
        assert callback["ivr"]["WaitDuration"] == example.ACCEPTED - example.CHOSEN
        assert callback["Agent"]["AgentInteractionDuration"] == example.ENDED - example.JOINED
        assert callback["Agent"]["AfterContactWorkDuration"] == 5
        assert callback["DisconnectReason"] == "CUSTOMER_DISCONNECT"
        assert call["DisconnectReason"] == "CONTACT_FLOW_DISCONNECT"
        assert call["Agent"] is None
        assert callback["ivr"]["PlaceTimestamp"] == call["InitiationTimestamp"]

    run_virtual(main())


def _flows() -> dict[str, str]:
    return dict(
        example.flows(
            offer={"Text": OFFER},
            whispers={"agent": {"Text": AGENT_WHISPER}, "outbound": {"Text": OUTBOUND_WHISPER}},
            wait=example.CHOSEN - 1,
        )
    )


async def _play(centre: Centre) -> None:
    centre.switch.sound_lengths |= {
        f"say:{OFFER}": timedelta(seconds=1 - KEY),
        f"say:{AGENT_WHISPER}": timedelta(seconds=example.AGENT_WHISPER),
        f"say:{OUTBOUND_WHISPER}": timedelta(seconds=example.CUSTOMER_WHISPER),
    }
    centre.switch.phone(ANNAS_PHONE).rings()
    customer = centre.switch.customer(CUSTOMER).answers()

    caller = centre.switch.dials(LOCAL, caller=CUSTOMER).will_press("1")
    await _at(centre, example.ENQUEUED + 1)
    assert caller.leg is None
    await centre.becomes(ANNA)
    await _at(centre, example.ACCEPTED)
    centre.switch.phone(ANNAS_PHONE).answer()
    await _at(centre, example.ENDED)
    customer.hang_up()
    await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.AFTER_CONTACT_WORK))
    await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))


async def _at(centre: Centre, seconds: float) -> None:
    await centre.clock.sleep_until(ARRIVES + timedelta(seconds=seconds))
