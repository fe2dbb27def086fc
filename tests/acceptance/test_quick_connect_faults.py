"""E under faults on the real switch: phones die, numbers fail, the controller is killed.

Proved here with real phones: whoever is brought in is asked once, whatever dies meanwhile, and all
verbs work afterwards; phones that die without a word, queues and numbers that take nobody (E7); the
limit of a hold (E9); what the default flows say (E3). Every step at which a controller could die is
gone through in virtual time: ``tests/integration/service/test_quick_connect_storm.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml

from ivr.domain.quick_connect import TransferState
from tests.hearing.recogniser import heard, words
from tests.hearing.tones import MUSIC, SECOND_AGENT
from tests.house import BEN_HERTZ, House
from tests.phones import Answer, Phone, Policy, Reject, Ring, tone
from tests.phones.call import PhoneCall
from tests.quick_connect_talk import OFFICE, Talk
from tests.quick_connect_tones import dies, quick_connect_house
from tests.scenes import PATIENCE, asked, hears, inbound_of, journal, record, rung, talk, waits

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

S = TransferState
RIGHT_WITHIN: Final = 5.0
"""Seconds after a restart within which all is as it should be."""
HOLD_LIMIT: Final = 10
_numbers = count(70)


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_agent_seconds"] = 20  # longer than a controller takes to be back


HOUSE = quick_connect_house(_site, environment={"IVR_PBX__RTP_TIMEOUT_SECONDS": "3"})


# --- phones that may die ------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def anna(house: House) -> AsyncIterator[Phone]:
    """Anna's phone, logged in; it need not survive the test."""
    async with _mortal(house, "anna") as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def ben(house: House) -> AsyncIterator[Phone]:
    """Ben's phone, likewise."""
    async with _mortal(house, "ben") as phone:
        yield phone


@asynccontextmanager
async def _mortal(house: House, agent: str) -> AsyncIterator[Phone]:
    phone = await house.agent_phone(agent)
    phone.will(Answer(after=0.1))
    yield phone
    house.hang_up_all()

    async def at_rest() -> bool:
        return (await house.agent(agent))["contact_id"] is None

    await house.status(agent, "Offline")
    await house.until(at_rest, within=PATIENCE, what=f"{agent} holds nothing")
    await house.status(agent, "Offline")
    another = await house.agent_phone(agent)  # the first one may be dead
    await another.unregister()


@pytest_asyncio.fixture(loop_scope="module")
async def talking(house: House, anna: Phone, ben: Phone) -> Talk:
    """Anna and a customer talk; Ben is available."""
    caller = house.stranger(f"+120255501{next(_numbers):02}")
    customer = await waits(house, caller)
    await house.status("anna")
    agent = await rung(anna)
    await talk(house, agent, customer)
    await house.status("ben")
    return Talk(house, await inbound_of(house, caller), customer, agent, ben)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telephone(house: House) -> Phone:
    """The office's telephone: a line rings the first phone of a number."""
    return house.stranger(OFFICE, says=tone(BEN_HERTZ))


@pytest.fixture
def office(telephone: Phone) -> Phone:
    """The office's telephone, not called yet."""
    telephone.invites.clear()
    telephone.will(Ring())
    return telephone


# --- the controller is killed while the destination rings ---------------------------------------

VERBS: Final = (
    ("swap", S.DESTINATION_HELD),
    ("hold-all", S.ALL_HELD),
    ("resume-destination", S.CONSULTING),
    ("join", S.JOINED),
    ("hold-destination", S.DESTINATION_HELD),
    ("resume-destination", S.JOINED),
    ("hold-customer", S.CONSULTING),
    ("hold-all", S.ALL_HELD),
    ("resume-customer", S.DESTINATION_HELD),
)
"""From a consultation: every verb that ends nothing, and where it leads."""


async def killed_and_back(talking: Talk, meanwhile: Callable[[], object], step: S) -> None:
    """Kill the controller, let something happen, start it; soon the state is right again."""
    await talking.house.kill_controller()
    meanwhile()
    await hears(talking.house, talking.customer, MUSIC)
    await talking.house.start_controller()
    back = monotonic()
    await talking.comes_to(step.value)
    assert monotonic() - back < RIGHT_WITHIN


