"""C9 on the real switch: an agent's mobile phone rings through the trunk, and a key accepts.

Proved here with real phones: what the mobile phone shows and says, that key 1 accepts a call and
feature codes work on it, and that a voicemail which answers is never connected. Who is freed, asked
again or retried is proved in virtual time:
``tests/integration/service/test_outside_agent_rules.py``.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.hearing.recogniser import heard, words
from tests.hearing.tones import AGENT, AGENT_WHISPER, CUSTOMER, HERTZ, MUSIC, SOUND, listen
from tests.house import House
from tests.phones import Answer, Phone, tone
from tests.scenes import PATIENCE, asked, hears, inbound_of, journal, rung, talk, waits
from tests.tone_site import tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

MOBILE: Final = "+12025550177"
SENTENCE: Final = "a call for you press one to take it"


def _site(data: dict[str, Any]) -> None:
    profile = data["agents"][0]["routing_profile"]
    dora = {"name": "Dora", "routing_profile": profile, "number": MOBILE}
    data["agents"].append({**dora, "after_contact_work_seconds": 1})


HOUSE = tone_house(_site)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mobile(house: House) -> Phone:
    """Dora's mobile phone, behind the trunk."""
    phone = house.stranger(MOBILE, says=tone(HERTZ[AGENT]))
    phone.will(Answer(after=0.3))
    return phone


async def test_c9_a_mobile_phone_accepts_a_call_by_a_key(house: House, mobile: Phone) -> None:
    caller = house.stranger("+12025550120")
    customer = await waits(house, caller)
    await house.status("dora")
    dora = await rung(mobile)
    assert asked(dora).caller_number.startswith("+1202555010"), "a number of the site's queue"
    await hears(house, dora, SOUND)
    assert listen(dora.heard.pcm).ms(AGENT_WHISPER) == 0
    assert listen(customer.heard.latest(1)).ms(MUSIC) > 0

    await dora.press("1")

    await hears(house, dora, AGENT_WHISPER)
    await talk(house, dora, customer)
    await dora.press("*2")  # no quick connect is under way: refused, and heard to be
    contact = await inbound_of(house, caller)
    await house.until(
        lambda: _refused(house, contact), within=PATIENCE, what="the code is taken, and refused"
    )
    await talk(house, dora, customer)
    customer.hang_up()
    await dora.ended(within=PATIENCE)
    await house.agent_is("dora", "idle", within=PATIENCE)
    await house.status("dora", "Offline")


async def _refused(house: House, contact: str) -> bool:
    return bool(await journal(house, contact, "code_refused"))


async def test_c9_a_voicemail_that_answers_is_never_connected(house: House, mobile: Phone) -> None:
    caller = house.stranger("+12025550121")
    customer = await waits(house, caller)
    await house.status("dora")
    voicemail = await rung(mobile)

    await voicemail.ended(within=PATIENCE)
    await house.agent_is("dora", "missed", within=PATIENCE)

    assert listen(voicemail.heard.pcm).ms(AGENT_WHISPER) == 0
    assert listen(voicemail.heard.pcm).ms(CUSTOMER) == 0
    assert listen(customer.heard.pcm).ms(AGENT) == 0
    await hears(house, customer, MUSIC)
    said = await asyncio.to_thread(words, voicemail.heard.pcm)
    assert heard(SENTENCE, said), said
    (missed,) = await journal(house, await inbound_of(house, caller), "offer_missed")
    assert missed["detail"] == "not accepted by a key"
    customer.hang_up()
