"""B: queued callbacks on the real switch with real phones.

Proved here: what phones are asked and what people hear (B3, B5, B6, B7, B9, B11, B12, B13, B17,
B19). Decisions and time (B1, B2, B4, B8, B10, B14, B20, the bounds of B7, the pause of B19) are
proved in virtual time: ``test_callback_life.py`` and ``test_callback_rules.py`` in
``tests/integration/service``. Crashes (B15) are the fault tests' matter.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    CUSTOMER_WHISPER,
    PROMPT,
    RINGBACK,
    listen,
)
from tests.house import INTERNATIONAL, LOCAL, House
from tests.phones import Answer, Ignore, Phone, Policy, Reject, Ring
from tests.scenes import (
    PATIENCE,
    asked,
    asks,
    callback_of,
    hears,
    inbound_of,
    journal,
    record,
    rung,
    talk,
    waits,
)
from tests.tone_site import (
    SPACING,
    WHISPER,
    add_number,
    quick_callback,
    tone_house,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

TINY, OTHER_CALLER_ID = "+12025550104", "+12025550105"


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_customer_seconds"] = 15
    add_number(data, TINY, "Tiny callback")
    add_number(data, OTHER_CALLER_ID, "Other caller id")
    callbacks = next(queue for queue in data["queues"] if queue["name"] == "Callbacks")
    tiny = {**callbacks, "name": "Tiny", "max_contacts": 1}
    del tiny["caller_id"], tiny["caller_id_name"]
    data["queues"].append(tiny)
    data["routing_profiles"][0]["queues"].append({"queue": "Tiny", "priority": 1})


HOUSE = tone_house(
    _site,
    flows={
        "tiny-callback.json": quick_callback("Tiny"),
        "other-caller-id.json": quick_callback(CallerId=INTERNATIONAL),
    },
)


async def test_b6_agent_first_then_the_customer_each_with_a_whisper_of_their_own(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550110")
    customer.will(Answer(after=1))
    callback = await asks(house, customer)

    await house.status("anna")
    agent = await rung(anna)
    assert not customer.invites, "the customer is dialled after the agent's whisper"
    called = await rung(customer)
    await talk(house, agent, called)
    called.hang_up()
    await agent.ended(within=PATIENCE)

    (invite,) = customer.invites
    assert invite.caller_number == invite.asserted_number == LOCAL
    assert invite.caller_name == "Queueback Sample"
    assert invite.at - agent.answered_at >= WHISPER
    agents, customers = listen(agent.heard.pcm), listen(called.heard.pcm)
    assert agents.ms(AGENT_WHISPER) >= 900, agents
    assert agents.ms(RINGBACK) >= 500, agents
    assert agents.ms(CUSTOMER_WHISPER) == 0, agents
    assert customers.ms(CUSTOMER_WHISPER) >= 900, customers
    assert customers.ms(AGENT_WHISPER) == customers.ms(RINGBACK) == 0, customers
    joined, whispered = customers.first_ms(AGENT), customers.last_ms(CUSTOMER_WHISPER)
    assert joined is not None
    assert whispered is not None
    assert joined >= whispered
    await house.state_is(callback, "ended", within=PATIENCE)
    assert (await record(house, callback))["ivr"]["Callback"]["Result"] == "completed"


async def test_b3_the_place_is_kept_against_a_caller_who_came_later(
    house: House, anna: Phone
) -> None:
    first, live, last = (house.stranger(f"+120255501{each}") for each in (11, 12, 13))
    calling = await house.calls(first)
    await house.at(calling, "Greeting")
    waiting = await waits(house, live)
    await calling.press("1")
    await house.at(calling, "Offer own number")
    await calling.press("1")
    await calling.ended(within=PATIENCE)
    callback = await callback_of(house, first)
    await asks(house, last)
    place = (await record(house, callback))["ivr"]["PlaceTimestamp"]
    assert place == (await record(house, await inbound_of(house, first)))["InitiationTimestamp"]

    await house.state_is(callback, "queued", within=PATIENCE)
    await house.status("anna")
    served = []
    for customer in (first, live, last):
        agent = await rung(anna)
        served.append((asked(agent).caller_name, asked(agent).caller_number))
        other = waiting if customer is live else await rung(customer)
        await talk(house, agent, other)
        other.hang_up()
        await agent.ended(within=PATIENCE)
    assert served == [
        ("Callback Callbacks", first.number),
        ("Call Sales", live.number),
        ("Callback Callbacks", last.number),
    ]


async def test_b5_c4_a_missed_offer_uses_no_attempt_and_goes_to_the_next_agent(
    house: House, anna: Phone, ben: Phone
) -> None:
    customer = house.stranger("+12025550114")
    callback = await asks(house, customer)
    place = (await record(house, callback))["ivr"]["PlaceTimestamp"]
    anna.will(Reject(603), Ring())
    ben.will(Reject(486), Answer(after=0.1))

    for name in ("anna", "ben", "anna"):  # declines, is busy, does not answer
        await house.status(name)
        await house.agent_is(name, "missed", within=PATIENCE)
        await house.state_is(callback, "queued", within=PATIENCE)
    assert anna.calls[-1].cancelled, "the phone stops ringing when its time is over"
    assert not customer.calls[1:], "no customer is dialled before an agent has accepted"
    assert (await record(house, callback))["ivr"]["Callback"]["AttemptsUsed"] == 0
    await house.status("ben")
    agent = await rung(ben)
    called = await rung(customer)
    await hears(house, called, CUSTOMER_WHISPER)
    called.hang_up()
    await agent.ended(within=PATIENCE)

    await house.state_is(callback, "ended", within=PATIENCE)
    ended = await record(house, callback)
    assert ended["AgentConnectionAttempts"] == 4
    assert ended["ivr"]["PlaceTimestamp"] == place
    assert ended["ivr"]["Callback"]["AttemptsUsed"] == 1
    missed = await journal(house, callback, "offer_missed")
    assert [each["agent"] for each in missed] == ["anna", "ben", "anna"]
    assert [each["outcome"] for each in missed] == ["rejected", "busy", "no_answer"]


OUTCOMES: dict[str, tuple[Policy, str, bool, str | None]] = {
    "+12025550125": (Ignore(), "network_failure", False, None),
    "+12025550120": (Reject(404), "invalid_number", True, "invalid"),
    "+12025550121": (Reject(486), "busy", True, "busy"),
    "+12025550122": (Reject(603), "rejected", True, "rejected"),
    "+12025550123": (Reject(503), "network_failure", False, None),
    "+12025550124": (Reject(480, after=1), "no_answer", True, None),
}
"""What a customer's phone does: the outcome, whether it is an attempt, why no other follows."""


