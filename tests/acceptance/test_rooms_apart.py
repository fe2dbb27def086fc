"""Asterisk makes two conferences of one room, and the controller brings together who talks.

The last one leaves a conference while another comes: two legs are moved behind the controller's
back until this has happened, which takes some ten tries. Who is moved then, and who is not, is
proved in virtual time: ``tests/integration/service/test_rooms_apart_rules.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Final

import pytest

from ivr.telephony import dialplan
from tests.hearing.tones import SILENCE
from tests.house import House
from tests.pbx_peers import Manager
from tests.phones import Answer, Phone
from tests.scenes import hears, inbound_of, journal, rung, talk, waits
from tests.tone_site import tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

HOUSE = tone_house()
TRIES_LAST: Final = 25.0
"""Seconds; a controller that listens compares every 30 s, and would move the legs meanwhile."""


@dataclass
class Room:
    """The talking room of a contact, and two legs in it.

    Attributes:
        bridge: The one in which both are.
        is_watched: Whether the controller brings the agent after the customer.
    """

    manager: Manager
    contact: str
    agent: str
    customer: str
    bridge: str
    is_watched: bool

    async def come_apart(self) -> bool:
        """Move the legs until they are in two conferences; whether it has come to that."""
        ends = monotonic() + TRIES_LAST
        while monotonic() < ends:
            await self._move(self.customer, dialplan.HOLD)
            await self.manager.event("ConfbridgeLeave", Uniqueid=self.customer)
            self.manager.events.clear()
            await self._move(self.agent, dialplan.HOLD)
            await self._move(self.customer, f"room-{self.contact}")
            customer = await self._joined(self.customer)
            await self.manager.event("ConfbridgeLeave", Uniqueid=self.agent)
            if customer == self.bridge or not self.is_watched:
                await self._move(self.agent, f"room-{self.contact}")
            self.bridge = await self._joined(self.agent)
            if self.bridge != customer:
                return True
        return False

    async def _joined(self, leg: str) -> str:
        return (await self.manager.event("ConfbridgeJoin", Uniqueid=leg))["BridgeUniqueid"]

    async def _move(self, leg: str, place: str) -> None:
        headers = {"Channel": leg, "Context": "places", "Exten": place, "Priority": "1"}
        while (await self.manager.ask("Redirect", **headers))["Response"] != "Success":
            pass  # it is on its way to another place


async def a_room(manager: Manager, contact: str, *, is_watched: bool) -> Room:
    await manager.ask("CoreShowChannels")
    await manager.event("CoreShowChannelsComplete")
    found = [each for each in manager.events if each.get("Exten") == f"room-{contact}"]
    bridges = {each["Uniqueid"]: each["BridgeId"] for each in found if "BridgeId" in each}
    agent = f"{contact}-a1"
    bridge = bridges.pop(agent)
    ((customer, other),) = bridges.items()
    assert other == bridge
    return Room(manager, contact, agent, customer, bridge, is_watched)


@pytest.mark.parametrize("listens", [True, False])
async def test_two_who_talk_in_two_conferences_of_one_room_hear_each_other_again(
    house: House, anna: Phone, listens: bool
) -> None:
    caller = house.stranger(f"+12025550{170 + listens}")
    anna.will(Answer(after=0.1))
    customer = await waits(house, caller)
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, customer)
    contact = await inbound_of(house, caller)

    plan = house.pbx.plan
    async with Manager(plan, plan.control_user) as manager:
        room = await a_room(manager, contact, is_watched=listens)
        await house.stop_controller()
        if listens:
            await house.start_controller()
        came_apart = await room.come_apart()
    if came_apart and not listens:
        await hears(house, agent, SILENCE)
        await hears(house, customer, SILENCE)
    if not listens:
        await house.start_controller()
    if not came_apart:
        pytest.skip(f"Asterisk made no second conference in {TRIES_LAST} s")

    await talk(house, agent, customer)
    assert await journal(house, contact, "room_apart")
    customer.hang_up()
    await agent.ended(within=10)
