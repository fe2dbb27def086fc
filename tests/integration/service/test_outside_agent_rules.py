"""C9: agents on outside numbers accept by a key, so that a voicemail never does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState
from ivr.domain.ids import E164, AgentId, Endpoint
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.ports.telephony import CallOrder, ToNumber
from ivr.service.dialling import NoOffer, offer
from ivr.testing.fake_phone import HANGS_UP, FakePhone
from ivr.testing.fake_switch import Called
from tests.builders import a_contact
from tests.centre import ANNA, LOCAL, Centre, running_centre
from tests.integration.service.test_quick_connect_rules import CALLER, Talk
from tests.integration.service.test_quick_connect_rules import play as play_talk
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

DORA, NUMBER, SHOP = AgentId("dora"), "+12025550177", "+12025550100"
CUSTOMER = "+12025550199"
TO_DORA = ToNumber(number=E164(NUMBER), trunk="carrier")
A, S = AgentActivity, TransferState


def with_dora(site: dict[str, Any]) -> None:
    """Dora is on a mobile phone; she does what Anna does."""
    profile = site["agents"][0]["routing_profile"]
    site["agents"].append({"name": "Dora", "routing_profile": profile, "number": NUMBER})
    site["quick_connects"].append({"name": "Dora", "agent": "dora"})
    for queue in site["queues"]:
        queue["quick_connects"].append("dora")


def asked(phone: FakePhone) -> int:
    """How often a phone was asked to accept."""
    return phone.heard.count("accept-call")


def offer_to(centre: Centre) -> CallOrder:
    """The one call that was made to Dora."""
    (order,) = (
        each.order
        for each in centre.switch.commands
        if isinstance(each, Called) and each.order.to == TO_DORA
    )
    return order


def play(folder: Path, scene: Callable[[Centre, FakePhone, FakePhone], Awaitable[None]]) -> None:
    """Have a caller wait for Dora, who is available."""

    async def main() -> None:
        async with running_centre(VirtualClock(), folder, change=with_dora) as centre:
            dora = centre.switch.customer(NUMBER).answers(after=3)
            caller = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
            await centre.becomes(DORA)
            await scene(centre, caller, dora)

    run_virtual(main())


async def state_of(centre: Centre) -> ContactState:
    (contact,) = await centre.contacts()
    return contact.state


def test_c9_who_accepts_by_key_talks_with_the_caller(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        dora.will_press("1")
        await centre.until(lambda: asked(dora) == 1)
        assert await state_of(centre) is ContactState.OFFERED
        assert dora.heard == ["accept-call"], "no whisper before the call is accepted"

        await centre.until(lambda: centre.is_doing(DORA, A.ON_CONTACT))

        (contact,) = await centre.contacts()
        assert centre.switch.talking(contact.id) == {caller.leg, dora.leg}
        assert dora.heard[1:], "then the agent whisper"
        order = offer_to(centre)
        assert order.caller_number == SHOP, "a network shows numbers of ours only"
        assert (order.keys_codes, order.auto_answer) == (True, False)
        dora.hang_up()
        await centre.until(lambda: caller.leg is None)

    play(tmp_path, scene)


def test_c9_a_voicemail_never_accepts(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        await centre.until(lambda: asked(dora) > 0)
        await centre.until(lambda: dora.leg is None)

        assert asked(dora) == 3
        assert dora.heard == ["accept-call"] * 3
        await centre.until(lambda: centre.is_doing(DORA, A.MISSED))
        assert await state_of(centre) is ContactState.QUEUED
        centre.agent_phone("agent-anna").answers()
        await centre.becomes(ANNA)
        await centre.until(lambda: centre.is_doing(ANNA, A.ON_CONTACT))

    play(tmp_path, scene)


def test_c9_another_key_is_asked_again(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        dora.will_press("5", "1")

        await centre.until(lambda: centre.is_doing(DORA, A.ON_CONTACT))

        assert asked(dora) == 2

    play(tmp_path, scene)


def test_c9_who_hangs_up_has_missed_it(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        dora.will_press(HANGS_UP)

        await centre.until(lambda: centre.is_doing(DORA, A.MISSED))

        assert await state_of(centre) is ContactState.QUEUED
        assert caller.leg is not None

    play(tmp_path, scene)


def test_c9_a_caller_who_hangs_up_frees_who_is_asked(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        await centre.until(lambda: asked(dora) == 1)

        caller.hang_up()

        await centre.until(lambda: dora.leg is None)
        assert await centre.is_doing(DORA, A.IDLE)

    play(tmp_path, scene)


def test_c9_who_is_asked_is_asked_again_by_a_new_session(tmp_path: Path) -> None:
    async def scene(centre: Centre, caller: FakePhone, dora: FakePhone) -> None:
        await centre.until(lambda: asked(dora) == 1)
        centre.switch.cut_link()
        centre.lose_sessions()
        dora.will_press("1")
        centre.switch.restore_link()

        await centre.until(lambda: centre.is_doing(DORA, A.ON_CONTACT))

        (contact,) = await centre.contacts()
        assert centre.switch.talking(contact.id) == {caller.leg, dora.leg}
        assert offer_to(centre), "and was called once"

    play(tmp_path, scene)


def test_c9_no_customer_is_dialled_for_a_voicemail(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), tmp_path, change=with_dora) as centre:
            dora = centre.switch.customer(NUMBER).answers(after=3)
            customer = centre.switch.customer(CUSTOMER).answers(after=1)
            await centre.asks_for_callback(CUSTOMER[2:])
            await centre.becomes(DORA)
            await centre.until(lambda: centre.is_doing(DORA, A.MISSED))
            assert not customer.calls

            dora.will_press("1")
            await centre.becomes(DORA)
            await centre.until(lambda: centre.is_doing(DORA, A.ON_CONTACT))
            assert len(customer.calls) == 1

    run_virtual(main())


# --- quick connects -----------------------------------------------------------------------------


def talk_of(folder: Path, scene: Callable[[Talk, FakePhone], Awaitable[None]]) -> None:
    """Anna talks with a customer, and can bring Dora in."""

    async def with_phone(talk: Talk) -> None:
        dora = talk.centre.switch.customer(NUMBER).answers(after=3)
        await talk.centre.becomes(DORA)
        await scene(talk, dora)

    play_talk(folder, with_phone, change=with_dora)


def test_c9_a_destination_accepts_by_key(tmp_path: Path) -> None:
    async def scene(talk: Talk, dora: FakePhone) -> None:
        dora.will_press("1")
        await talk.start("Dora")
        await talk.centre.until(lambda: asked(dora) == 1)
        assert (await talk.banner())[1] == "ringing"

        await talk.comes_to(S.CONSULTING)

        assert talk.talk_together(talk.anna, dora)
        await talk.use(Verb.LEAVE)
        await talk.talking_are(talk.customer, dora)
        assert await talk.centre.is_doing(DORA, A.ON_CONTACT)

    talk_of(tmp_path, scene)


@pytest.mark.parametrize("hold", [True, False])
def test_c9_a_voicemail_is_no_destination(tmp_path: Path, hold: bool) -> None:
    async def scene(talk: Talk, dora: FakePhone) -> None:
        await talk.start("Dora", hold=hold)
        await talk.centre.until(lambda: asked(dora) == 3)

        await talk.comes_to(S.RETURNED)

        await talk.talking_are(talk.customer, talk.anna)
        await talk.centre.until(lambda: dora.leg is None)
        assert await talk.centre.is_doing(DORA, A.MISSED)

    talk_of(tmp_path, scene)


def test_c9_a_customer_who_was_left_waits_until_the_destination_accepts(tmp_path: Path) -> None:
    async def scene(talk: Talk, dora: FakePhone) -> None:
        await talk.start("Dora")
        await talk.centre.until(lambda: asked(dora) == 1)
        await talk.use(Verb.LEAVE)
        await talk.comes_to(S.COLD_RINGING)
        dora.will_press("1")

        await talk.comes_to(S.HANDED_OVER)

        await talk.talking_are(talk.customer, dora)

    talk_of(tmp_path, scene)


def test_c9_a_destination_who_is_asked_is_asked_again_by_a_new_session(tmp_path: Path) -> None:
    async def scene(talk: Talk, dora: FakePhone) -> None:
        await talk.start("Dora")
        await talk.centre.until(lambda: asked(dora) == 1)
        talk.centre.switch.cut_link()
        talk.centre.lose_sessions()
        dora.will_press("1")
        talk.centre.switch.restore_link()

        await talk.comes_to(S.CONSULTING)

        assert talk.talk_together(talk.anna, dora)

    talk_of(tmp_path, scene)


def test_c9_a_voicemail_is_none_though_the_site_changes_while_it_is_asked(tmp_path: Path) -> None:
    async def scene(talk: Talk, dora: FakePhone) -> None:
        await talk.start("Dora")
        await talk.centre.until(lambda: asked(dora) == 1)
        site = talk.centre.world.site.now
        moved = replace(site.agent(DORA), number=None, endpoint=Endpoint("agent-dora"))
        agents = tuple(moved if each.id == DORA else each for each in site.agents)
        talk.centre.world.site.replace(replace(site, agents=agents))

        await talk.comes_to(S.RETURNED)

        await talk.talking_are(talk.customer, talk.anna)

    talk_of(tmp_path, scene)


# --- rules --------------------------------------------------------------------------------------


def test_c9_a_number_that_may_not_be_called_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), tmp_path, change=with_dora) as centre:
            site = centre.world.site.now
            dora = site.agent(DORA)
            contact = a_contact()
            leg = contact.agent_leg
            assert isinstance(offer(site, dora, contact, leg, name="Call"), CallOrder)
            premium = replace(dora, number=E164("+19005550199"))

            assert offer(site, premium, contact, leg, name="Call") is NoOffer.FORBIDDEN
            alone = replace(site, trunks=())
            assert offer(alone, dora, contact, leg, name="Call") is NoOffer.NO_TRUNK

    run_virtual(main())
