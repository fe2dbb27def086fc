"""The telephony port: what the fake switch and Asterisk with our edge do alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from ivr.domain.errors import LegGone, TelephonyError
from ivr.domain.ids import ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.provisioning import PbxPlan
from ivr.ports.telephony import (
    END,
    HOLD,
    PROGRAM,
    QUIET,
    RINGBACK,
    SORRY_RINGING,
    CallOrder,
    Keys,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegJoined,
    LegRang,
    Participant,
    Place,
    ToEndpoint,
    ToNumber,
    ToRoom,
    reminder,
    room,
    sorry,
)
from tests.pbx import Pbx
from tests.switches import (
    ANNA,
    CALLER,
    DID,
    NUMBER,
    Habit,
    Stage,
    a_pbx,
    fake_stage,
    real_stage,
)

pytestmark = pytest.mark.contract

CONTACT = ContactId("k1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    async with a_pbx(tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(params=["fake", "asterisk"])
def plan(request: pytest.FixtureRequest) -> PbxPlan | None:
    """Where the switch is; none for the fake one."""
    if request.param == "fake":
        return None
    running: Pbx = request.getfixturevalue("pbx")
    return running.plan


@pytest_asyncio.fixture
async def stage(plan: PbxPlan | None) -> AsyncIterator[Stage]:
    async with fake_stage() if plan is None else real_stage(plan) as the_stage:
        yield the_stage


@pytest.fixture
def leg(request: pytest.FixtureRequest) -> LegId:
    """A leg id of this test's own."""
    return LegId("".join(c if c.isalnum() else "-" for c in request.node.name)[-70:])


def an_order(leg: LegId, *, place: Place = QUIET, ring: float = 10) -> CallOrder:
    return CallOrder(
        leg_id=leg,
        to=ToNumber(number=NUMBER, trunk="line"),
        caller_number=DID.number,
        caller_name="Shop",
        ring=timedelta(seconds=ring),
        answer_at=place,
        contact_id=CONTACT,
    )


async def ask(stage: Stage, participant: Participant, *, most: int, terminator: str) -> Keys:
    stage.asks()
    return await participant.collect(
        [],
        max_keys=most,
        first=timedelta(seconds=1.5),
        between=timedelta(seconds=0.7),
        terminator=terminator,
    )


async def test_answered_leg_goes_to_its_first_place(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.ANSWERS)

    await stage.control.call(an_order(leg, place=HOLD))
    await stage.saw(LegAnswered(leg))
    await stage.is_at(leg, HOLD)

    assert stage.told(leg) == [LegRang(leg), LegAnswered(leg)]
    assert [leg.up for leg in await stage.control.live_legs()] == [True]


@pytest.mark.parametrize(
    ("habit", "outcome", "rang"),
    [
        (Habit.RINGS, LegOutcome.NO_ANSWER, True),
        (Habit.DECLINES, LegOutcome.REJECTED, True),
        (Habit.IS_BUSY, LegOutcome.BUSY, False),
        (Habit.DOES_NOT_EXIST, LegOutcome.INVALID_NUMBER, False),
        (Habit.IS_OUT_OF_ORDER, LegOutcome.NETWORK_FAILURE, False),
        (Habit.IS_SILENT, LegOutcome.NETWORK_FAILURE, False),
    ],
)
async def test_unanswered_leg_fails_once(
    stage: Stage, leg: LegId, habit: Habit, outcome: LegOutcome, rang: bool
) -> None:
    stage.customer_will(habit)

    await stage.control.call(an_order(leg, ring=1))
    await stage.until(lambda: any(isinstance(event, LegFailed) for event in stage.told(leg)))
    await stage.is_gone(leg)

    *before, failed = stage.told(leg)
    assert before == ([LegRang(leg)] if rang else [])
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (outcome, rang)


async def test_phone_that_is_not_there_fails_without_ringing(stage: Stage, leg: LegId) -> None:
    order = an_order(leg)
    await stage.control.call(
        CallOrder(
            leg_id=leg,
            to=ToEndpoint(endpoint=ANNA.endpoint),
            caller_number=order.caller_number,
            caller_name=order.caller_name,
            ring=order.ring,
            answer_at=order.answer_at,
            contact_id=order.contact_id,
        )
    )
    await stage.until(lambda: bool(stage.told(leg)))

    (failed,) = stage.told(leg)
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (LegOutcome.NETWORK_FAILURE, False)
    assert ANNA.endpoint not in await stage.control.reachable_phones()


