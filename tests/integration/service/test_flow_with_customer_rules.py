"""E2: a transfer flow speaks with the agent, with the customer, or with both, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.contact import ContactState
from ivr.domain.errors import NotNow, StoreError
from ivr.domain.ids import ContactId
from ivr.domain.quick_connect import TransferState
from ivr.domain.transfer import Verb
from ivr.ports.telephony import HOLD, PROGRAM, RINGBACK, CallOrder, ToRoom, room
from ivr.testing.fake_phone import FakePhone
from tests.centre import ANNA, BEN, LOCAL, running_centre
from tests.integration.service.test_quick_connect_rules import CALLER, Talk, play
from tests.payment_flow import ASKS, BOTH, THANKS, payment_flow, turning_flow
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

S = TransferState
CARD = "4111111111111111"
KINDS = {"Ben": "AGENT_TRANSFER", "Password reset": "QUEUE_TRANSFER"}


def paying(quick_connect: str = "Ben", ends: str = "DisconnectParticipant", **how: Any) -> Any:
    """Arguments of ``play`` for a site where a quick connect has the payment flow."""

    def change(site: dict[str, Any]) -> None:
        site["flows"].append({"name": "Payment", "kind": KINDS[quick_connect]})
        for each in site["quick_connects"]:
            if each["name"] == quick_connect:
                each["flow"] = "Payment"

    return {"change": change, "flows": {"payment.json": payment_flow(ends, **how)}}


def flow_in_room(talk: Talk) -> FakePhone:
    """The room, as the flow's own leg hears it and plays to it."""
    return talk.centre.switch.phone(f"room {talk.contact_id}")


def said(phone: FakePhone) -> list[str]:
    """What a flow of payment said to a phone."""
    return [each[4:] for each in phone.heard if each[4:] in (BOTH, ASKS, THANKS)]


def test_customer_keys_what_the_agent_does_not_hear(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        talk.centre.switch.sound_length = timedelta(seconds=2)
        talk.customer.will_press(CARD + "#")
        await talk.start("Ben")

        await talk.comes_to(S.JOINT_FLOW)
        assert await talk.banner() == ("connected", "transferring")
        await talk.talking_are(talk.customer, talk.anna)
        await talk.comes_to(S.CUSTOMER_FLOW)
        assert flow_in_room(talk).leg is None
        await talk.centre.until(lambda: talk.where(talk.anna) == PROGRAM)
        assert (await talk.source()).held_since is None
        await talk.comes_to(S.SOURCE_FLOW)
        assert talk.where(talk.customer) == HOLD
        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)

        assert said(flow_in_room(talk)) == [BOTH]
        assert said(talk.customer) == [ASKS]
        assert said(talk.anna) == [THANKS]
        assert any("hold" in each for each in talk.anna.heard)
        assert (await talk.source()).attributes["card"] == CARD
        assert (await talk.source()).holds == 2
        destination = await talk.destination()
        assert (destination.state, destination.position) == (ContactState.ENDED, None)
        assert (await talk.transfer()).flow_legs == 1

    play(tmp_path, scene, **paying())


@pytest.mark.parametrize("last", ["CustomerOnHold", "AgentOnHold"])
def test_agent_who_comes_finds_the_customer_on_hold(tmp_path: Path, last: str) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=5)
        talk.customer.will_press(CARD + "#")
        await talk.start("Ben")

        await talk.comes_to(S.RINGING)
        assert said(talk.customer if last == "AgentOnHold" else talk.anna)[-1] == THANKS
        await talk.centre.until(lambda: talk.where(talk.customer) == HOLD)
        assert talk.where(talk.anna) == RINGBACK
        await talk.comes_to(S.CONSULTING)
        assert talk.talk_together(talk.anna, talk.ben)

    play(tmp_path, scene, **paying(ends="TransferContactToAgent", last=last))


@pytest.mark.parametrize(
    ("quick_connect", "ends", "state"),
    [
        ("Ben", "TransferContactToAgent", S.ADDING_RINGING),
        ("Password reset", "TransferContactToQueue", S.ADDING_IN_QUEUE),
    ],
)
def test_who_is_together_stays_so_while_the_agent_is_fetched(
    tmp_path: Path, quick_connect: str, ends: str, state: TransferState
) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=5)
        talk.customer.will_press(CARD + "#")
        await talk.start(quick_connect)

        await talk.comes_to(state)
        assert said(flow_in_room(talk)) == [BOTH, THANKS]
        assert flow_in_room(talk).leg is None
        assert talk.talk_together(talk.customer, talk.anna)
        await talk.comes_to(S.JOINED)
        await talk.talking_are(talk.customer, talk.anna, talk.ben)
        assert (await talk.transfer()).flow_legs == 2

    play(tmp_path, scene, **paying(quick_connect, ends, last="OffHold"))