async def test_b15_an_agent_who_rings_when_the_controller_is_killed_is_rung_once(
    talking: Talk,
) -> None:
    talking.ben_phone.will(Ring())
    await talking.start("Ben")
    ringing = await talking.ben_phone.ringing(PATIENCE)
    await talking.comes_to("ringing")

    await killed_and_back(talking, lambda: None, S.RINGING)
    ringing.answer()
    await talking.all_hear(S.CONSULTING, ringing)
    for verb, state in VERBS:
        await talking.use(verb)
        await talking.all_hear(state, ringing)
    await talking.use("leave")
    await talking.all_hear(S.HANDED_OVER, ringing)

    assert len(talking.ben_phone.invites) == 1


async def test_an_agent_who_answers_while_there_is_no_controller_is_brought_in(
    talking: Talk,
) -> None:
    talking.ben_phone.will(Ring())
    await talking.start("Ben")
    ringing = await talking.ben_phone.ringing(PATIENCE)
    await talking.comes_to("ringing")

    await killed_and_back(talking, ringing.answer, S.CONSULTING)
    await talking.all_hear(S.CONSULTING, ringing)
    await talking.use("drop")
    await talking.all_hear(S.RETURNED, None)

    assert len(talking.ben_phone.invites) == 1


@pytest.mark.parametrize("answers", [pytest.param("before", marks=pytest.mark.full), "after"])
async def test_b15_a_number_that_rings_when_the_controller_is_killed_is_dialled_once(
    office: Phone, talking: Talk, answers: str
) -> None:
    await talking.start("Office")
    ringing = await office.ringing(PATIENCE)

    if answers == "before":
        await killed_and_back(talking, ringing.answer, S.CONSULTING)
    else:
        await killed_and_back(talking, lambda: None, S.RINGING)
        ringing.answer()
    await talking.all_hear(S.CONSULTING, ringing)
    for verb, state in VERBS:
        await talking.use(verb)
        await talking.all_hear(state, ringing)
    await talking.use("leave")
    await talking.all_hear(S.HANDED_OVER, ringing)

    assert len(office.invites) == 1


async def test_a_number_can_be_cancelled_after_the_controller_was_killed(
    office: Phone, talking: Talk
) -> None:
    await talking.start("Office")
    ringing = await office.ringing(PATIENCE)

    await killed_and_back(talking, lambda: None, S.RINGING)
    await talking.use("cancel")

    await ringing.ended(PATIENCE)
    await talking.all_hear(S.RETURNED, None)
    assert len(office.invites) == 1


# --- two things at once -------------------------------------------------------------------------


async def test_a_destination_on_its_way_to_hold_talks_when_the_source_leaves(
    office: Phone, talking: Talk
) -> None:
    await talking.start("Office")
    ringing = await office.ringing(PATIENCE)
    ringing.answer()
    await talking.all_hear(S.CONSULTING, ringing)
    await talking.use("join")
    await talking.all_hear(S.JOINED, ringing)

    await asyncio.gather(talking.use("hold-destination"), talking.use("leave"))

    await talking.all_hear(S.HANDED_OVER, ringing)


# --- E7: phones die without a word --------------------------------------------------------------


async def test_e7_a_source_that_dies_before_the_answer_puts_the_customer_back_at_its_place(
    house: House, anna: Phone, talking: Talk
) -> None:
    place = (await record(house, talking.contact))["ivr"]["PlaceTimestamp"]
    talking.ben_phone.will(Ring(), Answer(after=0.2))
    await talking.start("Ben")
    ringing = await talking.ben_phone.ringing(PATIENCE)
    later = await waits(house, house.stranger(f"+120255501{next(_numbers):02}"))

    dies(anna)
    await talking.comes_to("queued")
    await ringing.ended(PATIENCE)
    serving = await rung(talking.ben_phone)

    assert ringing.cancelled
    assert asked(serving).caller_number == asked(ringing).caller_number
    assert (await record(house, talking.contact))["ivr"]["PlaceTimestamp"] == place
    await talking.hear_each_other(talking.customer, serving)
    await hears(house, later, MUSIC)
    await house.agent_is("anna", "error", within=PATIENCE)
    later.hang_up()


