"""D: callers who wait on the line, on the real switch with real phones.

Proved here: what caller and agent hear (D1, D2, the privacy of D3), a callback asked for in the
queue. The length of whispers (D3) and a callback asked for during an offer (D4) are proved in
virtual time: ``tests/integration/service/test_inbound_rules.py``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hearing.tones import (
    AGENT_WHISPER,
    CUSTOMER,
    CUSTOMER_WHISPER,
    MUSIC,
    PROMPT,
    RINGBACK,
    SECOND_AGENT,
    SOUND,
    listen,
)
from tests.house import House
from tests.phones import Answer, Phone
from tests.scenes import (
    PATIENCE,
    callback_of,
    hears,
    inbound_of,
    record,
    rung,
    talk,
    talk_with_ben,
    waits,
)
from tests.tone_site import WHISPER, add_number, in_tones, quick_wait, tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

OFFERS_SOON = "+12025550104"


def _site(data: dict[str, Any]) -> None:
    add_number(data, OFFERS_SOON, "Offers soon")
    data["flows"].append({"name": "Waiting briefly", "kind": "CUSTOMER_QUEUE"})


def _waiting_briefly() -> str:
    flow = json.loads(in_tones("waiting"))
    for action in flow["Actions"]:
        if action["Type"] == "MessageParticipantIteratively":
            action["Parameters"]["InterruptFrequencySeconds"] = "2"
    return json.dumps(flow)


HOUSE = tone_house(
    _site,
    flows={
        "waiting-briefly.json": _waiting_briefly(),
        "offers-soon.json": quick_wait("Sales", CustomerQueue="Waiting briefly"),
    },
)


async def test_d1_d2_d3_the_caller_waits_with_music_until_the_customer_whisper(
    house: House, anna: Phone
) -> None:
    caller = house.stranger("+12025550110")
    call = await waits(house, caller)
    anna.will(Answer(after=1))

    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, call)
    agent.hang_up()
    await call.ended(within=PATIENCE)

    heard, agents = listen(call.heard.pcm), listen(agent.heard.pcm)
    assert heard.ms(PROMPT) >= 900, heard
    assert heard.ms(CUSTOMER_WHISPER) >= 900, heard
    assert heard.ms(AGENT_WHISPER) == heard.ms(RINGBACK) == 0, heard
    assert agents.ms(AGENT_WHISPER) >= 900, agents
    assert agents.ms(CUSTOMER_WHISPER) == agents.ms(MUSIC) == agents.ms(PROMPT) == 0, agents
    whispered = heard.first_ms(CUSTOMER_WHISPER)
    answered_ms = 1000 * (agent.answered_at - call.heard.start)
    assert whispered is not None
    assert whispered >= answered_ms + 1000 * WHISPER - 100
    during = listen(call.heard.between(agent.answered_at, agent.answered_at + WHISPER))
    assert during.ms(MUSIC) >= 700, "the queue flow goes on through the agent whisper"
    assert (await record(house, await inbound_of(house, caller)))["DisconnectReason"] == (
        "AGENT_DISCONNECT"
    )


async def test_d2_the_agent_hangs_up_in_the_whisper_and_the_next_one_serves(
    house: House, anna: Phone, ben: Phone
) -> None:
    caller = house.stranger("+12025550111")
    call = await waits(house, caller)
    contact = await inbound_of(house, caller)
    place = (await record(house, contact))["ivr"]["PlaceTimestamp"]

    await house.status("anna")
    agent = await rung(anna)
    await hears(house, agent, AGENT_WHISPER, ms=200)
    agent.hang_up()

    await house.state_is(contact, "queued", within=PATIENCE)
    await house.agent_is("anna", "error", within=PATIENCE)
    await hears(house, call, MUSIC)
    await house.status("ben")
    second = await rung(ben)
    await talk_with_ben(house, second, call)
    call.hang_up()
    await second.ended(within=PATIENCE)

    heard = listen(call.heard.pcm)
    assert heard.ms(AGENT_WHISPER) == 0, heard
    assert heard.ms(CUSTOMER_WHISPER) >= 900, heard
    assert heard.ms(SECOND_AGENT) >= 400, heard
    ended = await record(house, contact)
    assert ended["ivr"]["PlaceTimestamp"] == place
    assert ended["AgentConnectionAttempts"] == 2
    assert (ended["Agent"]["ARN"], ended["DisconnectReason"]) == ("ben", "CUSTOMER_DISCONNECT")


async def test_d2_the_customer_hangs_up_in_the_agent_whisper_and_the_agent_is_told(
    house: House, anna: Phone
) -> None:
    caller = house.stranger("+12025550112")
    call = await waits(house, caller)
    await house.status("anna")
    agent = await rung(anna)
    await hears(house, agent, AGENT_WHISPER, ms=200)

    call.hang_up()

    await agent.ended(within=PATIENCE)
    assert not agent.ended_by_us
    heard = listen(agent.heard.pcm)
    assert heard.ms(SOUND) >= 500, f"a sentence: {heard}"
    assert heard.ms(CUSTOMER) == heard.ms(CUSTOMER_WHISPER) == 0, heard
    await house.agent_is("anna", "idle", within=PATIENCE)


async def test_d1_b3_the_queue_flow_offers_a_callback_that_keeps_the_place(house: House) -> None:
    caller = house.stranger("+12025550113")
    call = await house.calls(caller, OFFERS_SOON)
    await house.at(call, "Offer callback")

    await call.press("1")

    await call.ended(within=PATIENCE)
    contact, callback = await inbound_of(house, caller), await callback_of(house, caller)
    left, waiting = await record(house, contact), await record(house, callback)
    assert left["NextContactId"] == callback
    assert left["DisconnectReason"] == "CONTACT_FLOW_DISCONNECT"
    assert left["Queue"]["DequeueTimestamp"] is not None
    assert waiting["PreviousContactId"] == waiting["InitialContactId"] == contact
    assert waiting["ivr"]["PlaceTimestamp"] == left["InitiationTimestamp"]
    heard = listen(call.heard.pcm)
    assert heard.ms(MUSIC) >= 500, heard
    await house.post(f"/callbacks/{callback}/stop")