async def test_b7_b19_every_refusal_is_classified_and_only_ringing_is_retried(
    house: House, anna: Phone, ben: Phone
) -> None:
    customers = {number: house.stranger(number) for number in OUTCOMES}
    callbacks = {number: await asks(house, phone) for number, phone in customers.items()}
    for number, (policy, *_) in OUTCOMES.items():
        customers[number].will(policy, Answer())
    await house.status("anna")
    await house.status("ben")

    for number, (_, outcome, counted, failure) in OUTCOMES.items():
        callback = callbacks[number]

        async def tried(callback: str = callback) -> bool:
            return bool(await journal(house, callback, "attempt_over"))

        await house.until(tried, within=2 * PATIENCE, what=f"..{number[-2:]} has been dialled")
        over = (await journal(house, callback, "attempt_over"))[0]
        assert (over["outcome"], over["counted"]) == (outcome, counted), number
        ended = (await record(house, callback))["ivr"]["Callback"]
        assert ended["Failure"] == failure, number
        assert ended["Result"] == (None if failure is None else "failed"), number
    rang_out = customers["+12025550124"]
    await house.until(lambda: len(rang_out.invites) == 2, within=PATIENCE, what="a second attempt")
    first, second = rang_out.invites
    refused, again = rang_out.calls[-2:]
    assert second.at - refused.ended_at >= SPACING
    assert first.call_id != second.call_id
    await again.answered(within=PATIENCE)
    again.hang_up()
    for number in ("+12025550120", "+12025550121", "+12025550122"):
        assert len(customers[number].invites) == 1, number


async def test_c9_whoever_a_redirecting_phone_names_is_let_go_at_once(
    house: House, anna: Phone
) -> None:
    customer, victim = house.stranger("+12025550126"), house.stranger("+12025550127")
    (trunk,) = house.pbx.plan.trunks
    callback = await asks(house, customer)
    victim.will(Ring())
    device = f"<sip:PJSIP%2F{victim.number}%40{trunk.name}@127.0.0.1>"
    customer.will(Reject(302, headers=(("Contact", device),)))
    await house.status("anna")

    bothered = await victim.ringing(within=PATIENCE)
    await bothered.ended(within=2)

    assert bothered.cancelled
    await house.agent_is("anna", "idle", within=PATIENCE)
    ended = (await record(house, callback))["ivr"]["Callback"]
    assert (ended["Result"], ended["Failure"]) == ("failed", "rejected")
    assert len(customer.invites) == len(victim.invites) == 1


