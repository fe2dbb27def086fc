"""Call control and participants on the real switch, with real phones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
import pytest_asyncio

from ivr.domain.errors import LegGone, TelephonyError
from ivr.domain.ids import E164, BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.provisioning import AgentPhone, InboundNumber, PbxPlan, Trunk
from ivr.ports.telephony import (
    END,
    HOLD,
    PROGRAM,
    QUIET,
    RINGBACK,
    CallOrder,
    Entry,
    Keys,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegJoined,
    LegRang,
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
from ivr.telephony.agi.server import FastAgiServer
from ivr.telephony.call_control import AsteriskCallControl, TrunkLine
from ivr.telephony.doctor import examine
from tests.hearing.tones import AGENT, CUSTOMER, HERTZ, SILENCE, listen
from tests.pbx import Pbx, free_port, loopback_plan
from tests.phones import Answer, Ignore, Line, Phone, Policy, Reject, Ring, tone

pytestmark = pytest.mark.acceptance

ANNA: Final = AgentPhone(endpoint=Endpoint("anna"), secret="anna-secret", display_name="Anna")
DID: Final = InboundNumber(number=E164("+15550100"), spellings=("+15550100",))
CARRIER: Final = "127.0.0.24"
NUMBER: Final = E164("+12025559876")
OURS: Final = "+18005550199"
CONTACT: Final = ContactId("k1")

Handler = Callable[[Participant], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    carrier = Trunk(name="carrier", host=CARRIER, port=free_port(), addresses=(CARRIER,))
    plan = loopback_plan(agents=(ANNA,), numbers=(DID,), trunks=(carrier,))
    async with Pbx(plan, tmp_path_factory.mktemp("state")) as running:
        yield running


class Edge:
    """The whole telephony edge on a switch, and what it told."""

    def __init__(self, plan: PbxPlan) -> None:
        self.events: list[SwitchEvent] = []
        self.keys: list[Keys] = []
        self.collecting = False
        self.entries: list[Entry] = []
        self.handler: Handler = self._to_hold
        self._changed = asyncio.Event()
        self.control = AsteriskCallControl(
            plan.ami_address,
            plan.ami_port,
            username=plan.control_user.name,
            secret=plan.control_user.secret,
            sink=self._take,
            trunks={"line": TrunkLine(Endpoint("carrier"), str)},
        )
        self.server = FastAgiServer(plan.agi_address, plan.agi_port, self._serve)

    async def _to_hold(self, participant: Participant) -> None:
        await participant.leave(HOLD)

    async def _serve(self, participant: Participant) -> None:
        self.entries.append(participant.entry)
        self.stir()
        await self.handler(participant)

    def _take(self, event: SwitchEvent) -> None:
        self.events.append(event)
        self.stir()

    def stir(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, so: Callable[[], bool], *, within: float = 8) -> None:
        try:
            async with asyncio.timeout(within):
                while not so():
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not so within {within} s: {self.events}") from None

    async def saw(self, event: SwitchEvent, *, within: float = 8) -> None:
        await self.until(lambda: event in self.events, within=within)

    async def joined(self, leg_id: LegId) -> BridgeId:
        """The bridge in which the leg has joined the room; waits for it."""

        def found() -> list[BridgeId]:
            told = (event for event in self.told(leg_id) if isinstance(event, LegJoined))
            return [event.bridge for event in told if event.contact_id == CONTACT]

        await self.until(lambda: bool(found()))
        return found()[-1]

    async def ask(self, participant: Participant, *, most: int = 20, terminator: str = "#") -> None:
        """Take keys, and let the test see when."""
        self.collecting = True
        self.stir()
        keys = await participant.collect(
            [],
            max_keys=most,
            first=timedelta(seconds=3),
            between=timedelta(seconds=1),
            terminator=terminator,
        )
        self.collecting = False
        self.keys.append(keys)
        self.stir()

    async def place_of(self, leg_id: LegId, place: Place | None, *, within: float = 5) -> None:
        """Ask the switch until the leg is there; ``None`` = is gone."""
        async with asyncio.timeout(within):
            while place != {leg.leg_id: leg.place for leg in await self.control.live_legs()}.get(
                leg_id
            ):
                await self.control.reachable_phones()

    async def phone_is(self, endpoint: Endpoint, *, reachable: bool, within: float = 3) -> None:
        """Ask the switch until it says so; its device states follow its contacts."""
        async with asyncio.timeout(within):
            while (endpoint in await self.control.reachable_phones()) is not reachable:
                await self.control.live_legs()

    def told(self, leg_id: str) -> list[SwitchEvent]:
        return [event for event in self.events if getattr(event, "leg_id", None) == leg_id]


@asynccontextmanager
async def an_edge(plan: PbxPlan) -> AsyncIterator[Edge]:
    edge = Edge(plan)
    running = (
        asyncio.create_task(edge.control.run()),
        asyncio.create_task(edge.server.run()),
    )
    try:
        await edge.server.listening.wait()
        await edge.saw(SwitchUp(restarted=False))
        yield edge
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


@asynccontextmanager
async def a_customer(plan: PbxPlan) -> AsyncIterator[Phone]:
    line = Line(CARRIER, plan.trunks[0].port)
    try:
        async with Phone("customer", number=NUMBER, line=line, says=tone(HERTZ[CUSTOMER])) as phone:
            yield phone
    finally:
        line.close()


@asynccontextmanager
async def an_agent(plan: PbxPlan) -> AsyncIterator[Phone]:
    async with Phone(
        "Anna",
        number=ANNA.endpoint,
        secret=ANNA.secret,
        server=(plan.sip_address, plan.sip_port),
        says=tone(HERTZ[AGENT]),
    ) as phone:
        await phone.register()
        yield phone
        await phone.unregister()


def an_order(leg: str, *, place: Place = QUIET, ring: float = 20, agent: bool = False) -> CallOrder:
    return CallOrder(
        leg_id=LegId(leg),
        to=ToEndpoint(endpoint=ANNA.endpoint) if agent else ToNumber(number=NUMBER, trunk="line"),
        caller_number=OURS,
        caller_name='Müller & "Söhne", Inc.',
        ring=timedelta(seconds=ring),
        answer_at=place,
        contact_id=CONTACT,
    )


@pytest.mark.parametrize(
    ("name", "policy", "outcome", "rang"),
    [
        ("busy", Reject(486), LegOutcome.BUSY, False),
        ("busy-all", Reject(600, after=0.2), LegOutcome.BUSY, True),
        ("declined", Reject(603, after=0.2), LegOutcome.REJECTED, True),
        ("forbidden", Reject(403), LegOutcome.REJECTED, False),
        ("unknown", Reject(404), LegOutcome.INVALID_NUMBER, False),
        ("gone", Reject(410), LegOutcome.INVALID_NUMBER, False),
        ("incomplete", Reject(484), LegOutcome.INVALID_NUMBER, False),
        ("unavailable", Reject(480), LegOutcome.NETWORK_FAILURE, False),
        ("rang-off", Reject(480, after=0.2), LegOutcome.NO_ANSWER, True),
        ("overloaded", Reject(503), LegOutcome.NETWORK_FAILURE, False),
        ("timeout", Reject(408), LegOutcome.NETWORK_FAILURE, False),
        ("rings", Ring(), LegOutcome.NO_ANSWER, True),
        ("early-media", Ring(183), LegOutcome.NO_ANSWER, True),
        ("silent", Ignore(), LegOutcome.NETWORK_FAILURE, False),
    ],
)
async def test_outcome_of_a_customer_leg(
    pbx: Pbx, name: str, policy: Policy, outcome: LegOutcome, rang: bool
) -> None:
    leg = f"outcome-{name}-c1"
    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan) as customer:
        customer.will(policy)
        await edge.control.call(an_order(leg, ring=1.5))
        await edge.until(lambda: any(isinstance(e, LegFailed) for e in edge.events))

        *before, failed = edge.told(leg)
        assert before == ([LegRang(LegId(leg))] if rang else [])
        assert isinstance(failed, LegFailed)
        assert (failed.outcome, failed.rang) == (outcome, rang), failed.detail
        assert len(customer.line.invites) == 1
        await edge.place_of(LegId(leg), None)


async def test_unreachable_phone_fails_without_a_channel(pbx: Pbx) -> None:
    async with an_edge(pbx.plan) as edge:
        await edge.control.call(an_order("unreachable-a1", agent=True))
        await edge.until(lambda: bool(edge.told("unreachable-a1")), within=3)

    (failed,) = edge.told("unreachable-a1")
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (LegOutcome.NETWORK_FAILURE, False)


async def test_leg_we_hang_up_while_it_rings_is_cancelled(pbx: Pbx) -> None:
    leg = LegId("cancel-c1")
    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan) as customer:
        customer.will(Ring())
        await edge.control.call(an_order(leg))
        await edge.saw(LegRang(leg))
        with pytest.raises(TelephonyError):
            await edge.control.call(an_order(leg))
        await edge.control.hang_up(leg)
        await edge.until(lambda: any(isinstance(e, LegFailed) for e in edge.events))
        call = await customer.ended(within=3)
        await edge.control.hang_up(leg)

    failed = edge.told(leg)[-1]
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (LegOutcome.CANCELLED, True)
    assert call.cancelled
    assert len(customer.line.invites) == 1


async def test_two_legs_meet_in_a_room_and_part(pbx: Pbx) -> None:
    agent_leg, customer_leg = LegId("meet-a1"), LegId("meet-c1")
    async with (
        an_edge(pbx.plan) as edge,
        a_customer(pbx.plan) as customer,
        an_agent(pbx.plan) as agent,
    ):
        agent.will(Answer(after=0.1))
        await edge.saw(PhoneChanged(ANNA.endpoint, True))
        await edge.control.call(an_order(agent_leg, place=RINGBACK, agent=True))
        await edge.saw(LegAnswered(agent_leg))
        await edge.control.call(an_order(customer_leg, place=room(CONTACT)))
        bridge = await edge.joined(customer_leg)
        await edge.control.move(agent_leg, room(CONTACT))
        assert await edge.joined(agent_leg) == bridge
        heard = customer.calls[0].heard
        await heard.until(lambda r: listen(r.pcm).longest_ms(AGENT) >= 300, within=5)

        assert sorted(await edge.control.live_legs(), key=lambda leg: leg.leg_id) == [
            LiveLeg(leg_id=agent_leg, place=room(CONTACT), up=True, bridge=bridge),
            LiveLeg(leg_id=customer_leg, place=room(CONTACT), up=True, bridge=bridge),
        ]
        invite = customer.invites[0]
        assert (invite.caller_name, invite.caller_number) == ('Müller & "Söhne", Inc.', OURS)
        assert invite.asserted_number == OURS
        assert invite.header("X-Contact-Id") == CONTACT
        customer.calls[0].hang_up()
        await edge.saw(LegEnded(customer_leg, normal=True))
        await edge.control.hang_up(agent_leg)
        await edge.saw(LegEnded(agent_leg, normal=True))
        with pytest.raises(LegGone):
            await edge.control.move(agent_leg, HOLD)

    assert listen(heard.pcm).heard() <= {AGENT, SILENCE}


async def test_anonymous_leg_shows_no_number(pbx: Pbx) -> None:
    leg = LegId("anonymous-c1")
    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan) as customer:
        order = replace(an_order(leg), caller_number=None, caller_name="Shop")
        await edge.control.call(order)
        await edge.saw(LegAnswered(leg))
        await edge.control.hang_up(leg)
        await edge.saw(LegEnded(leg, normal=True))

        invite = customer.invites[0]
        assert invite.caller_number.casefold() == "anonymous"
        assert OURS not in invite.message.encode().decode()


async def test_phone_is_asked_to_answer_by_itself(pbx: Pbx) -> None:
    leg = LegId("auto-a1")
    async with an_edge(pbx.plan) as edge, an_agent(pbx.plan) as agent:
        await edge.control.call(replace(an_order(leg, agent=True), auto_answer=True))
        await edge.saw(LegAnswered(leg))
        await edge.control.hang_up(leg)
        await edge.saw(LegEnded(leg, normal=True))

        invite = agent.invites[0]
        assert "answer-after=0" in invite.header("Call-Info")
        assert "alert-autoanswer" in invite.header("Alert-Info")


async def test_originated_leg_is_handed_to_the_controller(pbx: Pbx) -> None:
    leg = LegId("program-c1")

    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan) as customer:

        async def handler(participant: Participant) -> None:
            assert participant.leg_id == leg
            await participant.play(["beep"])
            await edge.ask(participant)
            await participant.leave(QUIET)

        edge.handler = handler
        await edge.control.call(an_order(leg, place=PROGRAM))
        call = await customer.answered(within=5)
        await edge.until(lambda: edge.collecting)
        await call.press("0301234#")
        await edge.place_of(leg, QUIET)
        await edge.control.hang_up(leg)
        await edge.saw(LegEnded(leg, normal=True))

    assert edge.keys == [Keys(pressed="0301234", timed_out=False)]
    assert [(e.script, e.endpoint) for e in edge.entries] == [("leg", "carrier")]


async def test_keys_of_every_kind(pbx: Pbx) -> None:
    asked = [
        ("#", 1, "", Keys(pressed="#", timed_out=False)),
        ("0049*30#", 20, "#", Keys(pressed="0049*30", timed_out=False)),
        ("123", 3, "#", Keys(pressed="123", timed_out=False)),
        ("45#*", 20, "*", Keys(pressed="45#", timed_out=False)),
        ("#", 20, "#", Keys(pressed="", timed_out=False)),
        ("9", 20, "#", Keys(pressed="9", timed_out=False)),
        ("", 20, "#", Keys(pressed="", timed_out=True)),
    ]
    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:

        async def handler(participant: Participant) -> None:
            await participant.answer()
            for _, most, terminator, _ in asked:
                await edge.ask(participant, most=most, terminator=terminator)
            await participant.leave(END)

        edge.handler = handler
        call = caller.call(DID.number, caller_id="+12025550000")
        await call.answered(within=5)
        for count, (keys, *_) in enumerate(asked):
            await edge.until(lambda count=count: edge.collecting and len(edge.keys) == count)  # type: ignore[misc]
            if keys:
                await call.press(keys)
            await edge.until(lambda count=count: len(edge.keys) > count)  # type: ignore[misc]
        await call.ended(within=5)

    assert edge.keys == [keys for *_, keys in asked]


@asynccontextmanager
async def a_trunk_caller(plan: PbxPlan) -> AsyncIterator[Phone]:
    async with Phone(
        "caller", address=(CARRIER, 0), server=(plan.sip_address, plan.sip_port)
    ) as phone:
        yield phone


async def test_inbound_caller_says_who_they_are_and_what_they_dialled(pbx: Pbx) -> None:
    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:
        call = caller.call(DID.number, caller_id="+12025550000")
        await edge.until(lambda: bool(edge.entries))
        call.hang_up()
        await edge.until(lambda: any(isinstance(e, LegEnded) for e in edge.events))

    (entry,) = edge.entries
    assert entry.script == "inbound"
    assert entry.dialled == DID.number
    assert entry.caller == "+12025550000"
    assert entry.endpoint == "carrier"
    assert entry.tries == 0


async def test_refused_caller_gets_404_without_an_answer(pbx: Pbx) -> None:
    async def handler(participant: Participant) -> None:
        await participant.refuse()

    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:
        edge.handler = handler
        call = caller.call(DID.number, caller_id="+12025550000")
        await call.ended(within=5)

    assert call.status == 404
    assert not call.answered_at


async def test_reordered_caller_hears_fast_busy_and_then_503(pbx: Pbx) -> None:
    async def handler(participant: Participant) -> None:
        await participant.reorder()

    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:
        edge.handler = handler
        call = caller.call(DID.number, caller_id="+12025550000")
        await call.ended(within=8)

    assert call.status == 503
    assert not call.answered_at


async def test_caller_who_hangs_up_ends_the_program(pbx: Pbx) -> None:
    gone = asyncio.Event()

    async def handler(participant: Participant) -> None:
        await participant.answer()
        try:
            await participant.music(timedelta(minutes=5))
        except LegGone:
            gone.set()
            raise

    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:
        edge.handler = handler
        call = caller.call(DID.number, caller_id="+12025550000")
        await call.answered(within=5)
        await call.heard.until(lambda pcm: len(pcm) > 0, within=5)
        call.hang_up()
        async with asyncio.timeout(5):
            await gone.wait()
        await edge.until(lambda: any(isinstance(e, LegEnded) for e in edge.events))


async def test_moving_a_leg_ends_its_program(pbx: Pbx) -> None:
    gone = asyncio.Event()
    legs: list[LegId] = []

    async with an_edge(pbx.plan) as edge, a_trunk_caller(pbx.plan) as caller:

        async def handler(participant: Participant) -> None:
            await participant.answer()
            legs.append(participant.leg_id)
            edge.stir()
            try:
                await participant.play(["queue-music"])
            except LegGone:
                gone.set()

        edge.handler = handler
        call = caller.call(DID.number, caller_id="+12025550000")
        await call.answered(within=5)
        await edge.until(lambda: bool(legs))
        await edge.control.move(legs[0], room(CONTACT))
        async with asyncio.timeout(2):
            await gone.wait()
        await edge.joined(legs[0])
        assert [leg.place for leg in await edge.control.live_legs()] == [room(CONTACT)]
        call.hang_up()
        await edge.saw(LegEnded(legs[0], normal=True))


async def test_phone_that_registers_and_leaves_is_told(pbx: Pbx) -> None:
    async with an_edge(pbx.plan) as edge:
        async with an_agent(pbx.plan):
            await edge.saw(PhoneChanged(ANNA.endpoint, True))
            await edge.phone_is(ANNA.endpoint, reachable=True)
        await edge.saw(PhoneChanged(ANNA.endpoint, False))

        await edge.phone_is(ANNA.endpoint, reachable=False)


async def test_phone_that_dies_is_told_within_six_seconds(pbx: Pbx) -> None:
    async with an_edge(pbx.plan) as edge:
        async with Phone(
            "Anna",
            number=ANNA.endpoint,
            secret=ANNA.secret,
            server=(pbx.plan.sip_address, pbx.plan.sip_port),
        ) as phone:
            await phone.register()
            await edge.saw(PhoneChanged(ANNA.endpoint, True))
        await edge.saw(PhoneChanged(ANNA.endpoint, False), within=6)
    async with an_agent(pbx.plan):
        pass  # takes the registration back


async def test_storm_of_moves_puts_every_leg_where_it_was_sent_last(pbx: Pbx) -> None:
    chance = random.Random(7)
    legs = [LegId(f"storm-c{number}") for number in range(6)]
    places = [HOLD, QUIET, RINGBACK, room(CONTACT), room(ContactId("k2"))]
    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan):
        for leg in legs:
            await edge.control.call(an_order(leg))
        for leg in legs:
            await edge.saw(LegAnswered(leg))
        last: dict[LegId, Place] = {}
        for _ in range(20):
            moves = []
            for _ in range(12):
                leg, place = chance.choice(legs), chance.choice(places)
                moves.append(edge.control.move(leg, place))
                last[leg] = place
            await asyncio.gather(*moves)

        for leg, place in last.items():
            await edge.place_of(leg, place)
        for leg in legs:
            await edge.control.hang_up(leg)
            await edge.saw(LegEnded(leg, normal=True))


async def test_heartbeat_is_seen_by_the_switch(pbx: Pbx) -> None:
    async with an_edge(pbx.plan):
        assert "IVR_HEARTBEAT=1" in await pbx.console("dialplan show globals")


async def test_restarted_switch_is_told(pbx: Pbx) -> None:
    leg = LegId("crash-c1")
    async with an_edge(pbx.plan) as edge, a_customer(pbx.plan):
        await edge.control.call(an_order(leg))
        await edge.saw(LegAnswered(leg))
        await pbx.kill()
        await edge.saw(SwitchDown(), within=3)
        await pbx.start()
        await edge.saw(SwitchUp(restarted=True), within=5)

        assert await edge.control.live_legs() == []
        assert LegEnded(leg, normal=True) not in edge.events


async def test_doctor_finds_the_shipped_switch_in_order(pbx: Pbx) -> None:
    user = pbx.plan.control_user

    def ask(secret: str) -> list[tuple[str, bool]]:
        found = examine(
            pbx.plan.ami_address,
            pbx.plan.ami_port,
            username=user.name,
            secret=secret,
            phones=[ANNA.endpoint],
        )
        return [(finding.subject, finding.ok) for finding in found]

    async with an_edge(pbx.plan) as edge, an_agent(pbx.plan):
        await edge.phone_is(ANNA.endpoint, reachable=True)
        found = await asyncio.to_thread(ask, user.secret)

        assert found == [
            (subject, True)
            for subject in (
                "connection",
                "version",
                "permissions",
                "dialplan",
                "heartbeat",
                "phone",
                "legs",
            )
        ]
        assert await asyncio.to_thread(ask, "wrong-secret") == [("connection", False)]
