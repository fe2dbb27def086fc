"""E: quick connects on the whole service floor, in virtual time: who hears what, who is held."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import Contact, ContactState, DisconnectReason, InitiationMethod
from ivr.domain.errors import NotFound, NotNow
from ivr.domain.ids import ContactId
from ivr.domain.leg import LegOutcome
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Transfer, Verb
from ivr.ports.telephony import HOLD, LOST, PROGRAM, RINGBACK, SORRY_RINGING, Place, room
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_switch import Called
from tests.centre import ANNA, ANNAS_PHONE, BEN, BENS_PHONE, LOCAL, Centre, running_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

CALLER, OFFICE = "+12025550160", "+12025550165"
TRANSFERRING = "say:Transferring you now."
A = AgentActivity


@dataclass
class Talk:
    """Anna talks with a caller, and Ben is there to be brought in."""

    centre: Centre
    contact_id: ContactId
    customer: FakePhone
    anna: FakePhone
    ben: FakePhone

    async def start(self, quick_connect: str, **how: Any) -> None:
        await self.centre.centre.quick_connects.start(self.contact_id, quick_connect, **how)

    async def use(self, verb: Verb, **how: Any) -> None:
        await self.centre.centre.quick_connects.use(self.contact_id, verb, **how)

    async def view(self) -> dict[str, Any]:
        return dict(await self.centre.centre.quick_connects.view(self.contact_id))

    async def banner(self) -> tuple[str, str]:
        seen = await self.view()
        return seen["state"], seen["detail"]

    async def transfer(self) -> Transfer:
        found = await self.centre.store.latest_transfer_of(self.contact_id)
        assert found is not None
        return found

    async def comes_to(self, state: TransferState) -> None:
        async def there() -> bool:
            found = await self.centre.store.latest_transfer_of(self.contact_id)
            return found is not None and found.state is state

        await self.centre.until(there)

    async def consults(self) -> None:
        """Ben is brought in and talks with Anna."""
        self.ben.answers()
        await self.start("Ben")
        await self.comes_to(TransferState.CONSULTING)

    async def source(self) -> Contact:
        return await self.contact(self.contact_id)

    async def destination(self) -> Contact:
        return await self.contact((await self.transfer()).contact_id)

    async def contact(self, contact_id: ContactId) -> Contact:
        found = await self.centre.store.contact(contact_id)
        assert found is not None
        return found

    def where(self, phone: FakePhone) -> Place | None:
        return self.centre.switch.where(phone.leg)

    def talk_together(self, *phones: FakePhone) -> bool:
        legs = {phone.leg for phone in phones}
        return self.centre.switch.talking(self.contact_id) == legs

    async def talking_are(self, *phones: FakePhone) -> None:
        await self.centre.until(lambda: self.talk_together(*phones))

    async def everybody_is_gone(self) -> None:
        await self.centre.until(
            lambda: all(p.leg is None for p in (self.customer, self.anna, self.ben))
        )


def play(folder: Path, scene: Callable[[Talk], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder, **how) as centre:
            anna = centre.switch.phone(ANNAS_PHONE).answers()
            await centre.becomes(ANNA)
            customer = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
            await centre.until(lambda: centre.is_doing(ANNA, A.ON_CONTACT))
            (contact,) = await centre.contacts()
            await centre.becomes(BEN)
            talk = Talk(centre, contact.id, customer, anna, centre.switch.phone(BENS_PHONE))
            await talk.talking_are(customer, anna)
            await scene(talk)

    run_virtual(main())


# --- E2, E3: to an agent ------------------------------------------------------------------------


def test_e3_agent_quick_connect_step_by_step(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=5)
        talk.centre.switch.sound_lengths["say:Sales"] = timedelta(seconds=7)

        await talk.start("Ben")
        assert talk.where(talk.customer) == HOLD
        assert await talk.banner() == ("connected", "transferring")
        await talk.comes_to(TransferState.RINGING)
        assert TRANSFERRING in talk.anna.heard
        assert await talk.banner() == ("connected", "ringing")
        assert talk.where(talk.anna) == RINGBACK
        assert await talk.centre.is_doing(BEN, A.OFFERED)
        await talk.comes_to(TransferState.AGENT_WHISPER)
        assert await talk.banner() == ("connected", "whispering")
        assert await talk.centre.is_doing(BEN, A.CONNECTING)
        await talk.comes_to(TransferState.CONSULTING)

        assert talk.ben.heard == ["say:Sales"], "the default whisper names the contact's queue"
        assert talk.anna.heard[-1] == "beep", "the source hears the customer whisper"
        assert talk.talk_together(talk.anna, talk.ben)
        assert talk.where(talk.customer) == HOLD
        assert await talk.banner() == ("connected", "talking")
        assert await talk.centre.is_doing(BEN, A.ON_CONTACT)
        destination = await talk.destination()
        assert destination.initiation is InitiationMethod.TRANSFER
        assert destination.previous_id == talk.contact_id
        assert destination.agent_id == BEN

    play(tmp_path, scene)


def test_e6_join_and_leave(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.centre.passes(10)

        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        await talk.centre.passes(20)
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, talk.ben)
        await talk.centre.until(lambda: talk.anna.leg is None)

        source, destination = await talk.source(), await talk.destination()
        assert source.state is ContactState.ENDED
        assert source.disconnect_reason is DisconnectReason.AGENT_DISCONNECT
        assert source.next_id == destination.id
        assert destination.state is ContactState.CONNECTED
        assert await talk.centre.is_doing(ANNA, A.AFTER_CONTACT_WORK)
        assert (source.holds, source.held, source.held_since) == (1, source.longest_hold, None)
        assert source.held >= timedelta(seconds=10)
        assert destination.holds == 0

        talk.customer.hang_up()
        await talk.everybody_is_gone()
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.IDLE))
        destination = await talk.destination()
        assert destination.state is ContactState.ENDED
        assert destination.disconnect_reason is DisconnectReason.CUSTOMER_DISCONNECT

    play(tmp_path, scene)


def test_e6_hold_swap_and_drop(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()

        await talk.use(Verb.SWAP)
        await talk.talking_are(talk.customer, talk.anna)
        await talk.centre.until(lambda: any("hold" in each for each in talk.ben.heard))
        assert await talk.banner() == ("hold", "hold")
        await talk.use(Verb.HOLD_ALL)
        await talk.talking_are(talk.anna)
        assert talk.where(talk.customer) == HOLD
        await talk.use(Verb.RESUME_DESTINATION)
        await talk.talking_are(talk.anna, talk.ben)
        await talk.use(Verb.RESUME_CUSTOMER)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        await talk.use(Verb.DROP)
        await talk.talking_are(talk.customer, talk.anna)

        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.IDLE))
        source, destination = await talk.source(), await talk.destination()
        assert source.state is ContactState.CONNECTED
        assert source.holds == 2
        assert destination.state is ContactState.ENDED
        assert destination.disconnect_reason is DisconnectReason.AGENT_DISCONNECT

    play(tmp_path, scene)


def test_e6_leave_from_hold_all_joins_those_who_stay(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.HOLD_ALL)
        await talk.centre.passes(5)

        await talk.use(Verb.LEAVE)

        await talk.talking_are(talk.customer, talk.ben)

    play(tmp_path, scene)


def test_e6_who_comes_after_leave_has_the_controls(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, talk.ben)
        await talk.centre.until(lambda: talk.centre.is_doing(ANNA, A.IDLE))
        second = Talk(
            talk.centre, (await talk.destination()).id, talk.customer, talk.ben, talk.anna
        )

        await second.start("Anna")
        await second.comes_to(TransferState.CONSULTING)
        assert talk.talk_together(talk.ben, talk.anna), "the room stays where the talk is"
        await second.use(Verb.LEAVE)

        await talk.talking_are(talk.customer, talk.anna)
        third = await second.destination()
        assert (third.previous_id, third.initial_id) == (second.contact_id, talk.contact_id)

    play(tmp_path, scene)


def test_a_hang_up_of_the_source_is_to_leave(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()

        talk.anna.hang_up()

        await talk.talking_are(talk.customer, talk.ben)
        assert (await talk.source()).state is ContactState.ENDED

    play(tmp_path, scene)


# --- E4: to a queue -----------------------------------------------------------------------------


def test_e4_queue_quick_connect_goes_to_its_next_agent(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings().then().answers()

        await talk.start("Password reset")
        assert await talk.banner() == ("connecting", "transferring")
        await talk.comes_to(TransferState.IN_QUEUE)
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.MISSED))
        assert await talk.banner() == ("connecting", "queued")
        assert talk.where(talk.customer) == HOLD
        destination = await talk.destination()
        assert destination.state is ContactState.QUEUED
        assert destination.initiation is InitiationMethod.QUEUE_TRANSFER
        assert destination.place_at == (await talk.source()).place_at, "with its original age"
        await talk.centre.becomes(BEN)
        await talk.comes_to(TransferState.CONSULTING)

        assert "say:PasswordReset" in talk.ben.heard
        assert talk.talk_together(talk.anna, talk.ben)
        assert await talk.banner() == ("connected", "talking")

    play(tmp_path, scene)


def test_e13_leave_before_an_agent_is_there_lets_the_customer_wait_in_that_queue(
    tmp_path: Path,
) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings().then().answers()
        await talk.start("Password reset")
        await talk.comes_to(TransferState.IN_QUEUE)
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.OFFERED))

        await talk.use(Verb.LEAVE)
        await talk.centre.until(lambda: talk.anna.leg is None)
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.MISSED))
        destination = await talk.destination()
        assert destination.state is ContactState.QUEUED
        assert destination.customer_leg == talk.customer.leg
        await talk.centre.becomes(ANNA, "Offline")
        await talk.centre.becomes(BEN)

        await talk.talking_are(talk.customer, talk.ben)

    play(tmp_path, scene)


def test_e7_a_full_queue_brings_the_customer_back(tmp_path: Path) -> None:
    def closed(site: dict[str, Any]) -> None:
        next(q for q in site["queues"] if q["name"] == "PasswordReset")["max_contacts"] = 0

    async def scene(talk: Talk) -> None:
        await talk.start("Password reset")

        await talk.comes_to(TransferState.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert "transfer_failed" in await talk.centre.journal(talk.contact_id)

    play(tmp_path, scene, change=closed)


# --- E5: to a number ----------------------------------------------------------------------------


def test_e5_a_number_is_dialled_at_once_without_flow_or_whisper(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        office = talk.centre.switch.customer(OFFICE).answers(after=4)
        heard = list(talk.anna.heard)

        await talk.start("Office")
        assert await talk.banner() == ("connecting", "ringing")
        assert talk.where(talk.anna) == RINGBACK
        await talk.comes_to(TransferState.CONSULTING)

        await talk.talking_are(talk.anna, office)
        assert (talk.anna.heard, office.heard) == (heard, [])
        orders = [c.order for c in talk.centre.switch.commands if isinstance(c, Called)]
        (order,) = [each for each in orders if each.leg_id == office.leg]
        assert order.caller_number == "+12025550100"
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, office)
        office.hang_up()
        await talk.everybody_is_gone()
        destination = await talk.destination()
        assert destination.disconnect_reason is DisconnectReason.THIRD_PARTY_DISCONNECT

    play(tmp_path, scene)


@pytest.mark.parametrize("outcome", [LegOutcome.BUSY, LegOutcome.INVALID_NUMBER])
def test_e7_a_number_that_fails_brings_the_customer_back(
    tmp_path: Path, outcome: LegOutcome
) -> None:
    async def scene(talk: Talk) -> None:
        talk.centre.switch.customer(OFFICE).fails(outcome, rings=False)

        await talk.start("Office")

        await talk.comes_to(TransferState.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)

    play(tmp_path, scene)


# --- E7, E8: who fails, who goes ----------------------------------------------------------------


def test_e7_an_agent_who_is_not_available_brings_the_customer_back(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.centre.becomes(BEN, "Lunch")

        await talk.start("Ben")

        await talk.comes_to(TransferState.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert talk.ben.leg is None

    play(tmp_path, scene)


def test_e7_a_missed_offer_brings_the_customer_back_and_the_agent_is_unroutable(
    tmp_path: Path,
) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()

        await talk.start("Ben")

        await talk.comes_to(TransferState.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert await talk.centre.is_doing(BEN, A.MISSED)

    play(tmp_path, scene)


def test_e7_cancel_while_it_rings(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)

        await talk.use(Verb.CANCEL)

        await talk.talking_are(talk.customer, talk.anna)
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.IDLE))
        assert talk.ben.leg is None

    play(tmp_path, scene)


def test_e7_a_source_that_vanishes_puts_the_customer_back_at_its_place(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        place = (await talk.source()).place_at
        talk.ben.rings().then().answers()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)

        talk.anna.dies()
        await talk.comes_to(TransferState.QUEUED)
        assert (await talk.source()).place_at == place
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.ON_CONTACT))

        await talk.talking_are(talk.customer, talk.ben)

    play(tmp_path, scene)


def test_e7_a_source_that_vanishes_in_consultation_leaves_the_customer_with_the_destination(
    tmp_path: Path,
) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()

        talk.anna.dies()

        await talk.talking_are(talk.customer, talk.ben)

    play(tmp_path, scene)


def test_e8_a_customer_who_hangs_up_leaves_the_agents_talking(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()

        talk.customer.hang_up()
        await talk.comes_to(TransferState.CUSTOMER_GONE)
        await talk.centre.passes(30)
        assert talk.talk_together(talk.anna, talk.ben)
        talk.ben.hang_up()

        await talk.everybody_is_gone()
        source = await talk.source()
        assert source.disconnect_reason is DisconnectReason.CUSTOMER_DISCONNECT
        await talk.centre.until(lambda: talk.centre.is_doing(ANNA, A.IDLE))
        await talk.centre.until(lambda: talk.centre.is_doing(BEN, A.IDLE))

    play(tmp_path, scene)


# --- E9: the limit of a hold --------------------------------------------------------------------


def _thirty_seconds(site: dict[str, Any]) -> None:
    site["site"]["hold_limit_seconds"] = 30


def test_e9_a_customer_who_is_held_for_too_long_comes_back(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.centre.passes(15)
        await talk.use(Verb.SWAP)
        await talk.use(Verb.SWAP)
        await talk.centre.passes(25)
        assert (await talk.transfer()).state is TransferState.CONSULTING, "each hold counts alone"

        await talk.centre.passes(6)

        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        assert (await talk.transfer()).state is TransferState.JOINED

    play(tmp_path, scene, change=_thirty_seconds)


def test_e9_a_destination_that_is_held_for_too_long_comes_back(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.SWAP)
        await talk.centre.passes(31)

        await talk.talking_are(talk.customer, talk.anna, talk.ben)

    play(tmp_path, scene, change=_thirty_seconds)


def test_e9_the_limit_of_a_hold_outlives_its_session(tmp_path: Path) -> None:
    def soon(site: dict[str, Any]) -> None:
        site["site"] |= {"hold_limit_seconds": 10, "ring_agent_seconds": 60}

    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)
        talk.centre.switch.cut_link()
        talk.centre.lose_sessions()
        talk.centre.switch.restore_link()

        await talk.comes_to(TransferState.ADDING_RINGING)
        source = await talk.source()
        assert timedelta(seconds=9) <= source.held <= timedelta(seconds=11)
        await talk.talking_are(talk.customer, talk.anna)

    play(tmp_path, scene, change=soon)


# --- E9: reminders of a hold --------------------------------------------------------------------


def reminders(phone: FakePhone) -> int:
    return phone.heard.count("reminder")


def test_e9_an_agent_is_reminded_of_somebody_on_hold_every_minute(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.centre.passes(59)
        assert reminders(talk.anna) == 0
        await talk.centre.passes(2)
        assert reminders(talk.anna) == 1
        await talk.talking_are(talk.anna, talk.ben)
        await talk.use(Verb.HOLD_ALL)
        await talk.centre.passes(60)
        assert reminders(talk.anna) == 2
        await talk.use(Verb.RESUME_CUSTOMER)
        await talk.centre.passes(60)
        assert reminders(talk.anna) == 3
        await talk.talking_are(talk.anna, talk.customer)
        await talk.use(Verb.JOIN)
        await talk.centre.passes(180)

        assert reminders(talk.anna) == 3, "nobody is on hold"
        assert reminders(talk.ben) == reminders(talk.customer) == 0

    play(tmp_path, scene)


def test_e9_nobody_is_reminded_who_hears_a_ringing_or_a_flow(tmp_path: Path) -> None:
    def patient(site: dict[str, Any]) -> None:
        site["site"]["ring_agent_seconds"] = 120

    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)
        await talk.centre.passes(100)
        assert reminders(talk.anna) == 0
        talk.ben.answer()
        await talk.comes_to(TransferState.CONSULTING)
        await talk.use(Verb.DROP)
        await talk.start("Password reset")
        await talk.centre.passes(100)

        assert reminders(talk.anna) == 0

    play(tmp_path, scene, change=patient)


def test_e9_the_hold_key_of_the_phone_is_a_hold_too(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.holds()
        await talk.centre.until(lambda: talk.where(talk.customer) == HOLD)
        await talk.centre.passes(61)
        assert reminders(talk.anna) == 1
        talk.centre.lose_sessions()
        await talk.centre.passes(91)
        assert reminders(talk.anna) == 2, "a new session reminds again"
        talk.anna.resumes()
        await talk.talking_are(talk.customer, talk.anna)
        await talk.centre.passes(120)

        assert reminders(talk.anna) == 2

    play(tmp_path, scene)


@pytest.mark.parametrize("seconds", [0, None])
def test_e9_a_site_may_have_no_reminders(tmp_path: Path, seconds: int | None) -> None:
    def never(site: dict[str, Any]) -> None:
        site["site"]["hold_reminder_seconds"] = seconds

    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.centre.passes(300)

        assert reminders(talk.anna) == 0

    play(tmp_path, scene, change=never)


# --- E10, requests ------------------------------------------------------------------------------


def test_e10_a_third_party_joins_without_a_hold(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=3)

        await talk.start("Ben", hold=False)
        assert talk.talk_together(talk.customer, talk.anna)

        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        assert (await talk.source()).holds == 0

    play(tmp_path, scene)


def test_what_cannot_be_done_is_refused_with_words(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        with pytest.raises(NotNow, match="no quick connect is under way"):
            await talk.use(Verb.JOIN)
        with pytest.raises(NotFound, match="no quick connect"):
            await talk.start("Nobody")
        with pytest.raises(NotNow, match="themselves"):
            await talk.start("Anna")
        with pytest.raises(NotFound, match="no contact"):
            await talk.centre.centre.quick_connects.start(ContactId("c99"), "Ben")
        await talk.consults()
        with pytest.raises(NotNow, match="already"):
            await talk.start("Office")
        with pytest.raises(NotNow, match="controls no quick connect"):
            await talk.centre.centre.quick_connects.use((await talk.destination()).id, Verb.LEAVE)
        await talk.use(Verb.JOIN)
        with pytest.raises(NotNow, match="join is not possible now"):
            await talk.use(Verb.JOIN)

    play(tmp_path, scene)


def test_the_same_key_is_carried_out_once(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers()
        await asyncio.gather(talk.start("Ben", key="k1"), talk.start("Ben", key="k1"))
        await talk.comes_to(TransferState.CONSULTING)

        await talk.use(Verb.SWAP, key="k2")
        await talk.use(Verb.SWAP, key="k2")

        assert (await talk.transfer()).state is TransferState.DESTINATION_HELD
        assert len([c for c in await talk.centre.contacts() if c.is_transfer]) == 1

    play(tmp_path, scene)


def test_codes_of_the_source_are_verbs_and_one_in_vain_is_heard(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.keys("*1")
        await talk.centre.until(lambda: "sorry" in talk.anna.heard)
        await talk.talking_are(talk.customer, talk.anna)
        talk.ben.answers()
        talk.anna.keys("*71")
        await talk.comes_to(TransferState.CONSULTING)

        talk.anna.keys("*1")
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        talk.ben.keys("*9")
        await talk.centre.until(lambda: "sorry" in talk.ben.heard)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        talk.anna.keys("*9")

        await talk.talking_are(talk.customer, talk.ben)
        assert talk.anna.heard.count("sorry") == 1

    play(tmp_path, scene)


def test_a_code_that_comes_late_moves_nobody_and_one_in_vain_only_for_a_tone(
    tmp_path: Path,
) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        talk.anna.keys("*71")
        talk.anna.keys("*71")
        await talk.comes_to(TransferState.RINGING)
        talk.anna.keys("*1")
        await talk.centre.passes(1)

        assert talk.where(talk.anna) == RINGBACK
        assert talk.anna.heard.count("sorry") == 1
        assert (await talk.centre.journal(talk.contact_id)).count("code_refused") == 2
        talk.ben.answer()
        await talk.talking_are(talk.anna, talk.ben)

    play(tmp_path, scene)


def test_a_comparison_meets_a_code_in_vain_and_ringing_goes_on(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)
        talk.anna.keys("*1")
        await talk.centre.until(lambda: talk.where(talk.anna) == SORRY_RINGING)

        talk.centre.switch.cut_link()
        talk.centre.switch.restore_link()

        await talk.centre.until(lambda: talk.where(talk.anna) == RINGBACK)
        talk.ben.answer()
        await talk.talking_are(talk.anna, talk.ben)

    play(tmp_path, scene)


def test_a_code_in_vain_is_heard_in_a_flow(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.start("Password reset")
        await talk.comes_to(TransferState.IN_QUEUE)
        talk.anna.keys("*1")
        await talk.centre.until(lambda: "sorry" in talk.anna.heard)
        assert talk.where(talk.anna) == PROGRAM

        talk.anna.keys("*9")

        await talk.centre.until(lambda: talk.anna.leg is None)
        assert talk.anna.heard.count("sorry") == 1

    play(tmp_path, scene)


def test_a_code_of_who_is_on_hold_is_in_vain_and_heard(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.SWAP)
        await talk.centre.until(lambda: "on hold" in talk.ben.heard[-1])

        talk.ben.keys("*9")

        await talk.centre.until(lambda: "sorry" in talk.ben.heard)
        assert talk.where(talk.ben) == PROGRAM
        assert "sorry" not in talk.anna.heard

    play(tmp_path, scene)


def test_the_hold_key_of_the_phone_gives_the_customer_music(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.holds()
        await talk.centre.until(lambda: talk.where(talk.customer) == HOLD)
        await talk.centre.passes(10)
        talk.anna.resumes()
        await talk.talking_are(talk.customer, talk.anna)
        source = await talk.source()
        assert source.holds == 1
        assert timedelta(seconds=10) <= source.held < timedelta(seconds=12)

        talk.anna.holds()
        await talk.centre.until(lambda: talk.where(talk.customer) == HOLD)
        talk.customer.hang_up()
        await talk.everybody_is_gone()
        assert (await talk.source()).held_since is None

    play(tmp_path, scene)


def test_the_hold_key_in_a_consultation_holds_all_and_gives_back_what_was(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        talk.anna.holds()
        await talk.comes_to(TransferState.ALL_HELD)
        talk.anna.resumes()
        await talk.comes_to(TransferState.CONSULTING)
        await talk.use(Verb.JOIN)
        talk.anna.holds()
        await talk.comes_to(TransferState.ALL_HELD)
        await talk.use(Verb.HOLD_DESTINATION)
        talk.anna.resumes()
        await talk.centre.passes(2)

        assert (await talk.transfer()).state is TransferState.DESTINATION_HELD

    play(tmp_path, scene)


def test_a_blind_transfer_to_a_code_starts_its_quick_connect(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers()
        talk.anna.refers("+12025550177")
        await talk.centre.passes(1)
        assert "code_refused" in await talk.centre.journal(talk.contact_id)
        talk.anna.refers("*71")
        await talk.comes_to(TransferState.CONSULTING)

        assert talk.talk_together(talk.anna, talk.ben)

    play(tmp_path, scene)


def test_a_leg_that_was_lost_while_nobody_listened_is_put_back(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        assert talk.customer.leg is not None
        talk.centre.switch.cut_link()
        talk.centre.switch.strand(talk.customer.leg)
        assert talk.where(talk.customer) == LOST
        talk.centre.switch.restore_link()

        await talk.talking_are(talk.customer, talk.anna, talk.ben)

    play(tmp_path, scene)


# --- a new session ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [TransferState.RINGING, TransferState.CONSULTING])
def test_a_new_session_goes_on_where_the_old_one_was(tmp_path: Path, state: TransferState) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=6)
        await talk.start("Ben")
        await talk.comes_to(state)

        talk.centre.switch.cut_link()
        talk.centre.lose_sessions()
        talk.centre.switch.restore_link()
        await talk.centre.passes(1)
        await talk.comes_to(TransferState.CONSULTING)
        await talk.use(Verb.JOIN)

        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, talk.ben)
        assert talk.where(talk.ben) == room(talk.contact_id)

    play(tmp_path, scene)
