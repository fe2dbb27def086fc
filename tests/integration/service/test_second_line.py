"""E1: an agent dials a quick connect on a second line, then merges, returns or hangs up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.ports.telephony import HOLD, RINGBACK
from ivr.testing.fake_phone import FakePhone
from tests.centre import ANNA, ANNAS_PHONE, BEN
from tests.integration.service.test_quick_connect_rules import OFFICE, TRANSFERRING, Talk, play

pytestmark = pytest.mark.integration

A, S = AgentActivity, TransferState


class Lines:
    """Anna holds the customer on her first line and dials Ben's code on the second."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.centre = talk, talk.centre
        self.first = talk.anna
        talk.anna.holds()
        self.second: FakePhone = talk.centre.switch.dials_code(ANNAS_PHONE, "*71")

    async def consult(self) -> None:
        self.talk.ben.answers()
        await self.talk.comes_to(S.CONSULTING)
        await self.talk.talking_are(self.second, self.talk.ben)

    async def returns_to_first(self) -> None:
        """What a phone does when the first line is taken off hold."""
        self.second.holds()
        self.first.resumes()
        await self.talk.talking_are(self.talk.customer, self.first)

    async def returns_to_second(self) -> None:
        self.first.holds()
        self.second.resumes()
        await self.talk.talking_are(self.talk.ben, self.second)

    async def customer_stays_with_ben(self) -> None:
        await self.talk.talking_are(self.talk.customer, self.talk.ben)
        await self.centre.until(lambda: self.first.leg is None and self.second.leg is None)
        assert await self.centre.is_doing(ANNA, A.AFTER_CONTACT_WORK)

    async def all_is_over(self, ben: AgentActivity = A.IDLE) -> None:
        self.talk.customer.hang_up()
        await self.talk.everybody_is_gone()
        await self.centre.until(lambda: self.second.leg is None)
        await self.centre.until(lambda: self.centre.is_doing(ANNA, A.IDLE))
        await self.centre.until(lambda: self.centre.is_doing(BEN, ben))
        assert not await self.centre.switch.live_legs()


def scene_of(folder: Path, scene: Callable[[Lines], Awaitable[None]]) -> None:
    async def with_lines(talk: Talk) -> None:
        await scene(Lines(talk))

    play(folder, with_lines)


def test_the_second_line_hears_the_transfer_flow_ringing_and_the_destination(
    tmp_path: Path,
) -> None:
    async def scene(lines: Lines) -> None:
        talk = lines.talk
        talk.ben.answers(after=5)

        await talk.comes_to(S.RINGING)
        assert TRANSFERRING in lines.second.heard
        assert talk.where(lines.second) == RINGBACK
        assert talk.where(lines.first) == talk.where(talk.customer) == HOLD
        await talk.comes_to(S.CONSULTING)
        await talk.talking_are(lines.second, talk.ben)

    scene_of(tmp_path, scene)


@pytest.mark.parametrize("order", ["first", "second"])
def test_merging_the_lines_leaves_customer_and_destination_to_each_other(
    tmp_path: Path, order: str
) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        if order == "first":
            lines.first.merges_with(lines.second)
        else:
            lines.second.merges_with(lines.first)

        await lines.customer_stays_with_ben()
        await lines.all_is_over()

    scene_of(tmp_path, scene)