async def test_b9_b17_a_stop_from_the_command_line_takes_a_ringing_call_back(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550130")
    callback = await asks(house, customer)
    customer.will(Ring())
    (row,) = json.loads(await house.ivr("callback", "list", "--json"))
    assert (row["id"], row["queue"], row["place"]) == (callback, "Callbacks", 1)
    assert row["number"].endswith("30")
    assert customer.number not in row["number"]
    assert (row["attempts_used"], row["attempts_allowed"]) == (0, 3)
    await house.status("anna")
    called = await customer.ringing(within=PATIENCE)

    said = await house.ivr("callback", "stop", callback)

    acknowledged = time.monotonic()
    assert "stopped" in said
    await called.ended(within=2)
    assert called.cancelled
    assert called.ended_at - acknowledged < 2
    ended = await record(house, callback)
    assert (ended["ivr"]["State"], ended["ivr"]["Callback"]["Result"]) == ("ended", "stopped")
    await house.agent_is("anna", "idle", within=PATIENCE)
    assert json.loads(await house.ivr("callback", "list", "--json")) == []
    with pytest.raises(AssertionError, match="is over already"):
        await house.ivr("callback", "stop", callback)
    assert len(customer.invites) == 1


async def test_b13_the_agent_hangs_up_while_it_rings_and_the_customer_in_the_whisper(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550131")
    callback = await asks(house, customer)
    customer.will(Ring(), Answer())
    await house.status("anna")
    agent = await rung(anna)
    ringing = await customer.ringing(within=PATIENCE)

    agent.hang_up()

    await ringing.ended(within=PATIENCE)
    assert ringing.cancelled
    await house.state_is(callback, "waiting_for_retry", within=PATIENCE)
    (over,) = await journal(house, callback, "attempt_over")
    assert over["counted"]
    assert over["rang"]

    agent = await rung(anna)
    called = await rung(customer)
    await hears(house, called, CUSTOMER_WHISPER, ms=200)
    called.hang_up()
    await house.state_is(callback, "ended", within=PATIENCE)
    ended = (await record(house, callback))["ivr"]["Callback"]
    assert (ended["Result"], ended["Failure"]) == ("failed", "customer_hung_up")
    assert ended["AttemptsUsed"] == 2
    await house.agent_is("anna", "error", within=PATIENCE)
    await agent.ended(within=PATIENCE)
    assert listen(agent.heard.pcm).ms(CUSTOMER_WHISPER) == 0


async def test_b11_b12_full_is_full_for_others_and_an_open_callback_is_kept(
    house: House, anna: Phone
) -> None:
    customer, late = house.stranger("+12025550140"), house.stranger("+12025550141")
    callback = await asks(house, customer, TINY)
    again = await asks(house, customer, TINY)
    assert again == callback
    (kept,) = await journal(house, await inbound_of(house, customer), "callback_kept")
    assert kept["callback"] == callback

    refused = await house.calls(late, TINY)
    await refused.ended(within=PATIENCE)

    heard = listen(refused.heard.pcm)
    assert heard.ms(PROMPT) >= 900, "the callback's error branch"
    assert heard.is_reorder(), heard
    (why,) = await journal(house, await inbound_of(house, late), "callback_refused")
    assert why["reason"] == "queue_full"
    assert [row["id"] for row in await house.callbacks()] == [callback]

    other = house.stranger("+12025550142")
    await asks(house, other, OTHER_CALLER_ID)
    await house.status("anna")
    shown = []
    for phone in (customer, other):
        called = await rung(phone)
        await hears(house, called, CUSTOMER_WHISPER, ms=200)
        (invite,) = phone.invites
        shown.append((invite.caller_number.casefold(), invite.asserted_number))
        called.hang_up()
        await house.agent_is("anna", "error", within=PATIENCE)
        await house.status("anna")
    anonymous, chosen = shown
    assert not anonymous[0].lstrip("+").isdigit()
    assert not anonymous[1].lstrip("+").isdigit()
    assert chosen == (INTERNATIONAL, INTERNATIONAL)
