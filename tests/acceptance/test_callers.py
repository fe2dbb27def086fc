"""A: callers, their keys and what they are told, on the real switch with real phones.

Proved here: A1, A3 to A7, A9. That a running contact finishes on the version of the flow that it
started with (A2) is proved in virtual time, ``tests/unit/service/test_caller_rules.py``; what
happens when the controller dies (A8) by the fault tests.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any, NamedTuple

import pytest

from tests.hearing.recogniser import heard, words
from tests.hearing.tones import PROMPT, SILENCE, listen
from tests.house import INTERNATIONAL, LOCAL, SAMPLE_SITE, House
from tests.phones import Call, CallFailed, Phone
from tests.scenes import (
    PATIENCE,
    callback_of,
    inbound_of,
    moves,
    record,
    rung,
    talk,
)
from tests.tone_site import LONG, QUICK_CALLBACK, add_number, in_tones, tone_house

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

LOCAL_NUMBER, INTERNATIONAL_NUMBER, SPOKEN = "+12025550104", "+12025550105", "+12025550106"
UNKNOWN = "+12025550999"
CAROL = "+12025550150"


def _site(data: dict[str, Any]) -> None:
    add_number(data, LOCAL_NUMBER, "Local number")
    add_number(data, INTERNATIONAL_NUMBER, "International number")
    add_number(data, SPOKEN, "Spoken entry")
    data["flows"] += [
        {"name": "Spoken agent whisper", "kind": "AGENT_WHISPER"},
        {"name": "Spoken outbound whisper", "kind": "OUTBOUND_WHISPER"},
    ]
    callbacks = next(queue for queue in data["queues"] if queue["name"] == "Callbacks")
    spoken = {**callbacks, "name": "Spoken", "outbound_whisper": "Spoken outbound whisper"}
    data["queues"].append(spoken)
    data["routing_profiles"][0]["queues"].append({"queue": "Spoken", "priority": 1})


def _number_entry(name: str) -> str:
    """An entry flow that asks for the number at once."""
    flow = json.loads(in_tones(name))
    flow["StartAction"] = "Attempts"
    return json.dumps(flow)


def _spoken_entry() -> str:
    text = (SAMPLE_SITE / "flows" / "local-entry.json").read_text("utf-8")
    flow = json.loads(text)
    for action in flow["Actions"]:
        parameters = action["Parameters"]
        if parameters.get("EventHooks", {}).get("AgentWhisper"):
            parameters["EventHooks"]["AgentWhisper"] = "Spoken agent whisper"
        if action["Type"] == "CreateCallbackContact":
            parameters["QueueId"] = "Spoken"
    return json.dumps(flow)


HOUSE = tone_house(
    _site,
    flows={
        "local-number.json": _number_entry("local-entry"),
        "international-number.json": _number_entry("international-entry"),
        "spoken-entry.json": _spoken_entry(),
        **{
            f"spoken-{name}.json": (SAMPLE_SITE / "flows" / f"{name}.json").read_text("utf-8")
            for name in ("agent-whisper", "outbound-whisper")
        },
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


async def test_a3_keys_cut_the_prompt_and_choose_the_branch(house: House) -> None:
    phones = [house.stranger(f"+120255501{each}") for each in (11, 12, 13)]

    async def choose(phone: Phone, key: str) -> tuple[str, int]:
        call = await house.calls(phone)
        await house.at(call, "Greeting")
        if key:
            await call.press(key)
        target = await _way(house, phone, "Greeting")
        greeted = listen(call.heard.pcm).longest_ms(PROMPT)
        call.hang_up()
        return target, greeted

    chosen, unmatched, silent = await asyncio.gather(
        *(choose(phone, key) for phone, key in zip(phones, ("1", "9", ""), strict=True))
    )

    assert chosen[0] == "Own number known?"
    assert unmatched[0] == silent[0] == "Wait in line"
    assert max(chosen[1], unmatched[1]) < 1000 * LONG * 0.7, "barge-in"
    assert silent[1] >= 1000 * (LONG - 0.5)


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


async def test_a4_local_and_international_numbers_are_read_as_meant(house: House) -> None:
    callers = [house.stranger(f"+120255502{each}") for each in range(20, 20 + len(NUMBERS))]

    async def key_in(phone: Phone, dialled: str, keys: str) -> str | None:
        call = await _enters(house, phone, dialled, keys)
        assert await _verdict(house, phone) == "Right number?", keys
        contact = await inbound_of(house, phone)
        call.hang_up()
        await house.state_is(contact, "ended", within=PATIENCE)
        return _callback_number(house, contact)

    understood = await asyncio.gather(
        *(
            key_in(phone, dialled, keys)
            for phone, (dialled, keys, _) in zip(callers, NUMBERS, strict=True)
        )
    )

    assert understood == [number for _, _, number in NUMBERS]
    assert await house.callbacks() == [], "nobody has confirmed"


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


async def test_a4_a5_bad_input_takes_its_branch_and_is_never_dialled(house: House) -> None:
    callers = [house.stranger(f"+120255502{each}") for each in range(40, 40 + len(BAD_INPUT))]

    async def key_in(phone: Phone, bad: Keyed) -> tuple[str, str]:
        call = await _enters(house, phone, bad.dialled, bad.keys)
        branch = await _verdict(house, phone)
        call.hang_up()
        return bad.what, branch

    taken = await asyncio.gather(
        *(key_in(phone, bad) for phone, bad in zip(callers, BAD_INPUT, strict=True))
    )

    assert list(taken) == [(bad.what, bad.goes_to) for bad in BAD_INPUT]
    assert await house.callbacks() == []


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
        lambda: SILENCE not in listen(called.heard.latest(0.5)).heard(),
        within=PATIENCE,
        what="Carol hears Anna",
    )
    called.hang_up()
    await agent.ended(within=PATIENCE)
    assert len(house.trunk.invites) == before


async def test_a6_a7_b6_everybody_hears_the_words_meant_for_them(house: House, anna: Phone) -> None:
    customer = house.stranger("+12025550117")
    asking = await house.asks_for_callback(customer, "2025550117", dialled=SPOKEN, listens=True)
    await house.status("anna")
    agent = await rung(anna)
    called = await rung(customer)
    await talk(house, agent, called)
    called.hang_up()
    await agent.ended(within=PATIENCE)
    confirmation = anna.call("*80")
    await confirmation.ended(within=PATIENCE)

    caller, agents, customers, code = [
        await asyncio.to_thread(words, call.heard.pcm)
        for call in (asking, agent, called, confirmation)
    ]

    assert heard("You entered one two zero two five five five zero one one seven", caller), caller
    assert heard("We will call you back. You keep your place in line", caller), caller
    assert heard("This one is for Spoken", agents, min_ratio=0.7), agents
    assert not heard("This is the call that you asked for", agents), agents
    assert heard("This is the call that you asked for", customers), customers
    assert not heard("This one is for Spoken", customers), customers
    assert heard("You are now offline", code), code
    assert (await record(house, await callback_of(house, customer)))["ivr"]["Callback"][
        "Result"
    ] == "completed"


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
