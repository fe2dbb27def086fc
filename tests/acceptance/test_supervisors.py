"""G2: a supervisor on the real switch: what each of three or four phones hears, mode by mode.

Who may supervise, and what becomes of agents and rows, is proved in virtual time:
``tests/integration/service/test_monitor_rules.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    CUSTOMER,
    HERTZ,
    MUSIC,
    SECOND_AGENT,
    listen,
)
from tests.house import House
from tests.phones import Answer, Phone, tone
from tests.phones.call import PhoneCall
from tests.quick_connect_talk import Talk, a_talk, longest_silence
from tests.quick_connect_tones import quick_connect_house
from tests.scenes import PATIENCE, asked, hears, record, rung

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

SUE = AGENT_WHISPER
"""The tone that Sue says: nobody is whispered to by a flow while she is there."""


def _with_sue(data: dict[str, Any]) -> None:
    data["agents"].append(
        {
            "name": "Sue",
            "routing_profile": "Calls and callbacks",
            "after_contact_work_seconds": 1,
            "supervisor": True,
        }
    )


HOUSE = quick_connect_house(_with_sue)


class Watch:
    """Anna talks with a customer, and Sue supervises."""

    def __init__(self, talk: Talk, phone: Phone) -> None:
        self.talk, self.house, self.phone = talk, talk.house, phone
        self.asked_at: list[float] = []

    async def ask(self, verb: str) -> Any:
        body = {"supervisor": "sue"}
        self.asked_at.append(monotonic())
        return await self.house.post(f"/contacts/{self.talk.contact}/monitor/{verb}", body)

    async def listens(self) -> PhoneCall:
        assert [each["mode"] for each in await self.ask("listen")] == ["listen"]
        call = await rung(self.phone)
        await hears(self.house, call, CUSTOMER, AGENT)
        return call

    async def is_unheard_by(self, *calls: PhoneCall, since: float) -> None:
        for call in calls:
            assert listen(call.heard.between(since, monotonic())).ms(SUE) == 0, call


@pytest_asyncio.fixture(loop_scope="module")
async def watch(house: House, anna: Phone, ben: Phone) -> AsyncIterator[Watch]:
    talking = await a_talk(house, anna, ben)
    phone = await house.agent_phone("sue", says=tone(HERTZ[SUE]))
    phone.will(Answer(after=0.1))
    yield Watch(talking, phone)
    house.hang_up_all()
    await house.agent_is("sue", "idle", within=PATIENCE)
    await phone.unregister()


async def test_g2_listen_whisper_barge_and_stop(house: House, watch: Watch) -> None:
    talk, begun = watch.talk, monotonic()

    sue = await watch.listens()
    assert asked(sue).caller_name == "Supervise Anna"
    await talk.hear_each_other(talk.customer, talk.anna)
    await watch.is_unheard_by(talk.customer, talk.anna, since=begun)
    assert (await house.agent("sue"))["activity"] == "supervising"

    await watch.ask("whisper")
    await hears(house, talk.anna, CUSTOMER, SUE)
    await hears(house, sue, CUSTOMER, AGENT)
    await hears(house, talk.customer, AGENT)
    await watch.is_unheard_by(talk.customer, since=begun)

    await watch.ask("barge")
    await hears(house, talk.customer, AGENT, SUE)
    await hears(house, talk.anna, CUSTOMER, SUE)
    await hears(house, sue, CUSTOMER, AGENT)

    await watch.ask("listen")
    again = monotonic()
    await hears(house, sue, CUSTOMER, AGENT)
    await talk.hear_each_other(talk.customer, talk.anna)
    await watch.ask("stop")
    await sue.ended(within=PATIENCE)
    await house.agent_is("sue", "idle", within=PATIENCE)
    for call in (talk.customer, talk.anna):
        gaps = [longest_silence(call, at, at + 0.6) for at in watch.asked_at]
        assert max(gaps) <= 200, f"nobody notices her come or go: {gaps}"
    await watch.is_unheard_by(talk.customer, talk.anna, since=again + 1)


async def test_g2_a_quick_connect_goes_on_while_a_supervisor_listens(
    house: House, watch: Watch
) -> None:
    talk = watch.talk
    sue = await watch.listens()

    ben = await talk.consults()
    together = monotonic()
    await hears(house, sue, AGENT, SECOND_AGENT)
    await talk.use("swap")
    await hears(house, sue, AGENT, CUSTOMER)
    await talk.use("join")
    await hears(house, sue, AGENT, CUSTOMER, SECOND_AGENT)
    await talk.use("hold-customer")
    await hears(house, talk.customer, MUSIC)
    await talk.hear_each_other(talk.anna, ben)
    await watch.ask("whisper")
    await hears(house, talk.anna, SECOND_AGENT, SUE)
    await talk.use("leave")

    await talk.hear_each_other(talk.customer, ben)
    await sue.ended(within=PATIENCE)
    await watch.is_unheard_by(ben, since=together)


async def test_g2_a_blind_transfer_from_the_phone_works_while_a_supervisor_whispers(
    house: House, watch: Watch
) -> None:
    talk = watch.talk
    await watch.listens()
    await watch.ask("whisper")
    await hears(house, talk.anna, CUSTOMER, SUE)
    talk.ben_phone.will(Answer(after=0.2))

    await talk.anna.refer("*71")
    ben = await rung(talk.ben_phone)

    await hears(house, talk.anna, SECOND_AGENT, SUE)
    await hears(house, ben, AGENT)
    await hears(house, talk.customer, MUSIC)


async def test_g2_take_over_leaves_customer_and_supervisor_without_a_gap(
    house: House, watch: Watch
) -> None:
    talk = watch.talk
    sue = await watch.listens()
    begun = monotonic()

    await watch.ask("take-over")

    await talk.anna.ended(within=PATIENCE)
    await hears(house, sue, CUSTOMER)
    await hears(house, talk.customer, SUE)
    await house.until(
        lambda: listen(sue.heard.latest(0.5)).ms(AGENT) == 0, what="only the customer is left"
    )
    assert longest_silence(talk.customer, begun, monotonic()) <= 200
    source = await record(house, talk.contact)
    assert source["DisconnectReason"] == "BARGED"
    taken = await record(house, source["NextContactId"])
    assert taken["PreviousContactId"] == talk.contact
    assert (await house.agent("sue"))["activity"] == "on_contact"
    talk.customer.hang_up()
    await sue.ended(within=PATIENCE)


async def test_g2_a_supervisor_stays_after_kill_9(house: House, watch: Watch) -> None:
    talk = watch.talk
    sue = await watch.listens()

    await house.kill_controller()
    await house.start_controller()

    await hears(house, sue, CUSTOMER, AGENT)
    await house.until(
        lambda: _is_compared(house), within=PATIENCE, what="the controller knows her again"
    )
    await watch.ask("barge")
    await hears(house, talk.customer, AGENT, SUE)
    await watch.ask("stop")
    await sue.ended(within=PATIENCE)
    await talk.hear_each_other(talk.customer, talk.anna)


async def _is_compared(house: House) -> bool:
    return any(agent["activity"] == "supervising" for agent in await house.get("/agents"))
