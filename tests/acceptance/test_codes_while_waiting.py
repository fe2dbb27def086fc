"""E1: feature codes of an agent whose quick connect rings, or whose leg hears a flow.

Codes in the talking room are proved in ``test_quick_connects.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise
from time import monotonic
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.hearing.tones import (
    CUSTOMER,
    HERTZ,
    MUSIC,
    PROMPT,
    RINGBACK,
    SECOND_AGENT,
    SILENCE,
    Timeline,
    listen,
)
from tests.house import House
from tests.phones import Answer, Phone, Ring
from tests.phones.call import PhoneCall
from tests.scenes import PATIENCE, hears, inbound_of, journal, rung, talk, talk_with_ben, waits
from tests.tone_site import LONG, document, tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

CODE: Final = "code tone"
ERROR: Final = "error tone"
TONES: Final[Mapping[str, int]] = {
    CODE: 1000,
    ERROR: 400,
    **{name: HERTZ[name] for name in (PROMPT, MUSIC, CUSTOMER, SECOND_AGENT)},
}
_numbers = count(40)


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_agent_seconds"] = 60
    data["flows"].append({"name": "To an agent", "kind": "AGENT_TRANSFER"})
    slowly = {"name": "Ben slowly", "agent": "ben", "code": "*75", "flow": "To an agent"}
    data["quick_connects"].append(slowly)
    for queue in data["queues"]:
        queue["quick_connects"].append("ben-slowly")


def _transfer() -> str:
    return document([
        ("Say it", "MessageParticipant", {"PromptId": "greeting"}, "Go", "Go"),
        ("Go", "TransferContactToAgent", {}, None, None),
    ])  # fmt: skip


HOUSE = tone_house(_site, flows={"to-an-agent.json": _transfer()})


@dataclass
class Talk:
    """Anna and a customer talk; Ben's phone is there."""

    house: House
    contact: str
    customer: PhoneCall
    anna: PhoneCall
    ben: Phone

    async def rings_ben(self) -> PhoneCall:
        """Key Ben's quick connect; returns when Anna hears his phone ring."""
        self.ben.will(Ring())
        await self.house.status("ben")
        await self.anna.press("*71")
        ringing = await self.ben.ringing(PATIENCE)
        await hears(self.house, self.anna, RINGBACK)
        return ringing

    async def hears_the_flow(self) -> float:
        """Key the quick connect with a long flow; returns when that was, once Anna hears it."""
        self.ben.will(Ring())
        await self.house.status("ben")
        begun = monotonic()
        await self.anna.press("*75")
        await hears(self.house, self.anna, PROMPT)
        return begun

    async def hears_in_vain(self, since: float) -> None:
        """Wait until Anna has heard that a code was understood, then that it did nothing."""
        await self.anna.heard.until(
            lambda _: self.anna_heard(since).ms(ERROR) >= 300, within=PATIENCE
        )
        heard = self.anna_heard(since)
        code, error = heard.first_ms(CODE), heard.first_ms(ERROR)
        assert code is not None, heard
        assert error is not None, heard
        assert heard.ms(CODE) >= 100, heard
        assert code < error < code + 1000, heard

    async def is_refused(self, *codes: str) -> None:
        """Wait until the journal says that exactly these codes did nothing."""

        async def noted() -> bool:
            refused = await journal(self.house, self.contact, "code_refused")
            return [each["code"] for each in refused] == list(codes)

        await self.house.until(noted, what=f"{codes} are refused")

    def anna_heard(self, since: float) -> Timeline:
        return listen(self.anna.heard.between(since, monotonic()), hertz=TONES)


@pytest_asyncio.fixture(loop_scope="module")
async def talking(house: House, anna: Phone, ben: Phone) -> AsyncIterator[Talk]:
    caller = house.stranger(f"+120255501{next(_numbers):02}")
    anna.will(Answer(after=0.1))
    customer = await waits(house, caller)
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, customer)
    yield Talk(house, await inbound_of(house, caller), customer, agent, ben)
    house.hang_up_all()


async def test_drop_while_it_rings_brings_the_customer_back(house: House, talking: Talk) -> None:
    ringing = await talking.rings_ben()
    keyed = monotonic()

    await talking.anna.press("*0")

    await talk(house, talking.anna, talking.customer)
    await ringing.ended(within=PATIENCE)
    heard = talking.anna_heard(keyed)
    assert heard.ms(CODE) >= 100, heard
    assert listen(talking.anna.heard.latest(0.5)).ms(RINGBACK) == 0


