"""G2: supervisors on the whole service floor, in virtual time: where they are, who is held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState, DisconnectReason
from ivr.domain.errors import NotFound, NotNow
from ivr.domain.ids import AgentId, Endpoint
from ivr.domain.monitor import MonitorVerb
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.ports.telephony import HOLD, coach, listen, room
from ivr.testing.fake_phone import FakePhone
from tests.centre import ANNA, BEN
from tests.integration.service.test_quick_connect_rules import Talk
from tests.integration.service.test_quick_connect_rules import play as play_talk

pytestmark = pytest.mark.integration

SUE = AgentId("sue")
A = AgentActivity
LISTEN, WHISPER, BARGE = MonitorVerb.LISTEN, MonitorVerb.WHISPER, MonitorVerb.BARGE
TAKE_OVER, STOP = MonitorVerb.TAKE_OVER, MonitorVerb.STOP


class Watch:
    """Anna talks with a caller; Sue supervises."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.centre = talk, talk.centre
        self.sue: FakePhone = talk.centre.switch.phone(Endpoint("agent-sue")).answers(after=1)

    async def ask(self, verb: MonitorVerb, supervisor: str = SUE) -> None:
        await self.centre.centre.supervisors.ask(self.talk.contact_id, supervisor, verb)

    async def seen(self) -> list[tuple[str, str]]:
        seen = await self.centre.centre.supervisors.of_contact(self.talk.contact_id)
        return [(each["supervisor"], each["mode"]) for each in seen]

    async def listens(self) -> None:
        await self.ask(LISTEN)
        await self.is_at(listen(self.leg(self.talk.anna)))

    async def is_at(self, place: Any) -> None:
        await self.centre.until(lambda: self.talk.where(self.sue) == place)

    async def is_free(self) -> None:
        await self.centre.until(lambda: self.centre.is_doing(SUE, A.IDLE))
        assert self.sue.leg is None
        assert await self.seen() == []

    def leg(self, phone: FakePhone) -> Any:
        assert phone.leg is not None
        return phone.leg


def play(folder: Path, scene: Callable[[Watch], Awaitable[None]]) -> None:
    def change(data: dict[str, Any]) -> None:
        data["agents"].append(
            {"name": "Sue", "routing_profile": "Calls and callbacks", "supervisor": True}
        )

    async def with_sue(talk: Talk) -> None:
        await scene(Watch(talk))

    play_talk(folder, with_sue, change=change)


