"""The switch makes two conferences of one room: who talks is brought together, in virtual time.

The real switch is made to do it in ``tests/acceptance/test_rooms_apart.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.domain.ids import BridgeId
from ivr.domain.monitor import MonitorVerb
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.ports.telephony import HOLD, LegJoined, room
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_switch import Moved
from tests.integration.service.test_conference_rules import Room
from tests.integration.service.test_conference_rules import play as play_conference
from tests.integration.service.test_monitor_rules import Watch
from tests.integration.service.test_monitor_rules import play as play_watched
from tests.integration.service.test_quick_connect_rules import Talk, play

pytestmark = pytest.mark.integration


async def come_apart(talk: Talk, *phones: FakePhone) -> None:
    """Wait until a leg that joins alone was noticed, and all of these hear each other."""

    async def noticed() -> bool:
        return await mends(talk) > 0

    await talk.centre.until(noticed, within=5)
    await hear_each_other(talk, *phones)


async def hear_each_other(talk: Talk, *phones: FakePhone) -> None:
    def together() -> bool:
        return talk.talk_together(*phones) and talk.centre.switch.hear_each_other(talk.contact_id)

    await talk.centre.until(together, within=5)


async def mends(talk: Talk) -> int:
    """How often somebody was brought to the room again, in all contacts."""
    journals = [await talk.centre.journal(each.id) for each in await talk.centre.contacts()]
    return sum(kinds.count("room_apart") for kinds in journals)


def moves_of(talk: Talk, phone: FakePhone) -> int:
    commands = talk.centre.switch.commands
    return sum(isinstance(each, Moved) and each.leg_id == phone.leg for each in commands)


def test_two_who_begin_to_talk_apart_are_brought_together(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)
        on_hold = moves_of(talk, talk.customer)
        talk.centre.switch.next_joins_alone = True

        talk.ben.answer()

        await come_apart(talk, talk.anna, talk.ben)
        assert await mends(talk) == 1
        assert talk.where(talk.customer) == HOLD
        assert moves_of(talk, talk.customer) == on_hold

    play(tmp_path, scene)


def test_who_comes_back_to_another_bridge_and_who_was_there_meet(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.holds()
        await talk.centre.until(lambda: talk.where(talk.customer) == HOLD)
        talk.centre.switch.next_joins_alone = True

        talk.anna.resumes()

        await come_apart(talk, talk.customer, talk.anna)
        assert await mends(talk) == 2, "whom nobody finds follows whoever left for them"

    play(tmp_path, scene)


@pytest.mark.parametrize("alone", ["customer", "agent", "destination"])
def test_one_apart_from_two_is_brought_to_them(tmp_path: Path, alone: str) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        switch = talk.centre.switch
        if alone == "customer":
            switch.next_joins_alone = True
        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        phone = {"agent": talk.anna, "destination": talk.ben}.get(alone)
        if phone is not None and phone.leg is not None:
            switch.next_joins_alone = True
            await switch.move(phone.leg, room(talk.contact_id))

        await come_apart(talk, talk.customer, talk.anna, talk.ben)

        assert await mends(talk) <= 3

    play(tmp_path, scene)


def test_after_a_restart_the_comparison_brings_them_together(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        switch = talk.centre.switch
        await talk.consults()
        await talk.use(Verb.JOIN)
        await hear_each_other(talk, talk.customer, talk.anna, talk.ben)
        talk.centre.lose_sessions()
        switch.cut_link()
        switch.next_joins_alone = True
        assert talk.anna.leg is not None
        switch.send_on(talk.anna.leg, room(talk.contact_id))
        await talk.centre.passes(5)
        assert not switch.hear_each_other(talk.contact_id)

        switch.restore_link()

        await come_apart(talk, talk.customer, talk.anna, talk.ben)

    play(tmp_path, scene)


def test_six_who_are_all_alone_are_brought_together_one_after_the_other(tmp_path: Path) -> None:
    async def scene(room_of_six: Room) -> None:
        await room_of_six.bring("ben", "office", "carla", "dora")
        centre, contact_id = room_of_six.centre, room_of_six.room_id
        switch = centre.switch
        switch.cut_link()
        for leg in sorted(switch.talking(contact_id)):
            switch.next_joins_alone = True
            switch.send_on(leg, room(contact_id))
        before = len(switch.commands)

        switch.restore_link()
        await centre.until(lambda: switch.hear_each_other(contact_id), within=5)

        await centre.passes(100)
        assert switch.hear_each_other(contact_id)
        moved = [each.leg_id for each in switch.commands[before:] if isinstance(each, Moved)]
        assert len(moved) == 6
        assert set(moved) == switch.talking(contact_id)

    play_conference(tmp_path, scene)


def test_the_session_of_the_next_contact_knows_who_is_where(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        talk.centre.switch.next_joins_alone = True

        await talk.use(Verb.LEAVE)

        await come_apart(talk, talk.customer, talk.ben)

    play(tmp_path, scene)


def test_a_supervisor_who_barges_in_apart_is_heard(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        talk = watch.talk
        await watch.listens()
        talk.centre.switch.next_joins_alone = True

        await watch.ask(MonitorVerb.BARGE)

        await come_apart(talk, talk.customer, talk.anna, watch.sue)

    play_watched(tmp_path, scene)


def test_nobody_is_moved_where_all_hear_each_other(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.JOIN)
        await hear_each_other(talk, talk.customer, talk.anna, talk.ben)
        before = len(talk.centre.switch.commands)

        await talk.centre.passes(100)

        assert len(talk.centre.switch.commands) == before
        assert await mends(talk) == 0

    play(tmp_path, scene)


def test_who_was_put_on_hold_meanwhile_stays_there(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        on_hold = moves_of(talk, talk.customer)
        assert talk.customer.leg is not None
        late = LegJoined(talk.customer.leg, talk.contact_id, BridgeId("before"))

        talk.centre.switch.says(late)
        await talk.centre.passes(100)

        await hear_each_other(talk, talk.anna, talk.ben)
        assert talk.where(talk.customer) == HOLD
        assert moves_of(talk, talk.customer) == on_hold
        assert await mends(talk) == 1, "once, in vain"

    play(tmp_path, scene)


def test_nobody_is_apart_who_only_hears_a_reminder(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.anna.holds()
        await talk.centre.switch.until(lambda: "reminder" in talk.anna.heard)
        talk.anna.resumes()

        await hear_each_other(talk, talk.customer, talk.anna)

        assert await mends(talk) == 0

    play(tmp_path, scene)
