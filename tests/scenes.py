"""What acceptance tests of the main job do again and again, on a :class:`~tests.house.House`."""

from __future__ import annotations

from typing import Any

from tests.hearing.tones import AGENT, CUSTOMER, MUSIC, SECOND_AGENT, listen
from tests.house import House
from tests.phones import Call, Invite, Phone
from tests.phones.call import PhoneCall
from tests.tone_site import QUICK_CALLBACK, QUICK_WAIT

PATIENCE = 40.0
"""Seconds for anything that comes at once on a quiet machine."""


async def asks(house: House, phone: Phone, dialled: str = QUICK_CALLBACK) -> str:
    """Have a phone ask for a callback to its own number at a quick number; the contact's id."""
    call = await house.calls(phone, dialled)
    await call.ended(within=PATIENCE)
    return await callback_of(house, phone)


async def callback_of(house: House, phone: Phone) -> str:
    """The newest callback to a phone's number."""
    return await _newest(house, phone.number, "CALLBACK")


async def inbound_of(house: House, phone: Phone) -> str:
    """The newest call from a phone's number."""
    return await _newest(house, phone.number, "INBOUND")


async def _newest(house: House, number: str, initiation: str) -> str:
    found = [
        contact["id"]
        for contact in await house.contacts()
        if contact["initiation"] == initiation and (contact["customer"] or "").endswith(number[-2:])
    ]
    assert found, f"no {initiation} contact of ..{number[-2:]}"
    return str(found[-1])


async def waits(house: House, phone: Phone, dialled: str = QUICK_WAIT) -> PhoneCall:
    """Have a phone call in and wait in the queue until it hears music."""
    call: PhoneCall = await house.calls(phone, dialled)
    await hears(house, call, MUSIC)
    return call


async def rung(phone: Phone, *, within: float = PATIENCE) -> PhoneCall:
    """The next call that comes in and is answered."""
    call = await phone.ringing(within)
    await call.answered(within)
    return call


def asked(call: Call) -> Invite:
    """The INVITE of a call that came in."""
    assert call.invite is not None
    return call.invite


async def hears(house: House, call: Call, *tones: str, ms: int = 400) -> None:
    """Wait until a party hears these tones at once, in the second that is just over."""
    await house.until(
        lambda: listen(call.heard.latest(1)).ms(*tones) >= ms,
        within=PATIENCE,
        what=f"{call!r} hears {' and '.join(tones)}",
    )


async def talk(house: House, agent: Call, customer: Call, *, agents_tone: str = AGENT) -> None:
    """Wait until agent and customer hear each other."""
    await hears(house, agent, CUSTOMER)
    await hears(house, customer, agents_tone)


async def talk_with_ben(house: House, agent: Call, customer: Call) -> None:
    """Wait until Ben and a customer hear each other."""
    await talk(house, agent, customer, agents_tone=SECOND_AGENT)


async def record(house: House, contact_id: str) -> Any:
    """A contact's record."""
    return (await house.contact(contact_id))["record"]


async def journal(house: House, contact_id: str, kind: str) -> list[Any]:
    """The details of a contact's journal entries of one kind, in order."""
    entries = (await house.contact(contact_id))["journal"]
    return [entry["detail"] for entry in entries if entry["kind"] == kind]


async def moves(house: House, contact_id: str) -> list[tuple[str, str]]:
    """The way of a contact through its flow: each action and the branch it took."""
    return [
        (entry["action"], entry["branch"])
        for entry in await journal(house, contact_id, "flow_moved")
    ]
