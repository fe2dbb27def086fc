"""E9: an agent who has somebody on hold is reminded by a tone that nobody else hears."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import pytest

from tests.hearing.tones import AGENT, CUSTOMER, HERTZ, MUSIC, SECOND_AGENT, SILENCE, listen
from tests.house import House
from tests.phones import Answer, Phone
from tests.phones.call import PhoneCall
from tests.scenes import PATIENCE, hears, rung, talk, waits
from tests.tone_site import tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

REMINDER: Final = "reminder"
TONES: Final[Mapping[str, int]] = {
    REMINDER: 620,
    **{name: HERTZ[name] for name in (AGENT, SECOND_AGENT, MUSIC)},
    CUSTOMER: 700,
}
EVERY = 3


def _site(data: dict[str, Any]) -> None:
    data["site"]["hold_reminder_seconds"] = EVERY


HOUSE = tone_house(_site)


async def reminded(call: PhoneCall, since: float, *, times: int) -> None:
    """Wait until a phone has heard so many reminders, each of two pips."""
    await call.heard.until(
        lambda r: (
            len(listen(r.between(since, monotonic()), hertz=TONES, pairs={}).spans(REMINDER))
            >= 2 * times
        ),
        within=PATIENCE,
    )


def not_reminded(call: PhoneCall, since: float) -> int:
    """The longest time in which a phone heard nothing; it heard no reminder."""
    heard = listen(call.heard.between(since, monotonic()), hertz=TONES, pairs={})
    assert heard.ms(REMINDER) == 0, heard
    return heard.longest_ms(SILENCE)


async def test_e9_an_agent_is_reminded_of_who_is_on_hold(
    house: House, anna: Phone, ben: Phone
) -> None:
    customer = await waits(house, house.stranger("+12025550140"))
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, customer)
    ben.will(Answer(after=0.1))
    await house.status("ben")
    await agent.press("*71")
    destination = await rung(ben)
    await hears(house, agent, SECOND_AGENT)
    await hears(house, destination, AGENT)

    # In a consultation.
    begun = monotonic()
    await reminded(agent, begun, times=2)
    assert not_reminded(destination, begun) <= 400
    not_reminded(customer, begun)
    await hears(house, agent, SECOND_AGENT, ms=700)

    # With the customer.
    await agent.press("*3")
    await talk(house, agent, customer)
    begun = monotonic()
    await reminded(agent, begun, times=2)
    assert not_reminded(customer, begun) <= 400
    await hears(house, agent, CUSTOMER, ms=700)

    # Alone.
    await agent.press("*2")
    await hears(house, agent, SILENCE)
    begun = monotonic()
    await reminded(agent, begun, times=1)
    await hears(house, customer, MUSIC)
    await house.until(
        lambda: listen(agent.heard.latest(0.4)).ms(SILENCE) >= 380,
        what="the reminder is over: keys are lost while it sounds",
    )

    # A code is taken afterwards as before; with nobody on hold there is no reminder.
    await agent.press("*1")
    await hears(house, customer, AGENT, SECOND_AGENT)
    begun = monotonic()
    await agent.heard.until(lambda _: monotonic() > begun + 2 * EVERY, within=PATIENCE)
    not_reminded(agent, begun)