async def test_leg_hung_up_while_it_rings_is_cancelled(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.RINGS)
    await stage.control.call(an_order(leg))
    await stage.saw(LegRang(leg))

    await stage.control.hang_up(leg)
    await stage.until(lambda: len(stage.told(leg)) == 2)

    failed = stage.told(leg)[-1]
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (LegOutcome.CANCELLED, True)


async def test_leg_id_is_refused_while_the_leg_lives(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg))
    await stage.saw(LegAnswered(leg))

    with pytest.raises(TelephonyError):
        await stage.control.call(an_order(leg))
    await stage.is_at(leg, QUIET)

    assert stage.told(leg) == [LegRang(leg), LegAnswered(leg)]


async def test_moves_take_a_leg_from_place_to_place(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg))
    await stage.saw(LegAnswered(leg))

    for place in (HOLD, RINGBACK, room(CONTACT), QUIET):
        await stage.control.move(leg, place)
        await stage.is_at(leg, place)
        if place == room(CONTACT):  # it stands at the door before it has joined
            joined = await stage.joined(leg, CONTACT)
    await stage.control.move(leg, END)
    await stage.saw(LegEnded(leg, normal=True))

    assert stage.told(leg)[2:] == [joined, LegEnded(leg, normal=True)]
    with pytest.raises(LegGone):
        await stage.control.move(leg, HOLD)
    await stage.control.hang_up(leg)


@pytest.mark.parametrize("tone", [sorry, reminder])
async def test_a_leg_that_hears_a_tone_comes_to_the_room(
    stage: Stage, leg: LegId, tone: Callable[[ContactId], Place]
) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg))
    await stage.saw(LegAnswered(leg))

    await stage.control.move(leg, tone(CONTACT))

    await stage.joined(leg, CONTACT)
    await stage.is_at(leg, room(CONTACT))


async def test_leg_to_a_room_is_answered_there_and_is_one_leg(stage: Stage, leg: LegId) -> None:
    order = replace(an_order(leg, place=PROGRAM), to=ToRoom(contact_id=CONTACT))
    await stage.control.call(order)
    await stage.is_at(leg, HOLD)  # where the controller sends whoever comes to it

    await stage.until(lambda: len(stage.told(leg)) == 2)
    (live,) = await stage.control.live_legs()
    assert live.leg_id == leg
    assert live.bridge is not None
    assert LegJoined(leg, CONTACT, live.bridge) in stage.told(leg)
    assert LegAnswered(leg) in stage.told(leg)
    await stage.control.hang_up(leg)
    await stage.saw(LegEnded(leg, normal=True))
    assert await stage.places() == {}


async def test_a_leg_that_hears_a_tone_comes_to_the_ringing(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg))
    await stage.saw(LegAnswered(leg))

    await stage.control.move(leg, SORRY_RINGING)

    await stage.is_at(leg, RINGBACK)


async def test_party_who_hangs_up_ends_the_leg(stage: Stage, leg: LegId) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg, place=room(CONTACT)))
    await stage.joined(leg, CONTACT)

    await stage.customer_hangs_up()
    await stage.saw(LegEnded(leg, normal=True))

    assert await stage.places() == {}


async def test_caller_is_handed_over_with_what_they_dialled(stage: Stage) -> None:
    stage.dials()
    await stage.until(lambda: bool(stage.entries))
    async with asyncio.timeout(5):
        await _at(stage, HOLD)

    (entry,) = stage.entries
    assert (entry.script, entry.dialled, entry.caller) == ("inbound", DID.number, CALLER)
    assert (entry.endpoint, entry.code, entry.tries) == ("carrier", None, 0)
    stage.caller_hangs_up()
    await stage.until(lambda: any(isinstance(event, LegEnded) for event in stage.events))


async def _at(stage: Stage, place: Place) -> None:
    """Return once the one leg there is has come to this place."""
    while list((await stage.places()).values()) != [place]:
        await stage.a_moment()


@pytest.mark.parametrize(
    ("keys", "most", "terminator", "expected"),
    [
        ("1", 1, "", Keys(pressed="1", timed_out=False)),
        ("#", 1, "", Keys(pressed="#", timed_out=False)),
        ("030*12#", 20, "#", Keys(pressed="030*12", timed_out=False)),
        ("123", 3, "#", Keys(pressed="123", timed_out=False)),
        ("45#*", 20, "*", Keys(pressed="45#", timed_out=False)),
        ("12", 20, "#", Keys(pressed="12", timed_out=False)),
        ("#", 20, "#", Keys(pressed="", timed_out=False)),
        ("", 20, "#", Keys(pressed="", timed_out=True)),
    ],
)
async def test_keys_are_taken_by_the_rules(
    stage: Stage, keys: str, most: int, terminator: str, expected: Keys
) -> None:
    got: list[Keys] = []

    async def handler(participant: Participant) -> None:
        await participant.answer()
        got.append(await ask(stage, participant, most=most, terminator=terminator))
        await participant.leave(END)

    stage.handler = handler
    stage.dials(keys)
    await stage.until(lambda: any(isinstance(event, LegEnded) for event in stage.events))

    assert got == [expected]