# --- what can happen meanwhile ------------------------------------------------------------------

TURNED = [S.JOINT_FLOW, S.CUSTOMER_FLOW]


@pytest.mark.parametrize("state", TURNED)
def test_flow_goes_on_where_it_was_when_the_controller_is_back(
    tmp_path: Path, state: TransferState
) -> None:
    async def scene(talk: Talk) -> None:
        talk.customer.will_press(CARD + "#")
        talk.centre.switch.sound_length = timedelta(seconds=6)
        await talk.start("Ben")
        await talk.comes_to(state)
        await talk.centre.passes(1)

        talk.centre.switch.cut_link()
        talk.centre.lose_sessions()
        talk.centre.switch.restore_link()

        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert (await talk.source()).attributes["card"] == CARD
        assert said(talk.anna) == [THANKS]
        assert flow_in_room(talk).leg is None

    play(tmp_path, scene, **paying())


@pytest.mark.parametrize("state", TURNED)
def test_agent_who_hangs_up_leaves_the_customer_to_the_destination(
    tmp_path: Path, state: TransferState
) -> None:
    async def scene(talk: Talk) -> None:
        talk.ben.answers(after=2)
        talk.customer.will_press()
        await talk.start("Ben")
        await talk.comes_to(state)

        talk.anna.hang_up()

        await talk.comes_to(S.HANDED_OVER)
        assert talk.talk_together(talk.customer, talk.ben)
        assert flow_in_room(talk).leg is None

    play(tmp_path, scene, **paying())


@pytest.mark.parametrize("state", TURNED)
def test_agent_who_hangs_up_leaves_the_customer_in_the_queue(
    tmp_path: Path, state: TransferState
) -> None:
    async def scene(talk: Talk) -> None:
        await talk.centre.becomes(BEN, "Offline")
        await talk.start("Password reset")
        await talk.comes_to(state)

        talk.anna.hang_up()

        await talk.comes_to(S.QUEUED)
        destination = await talk.destination()
        assert destination.state is ContactState.QUEUED
        assert destination.customer_leg == talk.customer.leg
        talk.ben.answers()
        await talk.centre.becomes(BEN)
        await talk.talking_are(talk.customer, talk.ben)

    play(tmp_path, scene, **paying("Password reset", "TransferContactToQueue"))


@pytest.mark.parametrize("state", TURNED)
def test_cancel_brings_both_together(tmp_path: Path, state: TransferState) -> None:
    async def scene(talk: Talk) -> None:
        await talk.start("Ben")
        await talk.comes_to(state)

        await talk.use(Verb.CANCEL)

        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        await talk.centre.until(lambda: flow_in_room(talk).leg is None)

    play(tmp_path, scene, **paying())


@pytest.mark.parametrize("state", TURNED)
def test_customer_who_hangs_up_ends_it(tmp_path: Path, state: TransferState) -> None:
    async def scene(talk: Talk) -> None:
        await talk.start("Ben")
        await talk.comes_to(state)

        talk.customer.hang_up()

        await talk.everybody_is_gone()
        await talk.comes_to(S.ENDED)
        assert flow_in_room(talk).leg is None

    play(tmp_path, scene, **paying())


def test_flow_that_loses_its_leg_leaves_both_talking(tmp_path: Path) -> None:
    async def scene(talk: Talk) -> None:
        await talk.start("Ben")
        await talk.comes_to(S.JOINT_FLOW)
        await talk.centre.until(lambda: flow_in_room(talk).leg is not None)

        flow_in_room(talk).dies()

        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert "transfer_failed" in await talk.centre.journal(talk.contact_id)

    play(tmp_path, scene, **paying())


def test_flow_that_turns_round_and_round_is_ended(tmp_path: Path) -> None:
    how = paying()
    how["flows"]["payment.json"] = turning_flow("DisconnectParticipant", says=False)

    async def scene(talk: Talk) -> None:
        await talk.start("Ben")

        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)
        assert 10 < (await talk.transfer()).flow_legs < 100

    play(tmp_path, scene, **how)


def test_whoever_calls_has_no_previous_contact_to_hold(tmp_path: Path) -> None:
    async def main() -> None:
        flow = payment_flow()
        async with running_centre(
            VirtualClock(), tmp_path, flows={"local-entry.json": flow}
        ) as centre:
            caller = centre.switch.dials(LOCAL, caller=CALLER)
            await centre.until(lambda: caller.leg is None)
            assert caller.heard == []

    run_virtual(main())


