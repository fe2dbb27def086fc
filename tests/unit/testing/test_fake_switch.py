"""The fake switch keeps the rules of the real one: order, who may be moved, what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from ivr.domain.errors import LegGone, LinkDown, TelephonyError
from ivr.domain.ids import E164, BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import (
    END,
    GOODBYE,
    HOLD,
    LOST,
    PROGRAM,
    QUIET,
    RINGBACK,
    CallOrder,
    Keys,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegJoined,
    LegRang,
    LegStranded,
    LiveLeg,
    Participant,
    PhoneChanged,
    Place,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
    ToEndpoint,
    ToNumber,
    room,
)
from ivr.testing.fake_phone import HANGS_UP
from ivr.testing.fake_switch import Called, FakeSwitch, HungUp, Moved
from tests.virtual_time import START, VirtualClock, run_virtual

pytestmark = pytest.mark.unit

CONTACT = ContactId("k1")
LEG = LegId("k1-c1")


class World:
    """A switch with a controller that records its events."""

    def __init__(self, handler: Callable[[Participant], Coroutine[Any, Any, None]]) -> None:
        self.clock = VirtualClock()
        self.switch = FakeSwitch(self.clock)
        self.events: list[SwitchEvent] = []
        self.switch.attach(self.events.append, handler)

    def seconds(self) -> float:
        return (self.clock.now() - START).total_seconds()

    async def saw(self, event: SwitchEvent) -> None:
        await self.switch.until(lambda: event in self.events)


async def send_to_hold(participant: Participant) -> None:
    await participant.leave(HOLD)


def run(
    story: Callable[[World], Coroutine[Any, Any, None]],
    handler: Callable[[Participant], Coroutine[Any, Any, None]] = send_to_hold,
) -> World:
    async def play() -> World:
        world = World(handler)
        async with world.switch:
            await story(world)
        return world

    return run_virtual(play())


def an_order(
    *, leg: LegId = LEG, to: ToEndpoint | ToNumber | None = None, auto_answer: bool = False
) -> CallOrder:
    return CallOrder(
        leg_id=leg,
        to=to or ToNumber(number=E164("+4930111111"), trunk="line"),
        caller_number="+4930999999",
        caller_name="Shop",
        ring=timedelta(seconds=30),
        answer_at=QUIET,
        contact_id=CONTACT,
        auto_answer=auto_answer,
    )


def test_answered_leg_rings_then_goes_to_its_first_place() -> None:
    async def story(world: World) -> None:
        phone = world.switch.customer("+4930111111").answers(after=2)

        await world.switch.call(an_order())
        await world.saw(LegAnswered(LEG))

        assert world.events[1:] == [LegRang(LEG), LegAnswered(LEG)]
        assert world.seconds() == pytest.approx(2)
        assert phone.calls == [an_order()]
        assert world.switch.commands == [Called(an_order())]
        await world.switch.until(lambda: world.switch.where(LEG) == QUIET)

    run(story)


@pytest.mark.parametrize(
    ("script", "outcome", "rang", "after"),
    [
        ("rings", LegOutcome.NO_ANSWER, True, 30),
        ("is_silent", LegOutcome.NETWORK_FAILURE, False, 30),
        ("rejects", LegOutcome.REJECTED, True, 0),
        ("is_busy", LegOutcome.BUSY, False, 0),
        ("does_not_exist", LegOutcome.INVALID_NUMBER, False, 0),
        ("is_out_of_order", LegOutcome.NETWORK_FAILURE, False, 0),
    ],
)
def test_unanswered_leg_fails_once_with_its_outcome(
    script: str, outcome: LegOutcome, rang: bool, after: float
) -> None:
    async def story(world: World) -> None:
        getattr(world.switch.customer("+4930111111"), script)()

        await world.switch.call(an_order())
        await world.switch.until(lambda: any(isinstance(e, LegFailed) for e in world.events))

        (failed,) = [e for e in world.events if isinstance(e, LegFailed)]
        assert (failed.leg_id, failed.outcome, failed.rang) == (LEG, outcome, rang)
        assert world.seconds() == pytest.approx(after)
        assert not world.switch.is_live(LEG)

    run(story)


def test_unknown_and_unplugged_phones_fail_without_ringing() -> None:
    async def story(world: World) -> None:
        world.switch.phone("alice").unplug()

        await world.switch.call(an_order())
        await world.switch.call(
            an_order(leg=LegId("k1-a1"), to=ToEndpoint(endpoint=Endpoint("alice")))
        )
        await world.switch.until(lambda: len(world.events) == 4)

        assert world.events[0] == PhoneChanged(Endpoint("alice"), False)
        assert [(e.leg_id, e.outcome) for e in world.events if isinstance(e, LegFailed)] == [
            (LEG, LegOutcome.NETWORK_FAILURE),
            ("k1-a1", LegOutcome.NETWORK_FAILURE),
        ]
        assert await world.switch.reachable_phones() == frozenset()

    run(story)


def test_script_goes_on_from_call_to_call() -> None:
    async def story(world: World) -> None:
        world.switch.phone("alice").rejects().then().answers(leaves_after=5)
        to = ToEndpoint(endpoint=Endpoint("alice"))

        await world.switch.call(an_order(leg=LegId("1"), to=to))
        await world.switch.until(lambda: not world.switch.is_live(LegId("1")))
        await world.switch.call(an_order(leg=LegId("2"), to=to))
        await world.saw(LegEnded(LegId("2"), normal=True))

        assert LegFailed(LegId("1"), LegOutcome.REJECTED, True, "rejected") in world.events
        assert world.seconds() == pytest.approx(5)

    run(story)


def test_auto_answer_makes_a_ringing_phone_answer_by_itself() -> None:
    async def story(world: World) -> None:
        world.switch.customer("+4930111111")

        await world.switch.call(an_order(auto_answer=True))
        await world.saw(LegAnswered(LEG))

        assert world.seconds() == 0

    run(story)


def test_hang_up_while_it_rings_is_cancelled_by_us() -> None:
    async def story(world: World) -> None:
        world.switch.customer("+4930111111").rings()
        await world.switch.call(an_order())
        await world.saw(LegRang(LEG))

        with pytest.raises(LegGone):
            await world.switch.move(LEG, HOLD)
        await world.switch.hang_up(LEG)
        await world.saw(LegFailed(LEG, LegOutcome.CANCELLED, True, "cancelled"))
        await world.switch.hang_up(LEG)

        assert HungUp(LEG) in world.switch.commands

    run(story)


def test_leg_id_is_refused_the_second_time() -> None:
    async def story(world: World) -> None:
        world.switch.customer("+4930111111").is_busy()
        await world.switch.call(an_order())

        with pytest.raises(TelephonyError, match="used before"):
            await world.switch.call(an_order())

    run(story)


def test_person_decides_by_hand() -> None:
    async def story(world: World) -> None:
        phone = world.switch.customer("+4930111111").rings()
        await world.switch.call(an_order())
        await world.saw(LegRang(LEG))

        phone.answer()
        await world.switch.move(LEG, room(CONTACT))
        await world.saw(LegJoined(LEG, CONTACT, BridgeId("bridge-1")))
        assert world.switch.talking(CONTACT) == {LEG}
        phone.hang_up()

        assert world.events[-1] == LegEnded(LEG, normal=True)
        assert world.switch.talking(CONTACT) == frozenset()

    run(story)


def test_caller_is_answered_hears_and_presses() -> None:
    got: list[Keys] = []

    async def handler(participant: Participant) -> None:
        await participant.answer()
        for _ in range(3):
            got.append(
                await participant.collect(
                    ["menu"],
                    max_keys=4,
                    first=timedelta(seconds=5),
                    between=timedelta(seconds=2),
                    terminator="#",
                )
            )
        await participant.play(["thanks", "queue-music"])
        await participant.music(timedelta(minutes=1))
        await participant.leave(HOLD)

    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999", caller="+4930111111", name="Jo")
        caller.will_press("12#3", "", "98765")
        await world.switch.until(lambda: world.switch.where(caller.leg) == HOLD)

        assert got == [
            Keys(pressed="12", timed_out=False),
            Keys(pressed="", timed_out=True),
            Keys(pressed="9876", timed_out=False),
        ]
        assert caller.heard == ["menu", "menu", "menu", "thanks", "queue-music", "hold-music"]
        assert world.seconds() == pytest.approx(3 * 1 + 0.6 + 5 + 0.8 + 1 + 30 + 60)
        (entry,) = caller.entries
        assert (entry.script, entry.dialled, entry.caller) == (
            "inbound",
            "+4930999999",
            "+4930111111",
        )
        assert await world.switch.live_legs() == [
            LiveLeg(leg_id=LegId("in-1"), place=HOLD, up=True)
        ]

    run(story, handler)


def test_caller_who_hangs_up_in_mid_question_ends_the_program() -> None:
    ended: list[str] = []

    async def handler(participant: Participant) -> None:
        try:
            await participant.collect(
                ["menu"],
                max_keys=1,
                first=timedelta(seconds=5),
                between=timedelta(seconds=1),
                terminator="",
            )
        except LegGone:
            ended.append("gone")
            raise

    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999").will_press(HANGS_UP)
        await world.switch.until(lambda: caller.leg is None)

        assert world.events[-1] == LegEnded(LegId("in-1"), normal=True)

    run(story, handler)
    assert ended == ["gone"]


def test_moving_a_leg_ends_its_program_at_once() -> None:
    ended: list[float] = []

    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: caller.heard == ["long"])

        assert caller.leg is not None
        await world.switch.move(caller.leg, RINGBACK)
        await world.switch.until(lambda: world.switch.where(caller.leg) == RINGBACK)
        await world.switch.until(lambda: bool(ended))

        assert world.switch.commands == [Moved(LegId("in-1"), RINGBACK)]
        assert world.seconds() == 0

    async def handler(participant: Participant) -> None:
        try:
            await participant.play(["long"])
        finally:
            ended.append(1)

    run(story, handler)


def test_leg_knocks_every_second_until_a_controller_is_back() -> None:
    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: caller.heard == ["menu"])
        world.switch.detach()
        loop = asyncio.get_running_loop()
        loop.call_later(3.5, world.switch.attach, world.events.append, send_to_hold)
        await world.switch.until(lambda: world.switch.where(caller.leg) == HOLD)

        assert [entry.tries for entry in caller.entries] == [0, 4]
        assert {entry.script for entry in caller.entries} == {"inbound"}

    async def handler(participant: Participant) -> None:
        await participant.play(["menu"])
        await asyncio.Event().wait()

    run(story, handler)


def test_leg_hears_goodbye_when_no_controller_comes_for_a_minute() -> None:
    async def story(world: World) -> None:
        world.switch.detach()
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: world.switch.where(caller.leg) == GOODBYE)
        assert world.seconds() == pytest.approx(61)
        await world.switch.until(lambda: caller.leg is None)

        assert caller.heard == ["goodbye"]

    run(story)


def test_refused_and_reordered_callers() -> None:
    async def story(world: World) -> None:
        first = world.switch.dials("+4930000000")
        second = world.switch.dials("+4930999999")
        await world.switch.until(lambda: first.leg is None and second.leg is None)

        assert first.refused
        assert not second.refused
        assert second.heard == ["reorder"]

    async def handler(participant: Participant) -> None:
        if participant.entry.dialled == "+4930000000":
            await participant.refuse()
        else:
            await participant.reorder()

    run(story, handler)


def test_feature_code_arrives_with_the_agents_endpoint() -> None:
    async def story(world: World) -> None:
        line = world.switch.dials_code("alice", "*81")
        await world.switch.until(lambda: line.leg is None)

        (entry,) = line.entries
        assert (entry.script, entry.endpoint, entry.code) == ("feature", "alice", "*81")

    async def handler(participant: Participant) -> None:
        await participant.leave(END)

    run(story, handler)


def test_moved_to_program_is_handed_over_as_leg() -> None:
    async def story(world: World) -> None:
        world.switch.customer("+4930111111").answers()
        await world.switch.call(an_order())
        await world.saw(LegAnswered(LEG))

        await world.switch.move(LEG, PROGRAM)
        await world.switch.until(lambda: world.switch.where(LEG) == HOLD)

        (entry,) = world.switch.customer("+4930111111").entries
        assert (entry.script, entry.endpoint) == ("leg", "line")

    run(story)


def test_cut_link_loses_events_and_refuses_commands() -> None:
    async def story(world: World) -> None:
        phone = world.switch.customer("+4930111111").answers()
        await world.switch.call(an_order())
        await world.saw(LegAnswered(LEG))

        world.switch.cut_link()
        for command in (
            world.switch.call(an_order(leg=LegId("other"))),
            world.switch.move(LEG, HOLD),
            world.switch.hang_up(LEG),
            world.switch.live_legs(),
            world.switch.reachable_phones(),
        ):
            with pytest.raises(LinkDown) as caught:
                await command
            assert not caught.value.maybe_done
        phone.hang_up()
        world.switch.restore_link()
        await world.saw(SwitchUp(restarted=False))

        assert LegEnded(LEG, normal=True) not in world.events
        assert SwitchDown() in world.events
        assert await world.switch.live_legs() == []

    run(story)


def test_crash_takes_every_leg_without_a_word() -> None:
    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: world.switch.where(caller.leg) == HOLD)

        world.switch.crash()
        world.switch.start_again()
        await world.saw(SwitchUp(restarted=True))

        assert world.events == [SwitchUp(restarted=False), SwitchDown(), SwitchUp(restarted=True)]
        assert await world.switch.live_legs() == []

    run(story)


def test_a_stranded_leg_is_lost() -> None:
    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: world.switch.where(caller.leg) == HOLD)

        assert caller.leg is not None
        world.switch.strand(caller.leg)

        assert world.events[-1] == LegStranded(caller.leg)
        assert world.switch.where(caller.leg) == LOST

    run(story)


def test_failing_handler_fails_the_test() -> None:
    async def story(world: World) -> None:
        caller = world.switch.dials("+4930999999")
        await world.switch.until(lambda: world.switch.where(caller.leg) == HOLD)

    async def handler(_: Participant) -> None:
        message = "a bug"
        raise RuntimeError(message)

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        run(story, handler)


def test_two_in_one_room_may_be_in_different_bridges() -> None:
    async def story(world: World) -> None:
        for alone in (False, True, False):
            leg = world.switch.dials("+4930999999").leg
            await world.switch.until(partial(is_at, world, leg, HOLD))
            world.switch.next_joins_alone = alone
            assert leg is not None
            await world.switch.move(leg, room(CONTACT))
            await world.switch.until(partial(is_at, world, leg, room(CONTACT)))

        first, second, third = [leg.bridge for leg in await world.switch.live_legs()]
        assert first == third != second
        assert not world.switch.hear_each_other(CONTACT)

    run(story)


def is_at(world: World, leg: LegId | None, place: Place) -> bool:
    return world.switch.where(leg) == place
