"""E12 on the real switch: six phones in one room, each with a tone, and what each hears.

Proved here: everybody hears everybody, also while the controller is dead and after it is back; a
party is dropped, the source leaves, and those who stay hear no gap; the controls go with the
customer. Rows, agents and everything that can go wrong are proved in virtual time:
``tests/integration/service/test_conference_rules.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic
from typing import Any, Final

import pytest

from tests.hearing.tones import (
    AGENT,
    CONFERENCE,
    CONFERENCE_LEVEL,
    CUSTOMER,
    FOURTH_AGENT,
    MUSIC,
    OUTSIDE,
    SECOND_AGENT,
    THIRD_AGENT,
    listen,
)
from tests.house import House
from tests.phones import Answer, Phone, tone
from tests.phones.call import PhoneCall
from tests.phones.sound import Sound
from tests.scenes import PATIENCE, inbound_of, record, rung, waits
from tests.tone_site import tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

OFFICE = "+12025550165"
SPEAKS: Final = {
    "customer": CUSTOMER,
    "anna": AGENT,
    "ben": SECOND_AGENT,
    "carla": THIRD_AGENT,
    "dora": FOURTH_AGENT,
    "office": OUTSIDE,
}
AGENTS = ("anna", "ben", "carla", "dora")
GAP_MS = 200


def _site(data: dict[str, Any]) -> None:
    for name in ("Carla", "Dora"):
        data["agents"].append({**data["agents"][0], "name": name})
        data["quick_connects"].append({"name": name, "agent": name.lower()})
        for queue in data["queues"]:
            queue["quick_connects"].append(name.lower())


HOUSE = tone_house(_site)


def _voice(name: str) -> Sound:
    return tone(CONFERENCE[SPEAKS[name]], level=CONFERENCE_LEVEL)


@dataclass
class Room:
    """Who is in a conference, by name; Anna's contact to begin with."""

    house: House
    contact: str
    calls: dict[str, PhoneCall]

    @property
    def path(self) -> str:
        return f"/contacts/{self.contact}/transfer"

    async def brings(self, name: str, phone: Phone) -> None:
        phone.will(Answer(after=0.2))
        await self.house.post(self.path, {"quick_connect": name.title(), "hold": False})
        self.calls[name] = await rung(phone)
        await self.all_hear_each_other()

    async def all_hear_each_other(self) -> None:
        """Wait until each hears all the others at once, and nobody else."""
        for name in self.calls:
            await self.hears(name, *(SPEAKS[other] for other in self.calls if other != name))

    async def hears(self, name: str, *tones: str) -> None:
        call, strangers = self.calls[name], CONFERENCE.keys() - set(tones)

        def so() -> bool:
            heard = listen(call.heard.latest(0.6), hertz=CONFERENCE)
            return heard.ms(*tones) >= 400 and all(heard.ms(each) == 0 for each in strangers)

        what = f"{name} hears {' and '.join(tones)}"
        await self.house.until(so, within=PATIENCE, what=what)

    async def goes(self, name: str) -> None:
        await self.calls.pop(name).ended(within=PATIENCE)

    async def view(self) -> Any:
        return await self.house.get(self.path)

    def longest_gap(self, begun: float, ended: float) -> int:
        """The longest time in which one who is here did not hear another one, in milliseconds."""
        return max(
            _longest_gap(call, SPEAKS[other], begun, ended)
            for name, call in self.calls.items()
            for other in self.calls
            if other != name
        )


def _longest_gap(call: PhoneCall, heard: str, begun: float, ended: float) -> int:
    spans = listen(call.heard.between(begun, ended), hertz=CONFERENCE).spans(heard)
    edges = [(0, 0), *spans, (round(1000 * (ended - begun)) // 20 * 20,) * 2]
    return max(after[0] - before[1] for before, after in pairwise(edges))


async def test_e12_six_hear_each_other_and_go_one_by_one(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    phones = {name: await house.agent_phone(name, says=_voice(name)) for name in AGENTS}
    office = house.stranger(OFFICE, says=_voice("office"))
    caller = house.stranger("+12025550140", says=_voice("customer"))
    phones["anna"].will(Answer(after=0.1))
    customer = await waits(house, caller)
    await house.status("anna")
    anna = await rung(phones["anna"])
    first = await inbound_of(house, caller)
    room = Room(house, first, {"customer": customer, "anna": anna})
    await room.all_hear_each_other()
    for name in AGENTS[1:]:
        await house.status(name)

    await room.brings("ben", phones["ben"])
    await room.brings("office", office)
    await room.brings("carla", phones["carla"])
    await room.brings("dora", phones["dora"])
    assert len(room.calls) == 6
    with pytest.raises(AssertionError, match=r"409 .*6 parties"):
        await house.post(room.path, {"quick_connect": "Ben", "hold": False})

    begun = monotonic()
    await house.kill_controller()
    await house.until(lambda: monotonic() > begun + 1, what="a second passes")
    gaps = {"killed": room.longest_gap(begun, begun + 0.8)}
    await house.start_controller()
    await room.all_hear_each_other()
    seen = await room.view()
    assert (seen["quick_connect"], seen["step"]) == ("dora", "joined")
    parties = {party["quick_connect"]: party["contact_id"] for party in seen["parties"]}
    assert list(parties) == ["ben", "office", "carla"]

    begun = monotonic()
    await house.post(f"{room.path}/drop", {"party": parties["ben"]})
    await room.goes("ben")
    await room.all_hear_each_other()
    gaps["party dropped"] = room.longest_gap(begun, monotonic() - 0.2)
    await house.agent_is("ben", "idle", within=PATIENCE)

    begun = monotonic()
    await house.post(f"{room.path}/leave")
    await room.goes("anna")
    await room.all_hear_each_other()
    gaps["source left"] = room.longest_gap(begun, monotonic() - 0.2)
    await house.agent_is("anna", "idle", within=PATIENCE)

    room.contact = (await record(house, first))["NextContactId"]
    seen = await room.view()
    assert (seen["quick_connect"], seen["step"]) == ("carla", "joined")
    assert [party["contact_id"] for party in seen["parties"]] == [parties["office"]]
    await house.post(f"{room.path}/hold-customer")
    await room.hears("customer", MUSIC)
    await room.hears("dora", THIRD_AGENT, OUTSIDE)
    await house.post(f"{room.path}/join")
    await room.all_hear_each_other()

    record_property("gaps_ms", gaps)
    assert max(gaps.values()) <= GAP_MS, gaps
    room.calls["customer"].hang_up()
    await room.goes("office")
    room.calls["dora"].hang_up()
    await room.goes("carla")
    for name in AGENTS:
        await house.agent_is(name, "idle", within=PATIENCE)
    assert (await record(house, parties["ben"]))["DisconnectReason"] == "AGENT_DISCONNECT"
    assert (await record(house, parties["office"]))["DisconnectReason"] == "CUSTOMER_DISCONNECT"
