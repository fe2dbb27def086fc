"""A: callers, their keys and what they are told, on the real switch with real phones.

Proved here: A1, A3 to A6, A9. Words (A7) are listened to in ``test_records.py``. That a running
contact finishes on the version of its flow (A2) is proved in virtual time, in
``tests/integration/service/test_inbound_rules.py``; what happens when the controller dies (A8) by
the fault tests.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple, TypeVar

import pytest

from tests.hearing.tones import AGENT, PROMPT, listen
from tests.house import INTERNATIONAL, LOCAL, House
from tests.phones import Call, CallFailed, Phone
from tests.scenes import (
    PATIENCE,
    inbound_of,
    moves,
    rung,
)
from tests.tone_site import LONG, QUICK_CALLBACK, add_number, in_tones, tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

LOCAL_NUMBER, INTERNATIONAL_NUMBER = "+12025550104", "+12025550105"
UNKNOWN = "+12025550999"
CAROL = "+12025550150"
Entry = TypeVar("Entry")


def _site(data: dict[str, Any]) -> None:
    add_number(data, LOCAL_NUMBER, "Local number")
    add_number(data, INTERNATIONAL_NUMBER, "International number")


def _number_entry(name: str) -> str:
    """An entry flow that asks for the number at once."""
    flow = json.loads(in_tones(name))
    flow["StartAction"] = "Attempts"
    return json.dumps(flow)


HOUSE = tone_house(
    _site,
    flows={
        "local-number.json": _number_entry("local-entry"),
        "international-number.json": _number_entry("international-entry"),
    },
)


async def test_a1_an_unknown_number_is_refused_and_never_answered(house: House) -> None:
    caller = house.stranger("+12025550110")

    refused = caller.call(UNKNOWN)
    with pytest.raises(CallFailed):
        await refused.answered(within=PATIENCE)

    assert refused.status == 404
    assert not refused.answered_at
    assert not refused.rang_at
    for dialled, flow in ((LOCAL, "Local entry"), (INTERNATIONAL, "International entry")):
        call = await house.calls(caller, dialled)
        began = (await house.contact(await inbound_of(house, caller)))["journal"][0]
        assert (began["kind"], began["detail"]["flow"]) == ("contact_began", flow)
        call.hang_up()


CHOICES = (
    ("1", "Own number known?"),
    ("9", "Wait in line"),  # no match
    ("", "Wait in line"),  # timeout
)
"""Keys in the greeting, and where they lead."""
NUMBERS = (
    (LOCAL_NUMBER, "2025550188#", "+12025550188"),
    (LOCAL_NUMBER, "12025550188#", "+12025550188"),
    (LOCAL_NUMBER, "999*2025550188#", "+12025550188"),
    (LOCAL_NUMBER, "2025550188", "+12025550188"),  # five seconds of silence end it too
    (INTERNATIONAL_NUMBER, "12025550188#", "+12025550188"),
    (INTERNATIONAL_NUMBER, "4930901820#", "+4930901820"),
    (INTERNATIONAL_NUMBER, "004930901820#", "+4930901820"),
    (INTERNATIONAL_NUMBER, "0114930901820#", "+4930901820"),
    (INTERNATIONAL_NUMBER, "12*00442079460018#", "+442079460018"),
)
"""Numbers as they are keyed, and as they are understood."""


class Keyed(NamedTuple):
    """Something else than a good number, and the branch that it takes."""

    what: str
    keys: str
    goes_to: str
    dialled: str = LOCAL_NUMBER


BAD_INPUT = (
    Keyed("nothing", "", "Attempts"),  # success, with Timeout stored
    Keyed("only the clear key", "*", "Not a number"),
    Keyed("only the end key", "#", "Not a number"),
    Keyed("forty digits", "2025550188" * 4, "Not a number"),
    Keyed("an emergency number", "911#", "Not a number"),
    Keyed("a service code", "411#", "Not a number"),
    Keyed("an extension", "101#", "Not a number"),
    Keyed("a number without area code", "5550188#", "Not a number"),
    Keyed("an area code that cannot be", "1112223333#", "Not a number"),
    Keyed("a foreign number in local form", "030901820#", "Not a number"),
    Keyed("a premium number", "9005550188#", "Not dialable"),
    Keyed("a toll-free number", "8005550199#", "Not dialable"),
    Keyed("our own number", "2025550100#", "Not dialable"),
    Keyed("Jamaica, which looks domestic", "8765550188#", "Not dialable"),
    Keyed("a country that is not allowed", "33142685300#", "Not dialable", INTERNATIONAL_NUMBER),
    Keyed("premium abroad", "449098790000#", "Not dialable", INTERNATIONAL_NUMBER),
    Keyed("sixteen digits", "4930123456789012#", "Not a number", INTERNATIONAL_NUMBER),
    Keyed("a local number abroad", "2025550188#", "Not a number", INTERNATIONAL_NUMBER),
)


async def test_a3_a4_a5_keys_are_taken_as_they_are_meant(house: House) -> None:
    """Thirty callers at once, each with something else to key."""
    choosing, entering, failing = await asyncio.gather(
        asyncio.gather(*(_chooses(house, *each) for each in _callers(house, 11, CHOICES))),
        asyncio.gather(*(_enters_number(house, *each) for each in _callers(house, 20, NUMBERS))),
        asyncio.gather(*(_fails(house, *each) for each in _callers(house, 40, BAD_INPUT))),
    )

    assert [target for target, _ in choosing] == [target for _, target in CHOICES]
    greeted = [heard_ms for _, heard_ms in choosing]
    assert max(greeted[:2]) < 1000 * LONG * 0.7, "barge-in"
    assert greeted[2] > max(greeted[:2]), "nobody cut it"
    assert entering == [number for _, _, number in NUMBERS]
    assert failing == [(bad.what, bad.goes_to) for bad in BAD_INPUT]
    assert await house.callbacks() == [], "nobody has confirmed a number"


def _callers(house: House, first: int, entries: Sequence[Entry]) -> list[tuple[Phone, Entry]]:
    """A phone of its own for everything that is keyed."""
    numbers = range(first, first + len(entries))
    return [
        (house.stranger(f"+120255501{number}"), entry)
        for number, entry in zip(numbers, entries, strict=True)
    ]


async def _chooses(house: House, phone: Phone, choice: tuple[str, str]) -> tuple[str, int]:
    """Press a key in the greeting: where the flow went, and how long the greeting was heard."""
    key, _ = choice
    call = await house.calls(phone)
    await house.at(call, "Greeting")
    if key:
        await call.press(key)
    target = await _way(house, phone, "Greeting")
    greeted = listen(call.heard.pcm).longest_ms(PROMPT)
    call.hang_up()
    return target, greeted


async def _enters_number(house: House, phone: Phone, number: tuple[str, str, str]) -> str | None:
    """Key a number and hang up before it is confirmed: the number that was understood."""
    dialled, keys, _ = number
    call = await _enters(house, phone, dialled, keys)
    assert await _verdict(house, phone) == "Right number?", keys
    contact = await inbound_of(house, phone)
    call.hang_up()
    await house.state_is(contact, "ended", within=PATIENCE)
    return _callback_number(house, contact)


async def _fails(house: House, phone: Phone, bad: Keyed) -> tuple[str, str]:
    """Key something that is no good: the branch that was taken."""
    call = await _enters(house, phone, bad.dialled, bad.keys)
    branch = await _verdict(house, phone)
    call.hang_up()
    return bad.what, branch


async def test_a6_the_own_number_is_offered_unless_withheld_and_a_number_is_confirmed(
    house: House,
) -> None:
    own, withheld, careful = (house.stranger(f"+120255501{each}") for each in (14, 15, 16))

    async def takes_own() -> None:
        call = await house.calls(own)
        for action in ("Greeting", "Offer own number"):
            await house.at(call, action)
            await call.press("1")
        await call.ended(within=PATIENCE)

    async def hides() -> list[tuple[str, str]]:
        call = withheld.call(LOCAL, withheld=True)
        await call.answered(within=PATIENCE)
        await _until_prompted(house, call)
        await call.press("1")
        newest = ""

        async def asked_for_number() -> bool:
            nonlocal newest
            unknown = [c["id"] for c in await house.contacts() if c["customer"] is None]
            newest = unknown[-1] if unknown else ""
            way = await moves(house, newest) if newest else []
            return any(action == "Attempts" for action, _ in way)

        await house.until(asked_for_number, within=PATIENCE, what="a number is asked for")
        call.hang_up()
        return await moves(house, newest)

    async def corrects() -> None:
        call = await house.calls(careful, LOCAL_NUMBER)
        for action, keys in (
            ("Enter number", "2025550187#"),
            ("Right number?", "2"),
            ("Enter number", "2025550188#"),
            ("Right number?", "1"),
        ):
            await house.at(call, action)
            await call.press(keys)
        await call.ended(within=PATIENCE)

    _, way, _ = await asyncio.gather(takes_own(), hides(), corrects())

    assert "Offer own number" not in [action for action, _ in way]
    asked = {row["number"][-2:] for row in await house.callbacks()}
    assert asked == {own.number[-2:], "88"}
    for row in await house.callbacks():
        await house.post(f"/callbacks/{row['id']}/stop")


async def test_a9_a_caller_account_calls_in_and_is_called_back_without_the_trunk(
    house: House, anna: Phone
) -> None:
    carol = await house.account("caller-carol")
    before = len(house.trunk.invites)
    for forbidden in (UNKNOWN, "+12025550160", "*81", "agent-anna", "room-x"):
        refused = carol.call(forbidden)
        with pytest.raises(CallFailed):
            await refused.answered(within=PATIENCE)
        assert refused.status == 404, forbidden

    call = await house.calls(carol, QUICK_CALLBACK)
    await call.ended(within=PATIENCE)
    (row,) = await house.callbacks()
    assert row["number"].endswith(CAROL[-2:])
    await house.status("anna")
    agent = await rung(anna)
    called = await rung(carol)
    (invite,) = carol.invites
    assert LOCAL in (invite.caller_number, invite.asserted_number)
    await house.until(
        lambda: AGENT in listen(called.heard.latest(0.5)).heard(),
        within=PATIENCE,
        what="Carol hears Anna",
    )
    called.hang_up()
    await agent.ended(within=PATIENCE)
    assert len(house.trunk.invites) == before


async def _enters(house: House, phone: Phone, dialled: str, keys: str) -> Call:
    """Call a number-entry flow and key something as soon as the prompt is heard."""
    call: Call = await house.calls(phone, dialled)
    await _until_prompted(house, call)
    if keys:
        await call.press(keys, on_ms=80, gap_ms=60)
    return call


async def _until_prompted(house: House, call: Call) -> None:
    await house.until(lambda: len(call.heard) > 10, within=PATIENCE, what="a prompt is heard")


async def _verdict(house: House, phone: Phone) -> str:
    """Where the flow went with what was keyed."""
    for action in ("Enter number", "Anything entered?", "Set number"):
        target = await _way(house, phone, action)
        if target not in ("Anything entered?", "Set number"):
            return target
    return "Set number"


async def _way(house: House, phone: Phone, action: str) -> str:
    """Where the flow of a phone's newest call first went from an action."""
    contact, found = await inbound_of(house, phone), ""

    async def gone_on() -> bool:
        nonlocal found
        journal = (await house.contact(contact))["journal"]
        ways = [e["detail"] for e in journal if e["kind"] == "flow_moved"]
        found = next((way["to"] for way in ways if way["action"] == action), "")
        return bool(found)

    await house.until(gone_on, within=PATIENCE, what=f"the flow goes on from {action!r}")
    return found


def _callback_number(house: House, contact: str) -> str | None:
    """The number that a contact's flow has set, in clear, which no interface shows."""
    with closing(sqlite3.connect(house.state / "queueback.db")) as database:
        (number,) = database.execute(
            "SELECT callback_number FROM contacts WHERE id = ?", (contact,)
        ).fetchone()
    return None if number is None else str(number)
