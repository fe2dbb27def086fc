"""E: quick connects on the real switch: three phones, each with a tone, and what each hears.

Proved here: who hears whom in every step of an agent, a queue and a number quick connect (E2 to
E5), every verb (E6), what comes of those who fail or go (E7, E8), cold transfers (E13) and adding
without a hold (E10). Rows, agents' states and what is refused are proved in virtual time:
``tests/integration/service/test_quick_connect_rules.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from random import Random
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from ivr.domain.quick_connect import TransferState
from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    BEEP,
    CUSTOMER,
    CUSTOMER_WHISPER,
    MUSIC,
    PROMPT,
    RINGBACK,
    SECOND_AGENT,
    SILENCE,
    SOUND,
    listen,
)
from tests.house import BEN_HERTZ, House
from tests.phones import Answer, Phone, Reject, Ring, tone
from tests.phones.call import PhoneCall
from tests.quick_connect_talk import OFFICE, Talk, a_talk, longest_silence
from tests.quick_connect_tones import quick_connect_house
from tests.scenes import PATIENCE, asked, hears, inbound_of, record, rung, waits

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

HOUSE = quick_connect_house()


@pytest_asyncio.fixture(loop_scope="module")
async def talking(house: House, anna: Phone, ben: Phone) -> AsyncIterator[Talk]:
    yield await a_talk(house, anna, ben)
    house.hang_up_all()


# --- E2, E3: an agent ---------------------------------------------------------------------------


async def test_e3_every_step_of_an_agent_quick_connect(house: House, talking: Talk) -> None:
    talking.ben_phone.will(Answer(after=1.5))
    begun = monotonic()

    seen = await talking.start("Ben")
    assert (seen["state"], seen["detail"]) == ("connected", "transferring")
    ringing = await talking.ben_phone.ringing(PATIENCE)
    assert asked(ringing).caller_name == "Transfer Sales"
    await talking.comes_to("ringing")
    assert (await talking.view())["detail"] == "ringing"
    ben = ringing
    await ben.answered(PATIENCE)
    await hears(house, ben, AGENT_WHISPER, ms=200)
    seen = await talking.view()
    assert (seen["state"], seen["detail"]) == ("connected", "whispering")
    await talking.hear_each_other(talking.anna, ben)
    seen = await talking.view()
    assert (seen["state"], seen["detail"]) == ("connected", "talking")
    ended = monotonic()

    source = listen(talking.anna.heard.between(begun, ended))
    destination = listen(ben.heard.between(begun, ended))
    customer = listen(talking.customer.heard.between(begun + 0.5, ended))
    assert source.ms(PROMPT) >= 900, source
    assert source.ms(RINGBACK) >= 500, source
    assert source.ms(CUSTOMER_WHISPER) >= 900, source
    assert source.ms(AGENT_WHISPER) == source.ms(MUSIC) == 0, source
    assert destination.ms(AGENT_WHISPER) >= 900, destination
    assert destination.ms(CUSTOMER_WHISPER) == destination.ms(CUSTOMER) == 0, destination
    assert customer.ms(MUSIC) >= 3000, customer
    assert customer.ms(AGENT) == customer.ms(SECOND_AGENT) == customer.ms(PROMPT) == 0, customer


async def test_e3_without_flows_of_its_own_the_default_whispers_are_heard(
    house: House, anna: Phone, ben: Phone
) -> None:
    caller = house.stranger("+12025550139")
    customer = await waits(house, caller)
    await house.status("ben")
    serving = await rung(ben)
    await hears(house, serving, CUSTOMER)
    await house.status("anna")
    anna.will(Answer(after=0.1))
    contact = await inbound_of(house, caller)
    begun = monotonic()

    await house.post(f"/contacts/{contact}/transfer", {"quick_connect": "Anna"})
    destination = await rung(anna)
    await hears(house, destination, SECOND_AGENT)
    await hears(house, serving, AGENT)

    source, heard = listen(serving.heard.between(begun, monotonic())), listen(destination.heard.pcm)
    assert source.ms(BEEP) >= 100, source
    assert source.ms(SOUND) >= 300, "the default transfer flow speaks"
    assert heard.ms(SOUND) >= 200, "the default agent whisper speaks the queue's name"
    customer.hang_up()


# --- E6: the verbs ------------------------------------------------------------------------------


async def test_e6_join_and_leave(house: House, talking: Talk) -> None:
    ben = await talking.consults()

    await talking.use("join")
    await talking.hear_each_other(talking.customer, talking.anna, ben)
    await talking.use("leave")
    await talking.anna.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, ben)

    await house.agent_is("anna", "idle", within=PATIENCE)
    source = await record(house, talking.contact)
    assert source["DisconnectReason"] == "AGENT_DISCONNECT"
    assert source["Agent"]["NumberOfHolds"] == 1
    destination = await record(house, source["NextContactId"])
    assert destination["InitiationMethod"] == "TRANSFER"
    assert destination["PreviousContactId"] == talking.contact
    talking.customer.hang_up()
    await ben.ended(within=PATIENCE)


async def test_e6_swap_and_hold_and_drop(house: House, talking: Talk) -> None:
    ben = await talking.consults()

    await talking.use("swap")
    await talking.hear_each_other(talking.customer, talking.anna)
    await hears(house, ben, PROMPT)
    await talking.use("hold-all")
    await hears(house, talking.customer, MUSIC)
    await hears(house, ben, PROMPT)
    await hears(house, talking.anna, SILENCE)
    await talking.use("resume-destination")
    await talking.hear_each_other(talking.anna, ben)
    await hears(house, talking.customer, MUSIC)
    await talking.use("resume-customer")
    await talking.hear_each_other(talking.customer, talking.anna, ben)
    await talking.use("hold-customer")
    await hears(house, talking.customer, MUSIC)
    await talking.hear_each_other(talking.anna, ben)
    await talking.use("drop")
    await ben.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, talking.anna)


async def test_e6_leave_from_hold_all(talking: Talk) -> None:
    ben = await talking.consults()
    await talking.use("hold-all")
    await hears(talking.house, ben, PROMPT)

    await talking.use("leave")

    await talking.hear_each_other(talking.customer, ben)
    await talking.anna.ended(within=PATIENCE)


# --- E4: a queue --------------------------------------------------------------------------------


async def test_e4_a_queue_quick_connect_rings_its_next_agent(house: House, talking: Talk) -> None:
    talking.ben_phone.will(Reject(), Answer(after=0.2))

    seen = await talking.start("Password reset")
    assert (seen["state"], seen["detail"]) == ("connecting", "transferring")
    await house.agent_is("ben", "missed", within=PATIENCE)
    await hears(house, talking.anna, MUSIC)
    assert (await talking.view())["detail"] == "queued"
    await house.status("ben")
    ben = await rung(talking.ben_phone)
    await talking.hear_each_other(talking.anna, ben)
    await hears(house, talking.customer, MUSIC)
    await talking.use("join")
    await talking.hear_each_other(talking.customer, talking.anna, ben)


# --- E5: a number -------------------------------------------------------------------------------


async def test_e5_a_number_is_dialled_with_the_queues_caller_id(
    house: House, talking: Talk
) -> None:
    office = house.stranger(OFFICE, says=tone(BEN_HERTZ))
    office.will(Answer(after=0.5))

    await talking.start("Office")
    call = await rung(office)
    await hears(house, call, AGENT)
    await hears(house, talking.anna, SECOND_AGENT)
    await talking.use("leave")
    await talking.anna.ended(within=PATIENCE)
    await hears(house, call, CUSTOMER)
    await hears(house, talking.customer, SECOND_AGENT)

    invite = asked(call)
    assert invite.caller_number == invite.asserted_number == "+12025550100"
    heard = listen(call.heard.pcm)
    assert heard.ms(AGENT_WHISPER) == heard.ms(CUSTOMER_WHISPER) == heard.ms(PROMPT) == 0, heard


# --- E7, E8: who fails, who goes ----------------------------------------------------------------


@pytest.mark.parametrize("answer", [Ring(), Reject(486, after=0.2)], ids=["no answer", "busy"])
async def test_e7_an_agent_who_does_not_come_brings_the_customer_back(
    house: House, talking: Talk, answer: Any
) -> None:
    talking.ben_phone.will(answer)

    await talking.start("Ben")
    await talking.ben_phone.ringing(PATIENCE)
    await talking.comes_to("returned")

    await talking.hear_each_other(talking.customer, talking.anna)
    await house.agent_is("ben", "missed")


async def test_e7_cancel_while_it_rings(house: House, talking: Talk) -> None:
    talking.ben_phone.will(Ring())
    await talking.start("Ben")
    ringing = await talking.ben_phone.ringing(PATIENCE)

    await talking.use("cancel")

    await ringing.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, talking.anna)
    await house.agent_is("ben", "idle", within=PATIENCE)


async def test_e8_a_customer_who_hangs_up_leaves_the_agents_talking(
    house: House, talking: Talk
) -> None:
    ben = await talking.consults()

    talking.customer.hang_up()
    await talking.comes_to("customer_gone")
    await talking.hear_each_other(talking.anna, ben)
    talking.anna.hang_up()

    await ben.ended(within=PATIENCE)
    ended = await record(house, talking.contact)
    assert ended["DisconnectReason"] == "CUSTOMER_DISCONNECT"


async def test_e10_a_third_party_joins_without_a_hold(talking: Talk) -> None:
    talking.ben_phone.will(Answer(after=0.2))

    await talking.start("Ben", hold=False)
    ben = await rung(talking.ben_phone)

    await talking.hear_each_other(talking.customer, talking.anna, ben)
    assert listen(talking.customer.heard.latest(2)).ms(MUSIC) == 0


# --- from the phone -----------------------------------------------------------------------------


async def test_codes_start_join_and_leave_and_other_keys_reach_the_far_end(
    house: House, talking: Talk
) -> None:
    talking.ben_phone.will(Answer(after=0.2))

    await talking.anna.press("45#")
    await house.until(lambda: talking.customer.digits == "45#", what="the keys arrive")
    await talking.anna.press("*6")
    await hears(house, talking.anna, SOUND, ms=200)
    await talking.hear_each_other(talking.customer, talking.anna)
    await talking.anna.press("*71")
    ben = await rung(talking.ben_phone)
    await talking.hear_each_other(talking.anna, ben)
    await talking.anna.press("*1")
    await talking.hear_each_other(talking.customer, talking.anna, ben)
    await talking.anna.press("*9")
    await talking.comes_to("handed_over")

    await talking.anna.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, ben)
    assert talking.customer.digits == "45#", "codes stay with the agent"


async def test_every_code_of_a_consultation_does_what_its_verb_does(
    house: House, talking: Talk
) -> None:
    ben = await talking.consults()

    for code, step in (
        ("*1", "joined"),
        ("*2", "all_held"),
        ("*4", "consulting"),
        ("*3", "destination_held"),
        ("*1", "joined"),
        ("*5", "destination_held"),
        ("*3", "consulting"),
        ("*0", "returned"),
    ):
        keyed = monotonic()
        await talking.anna.press(code)
        await talking.comes_to(step)
        await house.until(
            lambda keyed=keyed: (
                listen(  # type: ignore[misc]
                    talking.anna.heard.between(keyed, monotonic()), hertz={"code": 1000}, pairs={}
                ).ms("code")
                >= 60
            ),
            within=PATIENCE,
            what=f"a tone confirms {code}",
        )
        await talking.all_hear(TransferState(step), None if step == "returned" else ben)
    await ben.ended(within=PATIENCE)


async def test_the_hold_key_of_the_phone_gives_the_customer_music(
    house: House, talking: Talk
) -> None:
    await talking.anna.hold()
    await hears(house, talking.customer, MUSIC)
    await talking.anna.resume()

    await talking.hear_each_other(talking.customer, talking.anna)


async def test_a_blind_transfer_starts_the_quick_connect_of_its_extension(
    house: House, talking: Talk
) -> None:
    talking.ben_phone.will(Answer(after=0.2))

    await talking.anna.refer("*71")
    ben = await rung(talking.ben_phone)
    await talking.hear_each_other(talking.anna, ben)
    await hears(house, talking.customer, MUSIC)
    talking.anna.hang_up()

    await talking.hear_each_other(talking.customer, ben)


async def test_a_second_line_dials_the_code_and_merges_with_the_first(
    house: House, anna: Phone, talking: Talk
) -> None:
    talking.ben_phone.will(Answer(after=0.2))
    await talking.anna.hold()
    second = anna.call("*71")
    ben = await rung(talking.ben_phone)
    await hears(house, second, SECOND_AGENT)
    await hears(house, ben, AGENT)
    await hears(house, talking.customer, MUSIC)
    begun = monotonic()

    assert await talking.anna.merge_with(second) == 202

    await talking.anna.ended(within=PATIENCE)
    await second.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, ben)
    assert listen(second.heard.pcm).ms(PROMPT) >= 900, "the transfer flow is on the second line"
    assert longest_silence(ben, begun, monotonic()) <= 200
    assert (await record(house, talking.contact))["DisconnectReason"] == "AGENT_DISCONNECT"


async def test_the_phone_goes_between_its_lines_and_hangs_the_second_up(
    house: House, anna: Phone, talking: Talk
) -> None:
    talking.ben_phone.will(Answer(after=0.2))
    await talking.anna.hold()
    second = anna.call("*71")
    ben = await rung(talking.ben_phone)
    await hears(house, second, SECOND_AGENT)

    await second.hold()
    await talking.anna.resume()
    await talking.hear_each_other(talking.customer, talking.anna)
    await hears(house, ben, PROMPT)
    await talking.anna.hold()
    await second.resume()
    await hears(house, second, SECOND_AGENT)
    await hears(house, ben, AGENT)
    await hears(house, talking.customer, MUSIC)
    second.hang_up()
    await talking.anna.resume()

    await ben.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, talking.anna)


async def test_merging_while_it_rings_is_a_cold_transfer(
    house: House, anna: Phone, talking: Talk
) -> None:
    talking.ben_phone.will(Ring())
    await talking.anna.hold()
    second = anna.call("*71")
    ringing = await talking.ben_phone.ringing(PATIENCE)
    await hears(house, second, RINGBACK)

    await talking.anna.merge_with(second)
    await talking.comes_to("cold_ringing")
    ringing.answer()

    await talking.anna.ended(within=PATIENCE)
    await talking.hear_each_other(talking.customer, ringing)


async def test_everybody_hears_what_the_state_promises_whatever_is_asked(
    house: House, talking: Talk
) -> None:
    ben = await talking.consults()
    chooses = Random(20261121)

    for _ in range(24):
        seen = await talking.view()
        verb = chooses.choice([v for v in seen["verbs"] if v not in ("drop", "cancel", "leave")])
        state = TransferState((await talking.use(verb))["step"])
        await talking.all_hear(state, ben)


# --- how a change sounds ------------------------------------------------------------------------


async def test_e6_nobody_who_stays_hears_a_gap(
    house: House, talking: Talk, record_property: Callable[[str, object], None]
) -> None:
    ben = await talking.consults()
    gaps: list[int] = []

    for verb, stay in (
        *(("join", (talking.anna, ben)), ("hold-customer", (talking.anna, ben))) * 6,
        ("swap", ()),
        ("join", (talking.anna, talking.customer)),
        ("leave", (talking.customer, ben)),
    ):
        begun = monotonic()
        await talking.use(verb)
        await a_moment_passes(house, begun)
        gaps += [longest_silence(call, begun, begun + 0.6) for call in stay]

    record_property("gaps_ms", gaps)
    assert max(gaps) <= 200, gaps


async def a_moment_passes(house: House, since: float) -> None:
    """Wait until more than half a second of sound has come in."""
    await house.until(lambda: monotonic() > since + 0.7, what="a moment passes")


# --- a controller that dies ---------------------------------------------------------------------


@pytest.mark.parametrize("step", ["consulting", "joined"])
async def test_talk_goes_on_and_verbs_work_again_after_kill_9(
    house: House, talking: Talk, step: str
) -> None:
    ben = await talking.consults()
    if step == "joined":
        await talking.use("join")
        await talking.hear_each_other(talking.customer, talking.anna, ben)

    await house.kill_controller()
    killed = monotonic()
    await house.start_controller()
    together = [talking.anna, ben] if step == "consulting" else [*_all(talking, ben)]
    await talking.hear_each_other(*together)
    await talking.comes_to(step)
    await talking.use("hold-all" if step == "joined" else "join")
    if step == "joined":
        await hears(house, talking.customer, MUSIC)
    else:
        await talking.hear_each_other(*_all(talking, ben))
    await talking.use("leave")
    await talking.hear_each_other(talking.customer, ben)

    silent = listen(ben.heard.between(killed, killed + 1)).ms(SILENCE)
    assert silent <= 200, "those who talk hear each other while there is no controller"


def _all(talking: Talk, ben: PhoneCall) -> tuple[PhoneCall, PhoneCall, PhoneCall]:
    return talking.customer, talking.anna, ben
