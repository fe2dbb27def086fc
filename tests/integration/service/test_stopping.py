"""G2: a supervisor ends a contact, wherever it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState, DisconnectReason
from ivr.domain.errors import NotFound, NotNow, StoreError
from ivr.domain.ids import ContactId
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.testing.fake_phone import FakePhone
from tests.centre import ANNA, ANNAS_PHONE, LOCAL, Centre, running_centre
from tests.integration.service.test_quick_connect_rules import CALLER, Talk
from tests.integration.service.test_quick_connect_rules import play as play_talk
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

A, C = AgentActivity, ContactState


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder) as centre:
            await scene(centre)

    run_virtual(main())


async def is_stopped(centre: Centre, caller: FakePhone) -> None:
    """Stop the one contact; the caller's line is hung up, and it says why it ended."""
    (contact,) = await centre.contacts()
    assert await centre.centre.stop(contact.id, by="test")
    await centre.until(lambda: caller.leg is None)
    (contact,) = await centre.contacts()
    assert (contact.state, contact.disconnect_reason) == (C.ENDED, DisconnectReason.API)
    assert "contact_stopped" in await centre.journal(contact.id)
    assert not await centre.centre.stop(contact.id, by="test"), "it is over already"


def test_g2_a_caller_in_a_flow_is_stopped(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        caller = centre.switch.dials(LOCAL, caller=CALLER)
        await centre.until(lambda: bool(caller.heard))
        await is_stopped(centre, caller)

    play(tmp_path, scene)


@pytest.mark.parametrize("activity", [A.OFFERED, A.CONNECTING, A.ON_CONTACT])
def test_g2_a_call_is_stopped_and_its_agent_is_free(
    tmp_path: Path, activity: AgentActivity
) -> None:
    async def scene(centre: Centre) -> None:
        anna = centre.switch.phone(ANNAS_PHONE).answers(after=3)
        await centre.becomes(ANNA)
        caller = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
        await centre.until(lambda: centre.is_doing(ANNA, activity))

        await is_stopped(centre, caller)

        await centre.until(lambda: anna.leg is None)
        talked = activity is A.ON_CONTACT
        after = A.AFTER_CONTACT_WORK if talked else A.IDLE
        await centre.until(lambda: centre.is_doing(ANNA, after))

    play(tmp_path, scene)


def test_g2_everybody_in_a_quick_connect_is_hung_up(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        destination = (await talk.destination()).id
        with pytest.raises(NotNow, match="a quick connect leads to it"):
            await talk.centre.centre.stop(destination, by="test")

        assert await talk.centre.centre.stop(talk.contact_id, by="test")

        await talk.everybody_is_gone()
        await talk.comes_to(TransferState.ENDED)

    play_talk(tmp_path, scene)


def test_g2_who_was_handed_over_is_stopped_like_any_other(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.consults()
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, talk.ben)

        assert await talk.centre.centre.stop((await talk.destination()).id, by="test")

        await talk.everybody_is_gone()

    play_talk(tmp_path, scene)


def test_g2_a_customer_who_was_left_is_stopped_while_the_destination_rings(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.rings()
        await talk.start("Ben")
        await talk.comes_to(TransferState.RINGING)
        await talk.use(Verb.LEAVE)
        await talk.comes_to(TransferState.COLD_RINGING)
        destination = (await talk.destination()).id
        assert not await talk.centre.centre.stop(talk.contact_id, by="test"), "that one is over"

        assert await talk.centre.centre.stop(destination, by="test")

        await talk.everybody_is_gone()
        await talk.comes_to(TransferState.ENDED)

    play_talk(tmp_path, scene)


def test_g2_a_stop_is_answered_though_the_database_fails_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(talk: Talk) -> None:
        store = talk.centre.store
        move, failures = store.move_contact, iter([StoreError("the database is away")])

        async def fails_once(*args: Any, **more: Any) -> bool:
            for failure in failures:
                raise failure
            return await move(*args, **more)

        monkeypatch.setattr(store, "move_contact", fails_once)

        async with asyncio.timeout(60):
            assert await talk.centre.centre.stop(talk.contact_id, by="test")

        await talk.everybody_is_gone()
        assert (await talk.source()).state is C.ENDED

    play_talk(tmp_path, scene)


def test_g2_a_callback_is_stopped_too(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()

        assert await centre.centre.stop(contact.id, by="test")

        assert (await centre.the_state(contact.id)) is C.ENDED
        with pytest.raises(NotFound):
            await centre.centre.stop(ContactId("nobody"), by="test")

    play(tmp_path, scene)