async def test_caller_of_an_unknown_number_is_refused(stage: Stage) -> None:
    async def handler(participant: Participant) -> None:
        await participant.refuse()

    stage.handler = handler
    stage.dials()

    assert await stage.caller_was_refused()
    await stage.until(lambda: any(isinstance(event, LegEnded) for event in stage.events))


async def test_caller_who_hangs_up_ends_the_program(stage: Stage) -> None:
    gone = asyncio.Event()
    playing = asyncio.Event()

    async def handler(participant: Participant) -> None:
        await participant.answer()
        playing.set()
        with pytest.raises(LegGone):
            await participant.music(timedelta(minutes=1))
        with pytest.raises(LegGone):
            await participant.leave(HOLD)
        gone.set()

    stage.handler = handler
    stage.dials()
    await playing.wait()
    stage.caller_hangs_up()
    async with asyncio.timeout(5):
        await gone.wait()

    await stage.until(lambda: any(isinstance(event, LegEnded) for event in stage.events))


async def test_move_ends_the_program(stage: Stage) -> None:
    gone = asyncio.Event()
    legs: list[LegId] = []

    async def handler(participant: Participant) -> None:
        await participant.answer()
        legs.append(participant.leg_id)
        stage.stir()
        with pytest.raises(LegGone):
            await participant.music(timedelta(minutes=1))
        gone.set()

    stage.handler = handler
    stage.dials()
    await stage.until(lambda: bool(legs))
    await stage.control.move(legs[0], room(CONTACT))
    async with asyncio.timeout(5):
        await gone.wait()
    await stage.joined(legs[0], CONTACT)

    await stage.is_at(legs[0], room(CONTACT))
    stage.caller_hangs_up()
    await stage.saw(LegEnded(legs[0], normal=True))


async def test_who_is_in_one_room_is_in_one_bridge_and_an_empty_room_has_none(
    stage: Stage, leg: LegId
) -> None:
    legs: list[LegId] = []

    async def handler(participant: Participant) -> None:
        legs.append(participant.leg_id)
        await participant.leave(room(CONTACT))

    async def bridges() -> set[str | None]:
        return {each.bridge for each in await stage.control.live_legs()}

    stage.handler = handler
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(an_order(leg, place=room(CONTACT)))
    first = await stage.joined(leg, CONTACT)
    stage.dials()
    await stage.until(lambda: bool(legs))
    other = await stage.joined(legs[0], CONTACT)

    assert other.bridge == first.bridge
    assert await bridges() == {first.bridge}
    stage.caller_hangs_up()
    await stage.is_gone(legs[0])
    await stage.control.move(leg, QUIET)
    await stage.is_at(leg, QUIET)
    assert await bridges() == {None}
    await stage.control.move(leg, room(CONTACT))
    await stage.until(lambda: sum(isinstance(each, LegJoined) for each in stage.told(leg)) == 2)
    second = await stage.joined(leg, CONTACT)
    assert second.bridge != first.bridge
    await stage.control.hang_up(leg)
    await stage.is_gone(leg)


async def test_program_that_names_no_next_place_is_started_again(stage: Stage) -> None:
    async def handler(participant: Participant) -> None:
        if participant.entry.tries == 1:
            await participant.leave(HOLD)

    stage.handler = handler
    stage.dials()
    await stage.until(lambda: len(stage.entries) == 2)
    async with asyncio.timeout(5):
        await _at(stage, HOLD)

    assert [entry.tries for entry in stage.entries] == [0, 1]
    assert {entry.script for entry in stage.entries} == {"inbound"}


@pytest.mark.parametrize("keys_codes", [False, True])
async def test_leg_sent_to_the_program_is_handed_over(
    stage: Stage, leg: LegId, keys_codes: bool
) -> None:
    stage.customer_will(Habit.ANSWERS)
    await stage.control.call(replace(an_order(leg, place=PROGRAM), keys_codes=keys_codes))
    await stage.is_at(leg, HOLD)

    (entry,) = stage.entries
    assert (entry.script, entry.tries, entry.keys_codes) == ("leg", 0, keys_codes)