async def test_e7_a_source_that_dies_in_consultation_leaves_the_customer_to_the_destination(
    house: House, anna: Phone, talking: Talk
) -> None:
    ben = await talking.consults()

    dies(anna)
    await talking.comes_to("handed_over")

    await talking.hear_each_other(talking.customer, ben)
    await house.agent_is("anna", "idle", within=PATIENCE)  # after its after-contact work


async def test_e7_a_destination_that_dies_in_consultation_gives_the_customer_back(
    house: House, talking: Talk
) -> None:
    await talking.consults()

    dies(talking.ben_phone)
    await talking.all_hear(S.RETURNED, None)

    await house.agent_is("ben", "idle", within=PATIENCE)


# --- E7: who cannot be reached ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Reject(486), "busy"), (Reject(404), "invalid_number")],
    ids=["busy", "invalid"],
)
async def test_e7_a_number_that_fails_brings_the_customer_back(
    house: House, office: Phone, talking: Talk, answer: Policy, reason: str
) -> None:
    office.will(answer)

    await talking.start("Office")
    await talking.all_hear(S.RETURNED, None)

    (failure,) = await journal(house, talking.contact, "transfer_failed")
    assert failure["reason"] == reason
    assert len(office.invites) == 1


# --- E9 -----------------------------------------------------------------------------------------


@asynccontextmanager
async def changed_site(
    house: House, change: Callable[[dict[str, Any]], object]
) -> AsyncIterator[None]:
    """Apply the house's site with a change, as an operator would, and as it was afterwards."""
    path = house.site / "site.yaml"
    before = path.read_text("utf-8")
    data = yaml.safe_load(before)
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")
    await _apply(house)
    yield
    path.write_text(before, "utf-8")
    await _apply(house)


async def _apply(house: House) -> None:
    await house.ivr("apply", str(house.site))
    await house.post("/site/reload")


async def test_e9_whoever_is_on_hold_for_too_long_comes_back(house: House, talking: Talk) -> None:
    def limited(data: dict[str, Any]) -> None:
        data["site"]["hold_limit_seconds"] = HOLD_LIMIT

    async with changed_site(house, limited):
        began = monotonic()
        ben = await talking.consults()
        await hears(house, talking.customer, MUSIC)
        await talking.all_hear(S.JOINED, ben)
        assert monotonic() - began >= HOLD_LIMIT

        began = monotonic()
        await talking.use("hold-destination")
        await talking.all_hear(S.DESTINATION_HELD, ben)
        await talking.all_hear(S.JOINED, ben)
        assert monotonic() - began >= HOLD_LIMIT


# --- what the default flows say -----------------------------------------------------------------


async def said(call: PhoneCall, sentence: str, *, since: float) -> None:
    """Check that a sentence was said to a party since a time of ``time.monotonic``."""
    transcript = await asyncio.to_thread(words, call.heard.between(since, monotonic()))
    assert heard(sentence, transcript), transcript


async def test_e3_e7_the_default_flows_say_what_happens_and_whom_it_is_about(
    tmp_path: Path,
) -> None:
    def full(data: dict[str, Any]) -> None:
        next(q for q in data["queues"] if q["name"] == "PasswordReset")["max_contacts"] = 0

    async with House(tmp_path, change=full) as house:
        anna, ben = await house.agent_phone("anna"), await house.agent_phone("ben")
        caller = house.stranger("+12025550169")
        customer = await house.calls(caller)
        await house.at(customer, "Greeting")
        await customer.press("2")
        await house.status("anna")
        source = await rung(anna)
        await talk(house, source, customer)
        await house.status("ben")
        talking = Talk(house, await inbound_of(house, caller), customer, source, ben)

        began = monotonic()
        await talking.start("Password reset")
        await talking.all_hear(S.RETURNED, None)
        await said(source, "You could not be transferred to the queue", since=began)
        began = monotonic()
        await talking.start("Ben")
        destination = await rung(ben)
        await hears(house, source, SECOND_AGENT)
        await said(source, "Transferring you now", since=began)
        await said(destination, "Sales", since=began)
        house.hang_up_all()
        await house.agent_is("anna", "after_contact_work", within=PATIENCE)