def test_listen_whisper_and_barge_move_the_supervisor_alone(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        talk = watch.talk
        agent = watch.leg(talk.anna)
        before = len(watch.centre.switch.commands)

        await watch.ask(LISTEN)
        assert await watch.centre.is_doing(SUE, A.SUPERVISING)
        await watch.is_at(listen(agent))
        await watch.ask(WHISPER)
        await watch.is_at(coach(agent))
        await watch.ask(BARGE)
        await watch.is_at(room(talk.contact_id))
        await talk.talking_are(talk.customer, talk.anna, watch.sue)
        assert await watch.seen() == [(SUE, "barge")]
        await watch.ask(LISTEN)
        await watch.is_at(listen(agent))
        await watch.ask(STOP)
        await watch.is_free()

        moved = watch.centre.switch.commands[before:]
        others = {watch.leg(talk.customer), agent}
        assert not [c for c in moved if getattr(c, "leg_id", None) in others]
        assert talk.talk_together(talk.customer, talk.anna)

    play(tmp_path, scene)


def test_the_end_of_the_contact_ends_the_supervision(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        await watch.ask(BARGE)
        await watch.is_at(room(watch.talk.contact_id))

        watch.talk.customer.hang_up()

        await watch.is_free()
        await watch.talk.everybody_is_gone()

    play(tmp_path, scene)


def test_a_supervisor_who_does_not_answer_or_hangs_up_is_free_again(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        watch.sue.rejects()
        await watch.ask(LISTEN)
        await watch.is_free()

        watch.sue.answers()
        await watch.listens()
        watch.sue.hang_up()
        await watch.is_free()
        assert watch.talk.talk_together(watch.talk.customer, watch.talk.anna)

    play(tmp_path, scene)


def test_who_may_not_supervise_is_told_why(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        with pytest.raises(NotFound, match="no supervisor"):
            await watch.ask(LISTEN, supervisor=BEN)
        with pytest.raises(NotNow, match="does not supervise"):
            await watch.ask(TAKE_OVER)
        with pytest.raises(NotNow, match="does not supervise"):
            await watch.ask(STOP)
        watch.sue.rings()
        await watch.ask(LISTEN)
        with pytest.raises(NotNow, match="not answered"):
            await watch.ask(TAKE_OVER)
        await watch.ask(STOP)
        await watch.is_free()

    play(tmp_path, scene)


def test_a_quick_connect_goes_on_while_a_supervisor_listens(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        talk = watch.talk
        await watch.listens()

        await talk.consults()
        assert talk.where(watch.sue) == listen(watch.leg(talk.anna))
        with pytest.raises(NotNow, match="quick connect is under way"):
            await watch.ask(TAKE_OVER)
        assert talk.where(watch.sue) == listen(watch.leg(talk.anna)), "what is refused moves nobody"
        await talk.use(Verb.SWAP)
        await talk.use(Verb.JOIN)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        await talk.use(Verb.LEAVE)

        await talk.talking_are(talk.customer, talk.ben)
        await watch.is_free()

    play(tmp_path, scene)


def test_taking_over_hands_the_customer_to_the_supervisor(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        talk = watch.talk
        await watch.listens()

        await watch.ask(TAKE_OVER)

        await talk.talking_are(talk.customer, watch.sue)
        await watch.centre.until(lambda: talk.anna.leg is None)
        source, destination = await talk.source(), await talk.destination()
        assert source.state is ContactState.ENDED
        assert source.disconnect_reason is DisconnectReason.BARGED
        assert destination.state is ContactState.CONNECTED
        assert destination.agent_id == SUE
        assert await watch.centre.is_doing(SUE, A.ON_CONTACT)
        assert await watch.centre.is_doing(ANNA, A.AFTER_CONTACT_WORK)
        assert await watch.seen() == []

        watch.centre.lose_sessions()
        await watch.centre.passes(40)
        assert talk.talk_together(talk.customer, watch.sue), "found again after a restart"
        await watch.centre.centre.quick_connects.start(destination.id, "Ben")
        await talk.centre.until(lambda: talk.ben.leg is not None)
        watch.sue.hang_up()
        talk.ben.answer()
        await talk.talking_are(talk.customer, talk.ben)
        talk.customer.hang_up()
        await talk.everybody_is_gone()

    play(tmp_path, scene)


def test_taking_over_takes_the_customer_off_the_hold_of_the_agents_phone(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        talk = watch.talk
        await watch.listens()
        talk.anna.holds()
        await watch.centre.until(lambda: talk.where(talk.customer) == HOLD)

        await watch.ask(TAKE_OVER)

        await watch.centre.switch.until(
            lambda: (
                watch.centre.switch.talking(talk.contact_id) == {talk.customer.leg, watch.sue.leg}
            )
        )
        source = await talk.source()
        assert (source.holds, source.held_since) == (1, None)

    play(tmp_path, scene)


@pytest.mark.parametrize("verb", [LISTEN, WHISPER, BARGE], ids=lambda verb: verb.value)
def test_a_restart_finds_the_supervisor_where_they_are(tmp_path: Path, verb: MonitorVerb) -> None:
    async def scene(watch: Watch) -> None:
        await watch.ask(verb)
        await watch.centre.until(lambda: talk_place(watch) is not None)
        before = talk_place(watch)

        watch.centre.lose_sessions()
        await watch.centre.passes(40)

        assert talk_place(watch) == before
        assert await watch.seen() == [(SUE, verb.value)]
        await watch.ask(STOP)
        await watch.is_free()

    def talk_place(watch: Watch) -> Any:
        return watch.talk.where(watch.sue)

    play(tmp_path, scene)


def test_what_ended_while_nobody_watched_frees_the_supervisor(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        await watch.listens()
        watch.centre.switch.cut_link()

        watch.sue.hang_up()
        watch.centre.switch.restore_link()

        await watch.is_free()
        assert watch.talk.talk_together(watch.talk.customer, watch.talk.anna)

    play(tmp_path, scene)


def test_a_supervisor_is_offered_nothing_meanwhile(tmp_path: Path) -> None:
    async def scene(watch: Watch) -> None:
        await watch.centre.becomes(SUE)
        await watch.listens()
        watch.talk.ben.rejects()

        await watch.talk.start("Password reset")
        await watch.talk.comes_to(TransferState.IN_QUEUE)
        await watch.centre.until(lambda: watch.centre.is_doing(BEN, A.MISSED))
        await watch.centre.passes(10)
        assert len(watch.sue.calls) == 1
        await watch.ask(STOP)

        await watch.centre.until(lambda: len(watch.sue.calls) == 2)

    play(tmp_path, scene)