def test_what_was_keyed_is_not_kept_once_the_flow_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(talk: Talk) -> None:
        store = talk.centre.store
        move = store.move_transfer
        talk.customer.will_press(CARD + "#")
        await talk.start("Ben")
        await talk.comes_to(S.JOINT_FLOW)

        async def answers_late(*args: Any, **more: Any) -> bool:
            moved = await move(*args, **more)
            await talk.centre.passes(15)
            return moved

        monkeypatch.setattr(store, "move_transfer", answers_late)
        await talk.use(Verb.CANCEL)

        await talk.comes_to(S.RETURNED)
        await talk.centre.passes(15)
        assert (await talk.destination()).position is None

    play(tmp_path, scene, **paying())


def test_flow_turns_only_from_where_it_is_known_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(talk: Talk) -> None:
        store = talk.centre.store
        change, failures = store.change_contact, 5

        async def fails_at_first(contact_id: ContactId, fields: Any, *more: Any, **now: Any) -> Any:
            nonlocal failures
            if "position" in fields and failures:
                failures -= 1
                raise StoreError("the database is away")
            return await change(contact_id, fields, *more, **now)

        monkeypatch.setattr(store, "change_contact", fails_at_first)
        talk.customer.will_press(CARD + "#")
        await talk.start("Ben")

        await talk.comes_to(S.RETURNED)

        assert failures == 0
        assert said(flow_in_room(talk)) == [BOTH]
        assert said(talk.customer) == [ASKS]
        assert (await talk.source()).attributes["card"] == CARD

    play(tmp_path, scene, **paying())


# --- two conferences of one room ----------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_flow_that_is_apart_comes_to_those_with_whom_it_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    async def scene(talk: Talk) -> None:
        switch = talk.centre.switch
        call, first = switch.call, iter([True])
        switch.sound_length = timedelta(seconds=5)

        async def alone(order: CallOrder) -> None:
            if isinstance(order.to, ToRoom):
                switch.next_joins_alone = next(first, False)
            await call(order)

        if not late:
            monkeypatch.setattr(switch, "call", alone)
        await talk.start("Ben")
        if late:
            await talk.comes_to(S.JOINT_FLOW)
            await talk.talking_are(talk.customer, talk.anna)
            assert talk.customer.leg is not None
            switch.next_joins_alone = True
            await switch.move(talk.customer.leg, room(talk.contact_id))

        async def mended() -> bool:
            journal = await talk.centre.journal(talk.contact_id)
            return "room_apart" in journal and switch.hear_each_other(talk.contact_id)

        await talk.centre.until(mended, within=5)
        assert (await talk.transfer()).state is S.JOINT_FLOW
        bridges = {leg.bridge for leg in await switch.live_legs() if leg.bridge}
        assert len(bridges) == 1, "the flow's leg is there too"

    play(tmp_path, scene, **paying())


# --- a queue that is full -----------------------------------------------------------------------


def _before_a_full_queue() -> dict[str, Any]:
    how = paying("Password reset", "TransferContactToQueue")

    def closed(site: dict[str, Any]) -> None:
        how["change"](site)
        next(q for q in site["queues"] if q["name"] == "PasswordReset")["max_contacts"] = 0

    return {"change": closed, "flows": how["flows"]}


@pytest.mark.parametrize("state", [S.SOURCE_FLOW, *TURNED])
def test_agent_who_hangs_up_before_a_full_queue_leaves_the_customer_in_their_own(
    tmp_path: Path, state: TransferState
) -> None:

    async def scene(talk: Talk) -> None:
        await talk.start("Password reset")
        await talk.comes_to(state)

        talk.anna.rings().hang_up()

        await talk.comes_to(S.QUEUED)
        assert talk.where(talk.customer) == PROGRAM
        assert (await talk.destination()).state is ContactState.ENDED
        await talk.centre.until(lambda: talk.centre.is_doing(ANNA, AgentActivity.OFFERED))
        assert (await talk.source()).state is ContactState.OFFERED, "and may be offered it again"

    play(tmp_path, scene, **_before_a_full_queue())


@pytest.mark.parametrize("state", [S.SOURCE_FLOW, *TURNED])
def test_agent_who_leaves_before_a_full_queue_is_told_and_stays(
    tmp_path: Path, state: TransferState
) -> None:
    async def scene(talk: Talk) -> None:
        await talk.start("Password reset")
        await talk.comes_to(state)

        with pytest.raises(NotNow, match="the queue is full"):
            await talk.use(Verb.LEAVE)

        await talk.comes_to(S.RETURNED)
        await talk.talking_are(talk.customer, talk.anna)

    play(tmp_path, scene, **_before_a_full_queue())