async def test_leave_while_it_rings_is_a_cold_transfer(house: House, talking: Talk) -> None:
    ringing = await talking.rings_ben()

    await talking.anna.press("*9")
    await talking.anna.ended(within=PATIENCE)
    await hears(house, talking.customer, MUSIC)
    ringing.answer()

    await talk_with_ben(house, ringing, talking.customer)


async def test_other_keys_change_nothing_while_it_rings(house: House, talking: Talk) -> None:
    begun = monotonic()
    ringing = await talking.rings_ben()
    keyed = monotonic()
    await talking.anna.press("5")
    await talking.anna.press("1#*")
    await talking.anna.press("A")

    await talking.anna.heard.until(
        lambda _: talking.anna_heard(begun).ms(RINGBACK) >= 3500, within=PATIENCE
    )

    heard = talking.anna_heard(begun)
    begins, pause = heard.first_ms(RINGBACK), max(heard.spans(SILENCE), key=lambda s: s[1] - s[0])
    assert begins is not None
    assert 1500 < pause[0] - begins < 2500, heard
    assert pause[1] - pause[0] > 3500, heard
    assert talking.anna_heard(keyed).ms(CODE) == 0, heard
    assert await journal(house, talking.contact, "code_refused") == []
    ringing.answer()
    await hears(house, talking.anna, SECOND_AGENT)


async def test_a_code_in_vain_is_heard_and_ringing_goes_on(house: House, talking: Talk) -> None:
    ringing = await talking.rings_ben()
    keyed = monotonic()

    await talking.anna.press("*1")
    await talking.hears_in_vain(keyed)
    again = monotonic()

    await hears(house, talking.anna, RINGBACK)
    await talking.is_refused("*1")
    assert talking.anna_heard(again).ms(CUSTOMER) == 0
    ringing.answer()
    await hears(house, talking.anna, SECOND_AGENT)


async def test_drop_in_the_queue_flow_brings_the_customer_back(house: House, talking: Talk) -> None:
    await talking.anna.press("*73")
    await hears(house, talking.anna, PROMPT)
    await talking.anna.press("7#")
    await hears(house, talking.anna, MUSIC)
    flowing = monotonic()
    await talking.anna.press("12#")
    await talking.anna.press("*1")
    await talking.hears_in_vain(flowing)
    await hears(house, talking.anna, MUSIC)
    await talking.is_refused("*1")

    await talking.anna.press("*0")

    await talk(house, talking.anna, talking.customer)
    heard = talking.anna_heard(flowing)
    assert heard.ms(CODE) >= 200, heard
    assert heard.ms(ERROR) <= 500, heard
    assert listen(talking.anna.heard.latest(0.5)).ms(MUSIC) == 0


async def test_leave_in_the_queue_flow_lets_the_customer_wait_there(
    house: House, talking: Talk
) -> None:
    await talking.anna.press("*73")
    await hears(house, talking.anna, MUSIC)

    await talking.anna.press("*9")
    await talking.anna.ended(within=PATIENCE)
    await hears(house, talking.customer, MUSIC)
    talking.ben.will(Answer(after=0.1))
    await house.status("ben")

    await talk_with_ben(house, await rung(talking.ben), talking.customer)


async def test_drop_in_the_transfer_flow_brings_the_customer_back(
    house: House, talking: Talk
) -> None:
    begun = await talking.hears_the_flow()

    await talking.anna.press("*0")

    await talk(house, talking.anna, talking.customer)
    heard = talking.anna_heard(begun)
    assert heard.ms(PROMPT) < LONG * 1000 - 500, heard


async def test_a_code_in_vain_stops_the_transfer_flow_only_for_a_moment(
    house: House, talking: Talk
) -> None:
    begun = await talking.hears_the_flow()
    flowing = monotonic()

    await talking.anna.press("*1")
    await talking.hears_in_vain(flowing)
    await talking.ben.ringing(PATIENCE)

    heard = talking.anna_heard(begun)
    assert LONG * 1000 - 300 <= heard.ms(PROMPT) <= LONG * 1000 + 300, heard
    await talking.is_refused("*1")
    await talking.anna.press("*0")
    await talk(house, talking.anna, talking.customer)


async def test_other_keys_stop_no_message_and_a_star_alone_only_for_a_moment(
    house: House, talking: Talk
) -> None:
    begun = await talking.hears_the_flow()

    await talking.anna.press("12#")
    await talking.anna.press("*")
    await talking.ben.ringing(PATIENCE)

    heard = talking.anna_heard(begun)
    assert LONG * 1000 - 300 <= heard.ms(PROMPT) <= LONG * 1000 + 300, heard
    assert max(b[0] - a[1] for a, b in pairwise(heard.spans(PROMPT))) > 1500, heard
    await talking.anna.press("*0")
    await talk(house, talking.anna, talking.customer)
