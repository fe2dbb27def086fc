"""C: agents, their phones and who is offered what, on the real switch.

Proved here: what an agent's phone shows and does (C1, C4 with B5 in ``test_callbacks.py``, C5, C6,
C10). Order, delays, idle times, claims and hours (C1 to C3, C7, C8) are proved in virtual time:
``tests/integration/service/test_routing_rules.py``, and by property in ``tests/unit/domain``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.hearing.tones import AGENT_WHISPER, SOUND, listen
from tests.house import House
from tests.phones import Phone
from tests.scenes import PATIENCE, asked, asks, hears, inbound_of, journal, rung, talk, waits
from tests.tone_site import tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

AVAILABLE, OFFLINE, LUNCH = "*81", "*80", "*82"
LONG_WORK = 600


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_agent_seconds"] = 20
    anna, ben = data["agents"]
    anna["after_contact_work_seconds"] = LONG_WORK
    ben["auto_accept"] = True


HOUSE = tone_house(_site)


async def test_c1_c10_priority_beats_the_older_place_and_the_phone_shows_what_comes(
    house: House, anna: Phone, ben: Phone
) -> None:
    asking, waiting = house.stranger("+12025550110"), house.stranger("+12025550111")
    callback = await asks(house, asking)
    call = await waits(house, waiting)
    contact = await inbound_of(house, waiting)

    await house.status("ben")  # his profile puts calls first
    bens = await rung(ben)
    await house.status("anna")
    annas = await anna.ringing(within=PATIENCE)

    invites = [asked(each) for each in (bens, annas)]
    shown = [(each.caller_name, each.caller_number) for each in invites]
    assert shown == [("Call Sales", waiting.number), ("Callback Callbacks", asking.number)]
    assert [each.header("X-Contact-Id") for each in invites] == [contact, callback]
    assert "answer-after=0" in invites[0].header("Call-Info")
    assert invites[1].header("Call-Info") == ""
    (offer,) = await journal(house, contact, "offer_made")
    assert offer == {"agent": "ben", "considered": {"ben": "chosen"}}
    call.hang_up()
    annas.hang_up()
    await house.agent_is("anna", "missed", within=PATIENCE)


@pytest.mark.parametrize("agent", ["anna"])
async def test_c5_feature_codes_choose_the_status_and_say_so(
    house: House, anna: Phone, agent: str
) -> None:
    for code, status in ((AVAILABLE, "Available"), (LUNCH, "Lunch"), (OFFLINE, "Offline")):
        call = anna.call(code)
        await call.ended(within=PATIENCE)
        assert not call.ended_by_us
        assert listen(call.heard.pcm).ms(SOUND) >= 500, f"{code}: a spoken confirmation"
        assert (await house.agent(agent))["status"] == status
    unknown = anna.call("*99")
    await unknown.ended(within=PATIENCE)
    assert listen(unknown.heard.pcm).heard() & {SOUND}
    assert (await house.agent(agent))["status"] == "Offline"


async def test_c5_a_phone_that_is_not_registered_makes_its_agent_unroutable(
    house: House, anna: Phone
) -> None:
    await house.status("anna")
    await anna.unregister()

    async def gone() -> bool:
        return bool((await house.agent("anna"))["phone"] == "not registered")

    await house.until(gone, within=PATIENCE, what="Anna's phone is known to be gone")
    assert not (await house.agent("anna"))["ready"]
    caller = house.stranger("+12025550112")
    call = await waits(house, caller)
    contact = await inbound_of(house, caller)
    await house.state_is(contact, "queued")
    assert await journal(house, contact, "offer_made") == []

    await anna.register()

    agent = await rung(anna)
    call.hang_up()
    await agent.ended(within=PATIENCE)


async def test_c6_after_contact_work_lasts_until_it_is_cleared_from_the_phone(
    house: House, anna: Phone
) -> None:
    first, second = house.stranger("+12025550113"), house.stranger("+12025550114")
    call = await waits(house, first)
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, call)
    call.hang_up()
    await agent.ended(within=PATIENCE)
    await house.agent_is("anna", "after_contact_work", within=PATIENCE)

    waiting = await waits(house, second)
    await house.state_is(await inbound_of(house, second), "queued")
    assert not (await house.agent("anna"))["ready"]
    await anna.call(AVAILABLE).ended(within=PATIENCE)

    again = await rung(anna)
    await hears(house, again, AGENT_WHISPER, ms=200)
    waiting.hang_up()
    await again.ended(within=PATIENCE)