def test_merging_while_it_rings_is_a_cold_transfer(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        lines.talk.ben.rings()
        await lines.talk.comes_to(S.RINGING)

        lines.first.merges_with(lines.second)
        await lines.talk.comes_to(S.COLD_RINGING)
        lines.talk.ben.answer()

        await lines.customer_stays_with_ben()

    scene_of(tmp_path, scene)


@pytest.mark.parametrize("max_contacts", [0, 5])
def test_merging_before_a_queue_leaves_the_customer_in_it_or_in_their_own(
    tmp_path: Path, max_contacts: int
) -> None:
    def change(site: dict[str, Any]) -> None:
        (queue,) = (each for each in site["queues"] if each["name"] == "PasswordReset")
        queue["max_contacts"] = max_contacts

    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        talk.anna.holds()
        second = talk.centre.switch.dials_code(ANNAS_PHONE, "*73")
        await talk.comes_to(S.SOURCE_FLOW)

        talk.anna.rings().merges_with(second)

        await talk.comes_to(S.QUEUED)
        await talk.centre.until(lambda: second.leg is None)
        contact = await (talk.source() if max_contacts == 0 else talk.destination())
        assert contact.state in (ContactState.QUEUED, ContactState.OFFERED)
        assert contact.customer_leg == talk.customer.leg

    play(tmp_path, scene, change=change)


def test_hanging_the_second_line_up_brings_the_customer_back_on_the_first(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        lines.second.hang_up()
        lines.first.resumes()

        await lines.talk.comes_to(S.RETURNED)
        await lines.talk.talking_are(lines.talk.customer, lines.first)
        await lines.centre.until(lambda: lines.talk.ben.leg is None)
        assert (await lines.talk.source()).state is ContactState.CONNECTED
        assert (await lines.talk.source()).held_since is None
        await lines.all_is_over()

    scene_of(tmp_path, scene)


def test_the_second_line_is_hung_up_after_the_first_was_taken_off_hold(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()
        lines.first.resumes()
        await lines.talk.comes_to(S.DESTINATION_HELD)

        lines.second.hang_up()

        await lines.talk.comes_to(S.RETURNED)
        await lines.talk.talking_are(lines.talk.customer, lines.first)
        await lines.all_is_over()

    scene_of(tmp_path, scene)


def test_hanging_the_second_line_up_while_it_rings_cancels(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        lines.talk.ben.rings()
        await lines.talk.comes_to(S.RINGING)

        lines.second.hang_up()

        await lines.talk.comes_to(S.RETURNED)
        await lines.talk.talking_are(lines.talk.customer, lines.first)
        await lines.centre.until(lambda: lines.centre.is_doing(BEN, A.IDLE))

    scene_of(tmp_path, scene)


def test_the_phone_goes_to_and_fro_between_customer_and_destination(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        for _ in range(2):
            await lines.returns_to_first()
            await lines.talk.comes_to(S.DESTINATION_HELD)
            await lines.returns_to_second()
            await lines.talk.comes_to(S.CONSULTING)
        await lines.returns_to_first()
        await lines.talk.use(Verb.JOIN)
        await lines.talk.talking_are(lines.talk.customer, lines.first, lines.talk.ben)
        lines.first.merges_with(lines.second)

        await lines.customer_stays_with_ben()

    scene_of(tmp_path, scene)


def test_hanging_the_first_line_up_while_talking_there_leaves(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()
        await lines.returns_to_first()

        lines.first.hang_up()

        await lines.customer_stays_with_ben()

    scene_of(tmp_path, scene)


def test_a_destination_that_does_not_come_leaves_the_customer_on_the_line_in_use(
    tmp_path: Path,
) -> None:
    async def scene(lines: Lines) -> None:
        lines.talk.ben.rejects()

        await lines.talk.comes_to(S.RETURNED)
        await lines.talk.talking_are(lines.talk.customer, lines.second)
        lines.second.hang_up()

        await lines.talk.talking_are(lines.talk.customer, lines.first)
        await lines.all_is_over(ben=A.MISSED)

    scene_of(tmp_path, scene)


def test_the_end_of_the_contact_ends_both_lines(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()
        lines.talk.customer.hang_up()
        await lines.talk.comes_to(S.CUSTOMER_GONE)
        await lines.talk.talking_are(lines.second, lines.talk.ben)

        lines.second.hang_up()

        await lines.centre.until(lambda: lines.first.leg is None)
        await lines.talk.everybody_is_gone()

    scene_of(tmp_path, scene)


def test_a_phone_that_dies_in_a_consultation_leaves_the_customer_to_the_destination(
    tmp_path: Path,
) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        lines.second.dies()

        await lines.talk.talking_are(lines.talk.customer, lines.talk.ben)
        await lines.centre.until(lambda: lines.first.leg is None)

    scene_of(tmp_path, scene)


def test_both_lines_are_known_after_a_restart(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        lines.centre.lose_sessions()
        await lines.centre.passes(40)
        assert lines.talk.talk_together(lines.second, lines.talk.ben)
        assert lines.talk.where(lines.first) == HOLD
        lines.first.merges_with(lines.second)

        await lines.customer_stays_with_ben()

    scene_of(tmp_path, scene)


def test_a_line_that_was_hung_up_unseen_brings_the_customer_back(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()
        lines.centre.switch.cut_link()

        lines.second.hang_up()
        lines.centre.switch.restore_link()

        await lines.talk.comes_to(S.RETURNED)
        await lines.talk.talking_are(lines.talk.customer, lines.first)

    scene_of(tmp_path, scene)


def test_a_second_line_that_brings_in_another_talks_with_all(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        talk = lines.talk
        await lines.consult()
        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, lines.second, talk.ben)
        office = lines.centre.switch.customer(OFFICE).answers(after=1)

        assert lines.second.leg is not None
        lines.second.keys("*74")

        await talk.talking_are(talk.customer, lines.second, talk.ben, office)
        assert talk.where(lines.first) == HOLD

    scene_of(tmp_path, scene)


def test_a_second_line_dialled_in_a_talk_of_three_goes_on_talking(tmp_path: Path) -> None:
    async def with_talk(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        office = talk.centre.switch.customer(OFFICE).answers(after=1)

        second = talk.centre.switch.dials_code(ANNAS_PHONE, "*74")

        await talk.talking_are(talk.customer, second, talk.ben, office)
        assert talk.where(talk.anna) == HOLD
        second.hang_up()
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        await talk.centre.until(lambda: office.leg is None)

    play(tmp_path, with_talk)


def test_a_code_in_vain_is_said_and_the_call_goes_on(tmp_path: Path) -> None:
    async def scene(lines: Lines) -> None:
        await lines.consult()

        third = lines.centre.switch.dials_code(ANNAS_PHONE, "*71")
        await lines.centre.until(lambda: third.leg is None)

        assert "invalid" in " ".join(third.heard)
        assert lines.talk.talk_together(lines.second, lines.talk.ben)

    scene_of(tmp_path, scene)
