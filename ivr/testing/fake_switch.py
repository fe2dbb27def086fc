"""A switch in memory, with people on its phones: ``CallControl`` and ``Participant`` for tests.

It behaves as Asterisk with the shipped dialplan does, as far as the service floor can tell, and
takes its time from the ``Clock`` port only, so that an hour of ringing costs nothing under virtual
time::

    async with FakeSwitch(clock) as switch:
        switch.phone("alice").answers(after=2)
        switch.customer("+4930111111").rings()
        switch.attach(sink, handler)
        caller = switch.dials("+4930999999", caller="+4930111111").will_press("1")
        await switch.until(lambda: switch.where(caller.leg) == HOLD)
        assert caller.heard == ["welcome"]

Everything on the switch happens in tasks of its own: no event is emitted before the command that
caused it has returned. Commands are recorded in ``commands``.

The module is one thing: every method is about the same few legs, their places and their time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, cast

from ivr.domain.errors import LegGone, LinkDown, TelephonyError
from ivr.domain.ids import BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.clock import Clock
from ivr.ports.telephony import (
    GOODBYE,
    LOST,
    PROGRAM,
    REORDER,
    RINGBACK,
    CallOrder,
    Entry,
    EventSink,
    LegAnswered,
    LegEnded,
    LegEvent,
    LegFailed,
    LegJoined,
    LegRang,
    LegStranded,
    LiveLeg,
    ParticipantHandler,
    PhoneChanged,
    Place,
    PlaceKind,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
    ToEndpoint,
    ToRoom,
    room,
)
from ivr.testing.fake_participant import FakeParticipant
from ivr.testing.fake_phone import FakePhone

RETRY_EVERY: Final = timedelta(seconds=1)
"""How often a leg knocks while no controller is there."""
TRIES: Final = 60
"""How often it knocks before it hears the goodbye."""
TONE_LASTS: Final = timedelta(seconds=3)
SORRY_LASTS: Final = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True)
class Called:
    """The command to make a leg."""

    order: CallOrder


@dataclass(frozen=True, slots=True)
class Moved:
    """The command to move a leg."""

    leg_id: LegId
    place: Place


@dataclass(frozen=True, slots=True)
class HungUp:
    """The command to end a leg."""

    leg_id: LegId


Command = Called | Moved | HungUp


@dataclass(eq=False, slots=True)
class _Visit:
    """A leg's stay at one place; ``over`` once it has left."""

    place: Place | None
    bridge: BridgeId | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class _Leg:
    leg_id: LegId
    phone: FakePhone
    endpoint: str
    up: bool
    visit: _Visit
    rang: bool = False
    order: CallOrder | None = None
    arrival: Entry | None = None
    plays_in: BridgeId | None = None

    @property
    def bridge(self) -> BridgeId | None:
        return self.plays_in or self.visit.bridge

    @property
    def dialling(self) -> bool:
        return self.order is not None and not self.up


class FakeSwitch:
    """The switch; use it as a context manager, so that its tasks end with the test.

    Attributes:
        commands: Every command that reached the switch, in order.
        sound_length: How long a sound lasts unless ``sound_lengths`` says otherwise.
        sound_lengths: Length of a sound by its id.
        used_legs: Every leg id ever dialled, in order.
        next_joins_alone: Whether the next leg that joins a room comes into a bridge that nobody
            finds after it, as happens on Asterisk when the last one goes at that moment.
    """

    def __init__(self, clock: Clock) -> None:
        self.commands: list[Command] = []
        self.sound_length = timedelta(seconds=1)
        self.sound_lengths: dict[str, timedelta] = {}
        self.used_legs: list[LegId] = []
        self.next_joins_alone = False
        self._clock = clock
        self._sink: EventSink | None = None
        self._handler: ParticipantHandler | None = None
        self._linked = True
        self._phones: dict[str, FakePhone] = {}
        self._legs: dict[LegId, _Leg] = {}
        self._inbound = itertools.count(1)
        self._bridges = itertools.count(1)
        self._found: dict[ContactId, BridgeId] = {}
        self._changed = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    # --- the controller -----------------------------------------------------------------------
    def attach(self, sink: EventSink, handler: ParticipantHandler) -> None:
        """Connect a controller; legs that wait for one are handed over as soon as they knock."""
        self._sink, self._handler = sink, handler
        self._soon(SwitchUp(restarted=False))

    def detach(self) -> None:
        """Kill the controller: its handlers end where they are; calls go on, legs knock."""
        self._sink = self._handler = None
        for talk in self._talks:
            talk.cancel()

    def cut_link(self) -> None:
        """Cut the command link: calls go on, events are missed, commands fail."""
        self._emit(SwitchDown())
        self._linked = False

    def restore_link(self) -> None:
        """Bring the command link back."""
        self._linked = True
        self._soon(SwitchUp(restarted=False))

    def crash(self) -> None:
        """Kill the switch itself: every leg is gone, and nobody says so."""
        self.cut_link()
        for leg in list(self._legs.values()):
            self._forget(leg)

    def start_again(self) -> None:
        """Start the switch after a crash."""
        self._linked = True
        self._soon(SwitchUp(restarted=True))

    # --- the people ---------------------------------------------------------------------------
    def phone(self, endpoint: str) -> FakePhone:
        """The phone of a SIP account; reachable from the first time it is named."""
        return self._phones.setdefault(endpoint, FakePhone(endpoint, self))

    def customer(self, number: str) -> FakePhone:
        """The phone behind a number."""
        return self.phone(number)

    def dials(
        self,
        dialled: str,
        *,
        caller: str | None = None,
        name: str | None = None,
        endpoint: str = "trunk",
    ) -> FakePhone:
        """Let somebody call a number of the site; ``caller`` none = withheld."""
        entry = Entry(
            script="inbound",
            dialled=dialled,
            caller=caller,
            caller_name=name,
            endpoint=endpoint,
            code=None,
            tries=0,
        )
        return self._arrive(caller or "anonymous", entry)

    def dials_code(self, endpoint: str, code: str) -> FakePhone:
        """Let an agent dial a feature code on a free line of their phone."""
        entry = Entry(
            script="feature",
            dialled=None,
            caller=None,
            caller_name=None,
            endpoint=endpoint,
            code=code,
            tries=0,
        )
        return self._arrive(endpoint, entry)

    # --- what one can see ---------------------------------------------------------------------
    def where(self, leg_id: LegId | None) -> Place | None:
        """The place of a leg; none while it is dialled and once it is gone."""
        leg = self._legs.get(leg_id) if leg_id else None
        return leg.visit.place if leg else None

    def is_live(self, leg_id: LegId | None) -> bool:
        """Whether the leg exists, dialling included."""
        return leg_id in self._legs

    def talking(self, contact_id: ContactId) -> frozenset[LegId]:
        """The legs in a contact's talking room."""
        place = room(contact_id)
        return frozenset(leg.leg_id for leg in self._legs.values() if leg.visit.place == place)

    def hear_each_other(self, contact_id: ContactId) -> bool:
        """Whether all legs in a contact's talking room are in one bridge."""
        place = room(contact_id)
        visits = [leg.visit for leg in self._legs.values() if leg.visit.place == place]
        return len({visit.bridge for visit in visits}) <= 1

    async def until(self, so: Callable[[], bool]) -> None:
        """Return once this is so; looked at after each change on the switch."""
        while not so():
            await self._changed.wait()

    def strand(self, leg_id: LegId) -> None:
        """Let a leg fall out of its place."""
        self._enter(self._legs[leg_id], LOST)
        self._emit(LegStranded(leg_id))

    # --- CallControl --------------------------------------------------------------------------
    async def call(self, order: CallOrder) -> None:
        """Make an outbound leg (see the port); a leg id that was used before is refused."""
        self._need_link()
        if order.leg_id in self.used_legs:
            message = f"leg id {order.leg_id} was used before"
            raise TelephonyError(message)
        self.commands.append(Called(order))
        self.used_legs.append(order.leg_id)
        if isinstance(order.to, ToRoom):
            self._spawn(self._join_room(order, order.to))
            return
        if isinstance(order.to, ToEndpoint):
            address, endpoint = str(order.to.endpoint), str(order.to.endpoint)
        else:
            address, endpoint = str(order.to.number), order.to.trunk
        phone = self._phones.get(address)
        if phone is None or not phone.is_reachable:
            self._soon(LegFailed(order.leg_id, LegOutcome.NETWORK_FAILURE, False, "nothing sent"))
            return
        leg = _Leg(order.leg_id, phone, endpoint, up=False, visit=_Visit(None), order=order)
        self._legs[order.leg_id] = leg
        self._spawn(self._dial(leg, order))

    async def move(self, leg_id: LegId, place: Place) -> None:
        """Send a live leg to a place (see the port)."""
        self._need_link()
        self.commands.append(Moved(leg_id, place))
        leg = self._legs.get(leg_id)
        if leg is None or leg.dialling:
            message = f"leg {leg_id} is gone"
            raise LegGone(message)
        self._spawn(self._move(leg, place, leg.visit))

    async def hang_up(self, leg_id: LegId) -> None:
        """End a leg (see the port)."""
        self._need_link()
        self.commands.append(HungUp(leg_id))
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._spawn(self._hang_up(leg))

    async def live_legs(self) -> Sequence[LiveLeg]:
        """Every leg on the switch now (see the port)."""
        self._need_link()
        return [
            LiveLeg(leg_id=leg.leg_id, place=leg.visit.place, up=leg.up, bridge=leg.bridge)
            for leg in self._legs.values()
        ]

    async def reachable_phones(self) -> frozenset[Endpoint]:
        """SIP accounts that answer now (see the port)."""
        self._need_link()
        return frozenset(Endpoint(p.address) for p in self._phones.values() if p.is_reachable)

    # --- what people do (fake_phone.Hand) -----------------------------------------------------
    def picks_up(self, phone: FakePhone) -> None:
        """Answer the ringing leg."""
        leg = self._of(phone)
        if leg.order is None or leg.up:
            message = f"nothing rings at {phone.address}"
            raise ValueError(message)
        self._answered(leg, leg.order)

    def turns_down(self, phone: FakePhone, outcome: LegOutcome) -> None:
        """End the ringing leg."""
        self._failed(self._of(phone), outcome)

    def goes(self, phone: FakePhone) -> None:
        """End whatever leg there is."""
        leg = self._of(phone)
        if leg.dialling:
            self._failed(leg, LegOutcome.REJECTED)
        else:
            self._ended(leg)

    def loses(self, phone: FakePhone) -> None:
        """End the leg as one that failed."""
        self._ended(self._of(phone), normal=False)

    def reachable(self, phone: FakePhone, reachable: bool) -> None:
        """Say whether the phone is there."""
        phone.is_reachable = reachable
        self._emit(PhoneChanged(Endpoint(phone.address), reachable))

    def says(self, event: LegEvent) -> None:
        """Report what a phone in a call did."""
        self._emit(event)

    # --- the participant's side (fake_participant.Line) ---------------------------------------
    def length_of(self, sound: str) -> timedelta:
        """How long a sound lasts."""
        return self.sound_lengths.get(sound, self.sound_length)

    async def passes(self, duration: timedelta, over: asyncio.Event) -> bool:
        """Let time pass; false as soon as ``over`` is set."""
        if over.is_set():
            return False
        waits = (
            asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + duration)),
            asyncio.ensure_future(over.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not over.is_set()

    def pick_up_inbound(self, leg_id: LegId) -> None:
        """Mark an inbound leg as answered."""
        self._legs[leg_id].up = True
        self.stir()

    def send_on(self, leg_id: LegId, place: Place) -> None:
        """Send a leg from the controller's hands to a place."""
        self._enter(self._legs[leg_id], place)

    def stir(self) -> None:
        """Wake everybody who waits in ``until``."""
        self._changed.set()
        self._changed = asyncio.Event()

    # --- inside -------------------------------------------------------------------------------
    def _arrive(self, address: str, entry: Entry) -> FakePhone:
        phone = FakePhone(address, self)
        leg_id = LegId(f"in-{next(self._inbound)}")
        leg = _Leg(leg_id, phone, entry.endpoint, up=False, visit=_Visit(None), arrival=entry)
        self._legs[leg_id] = leg
        phone.leg = leg_id
        self._enter(leg, PROGRAM)
        return phone

    async def _dial(self, leg: _Leg, order: CallOrder) -> None:
        behaviour = leg.phone.next_behaviour()
        leg.phone.calls.append(order)
        leg.phone.leg = leg.leg_id
        if behaviour.rings:
            leg.rang = True
            self._emit(LegRang(leg.leg_id))
        outcome, after = behaviour.outcome, behaviour.after
        if outcome is None and order.auto_answer and behaviour.rings:
            outcome, after = LegOutcome.ANSWERED, timedelta(0)
        ends_itself = outcome is not None and after < order.ring
        if not await self.passes(after if ends_itself else order.ring, leg.visit.over):
            return
        if outcome is None or not ends_itself:
            self._failed(leg, LegOutcome.NO_ANSWER if leg.rang else LegOutcome.NETWORK_FAILURE)
        elif outcome is LegOutcome.ANSWERED:
            self._answered(leg, order)
            if behaviour.leaves_after is not None:
                self._spawn(self._leave_later(leg, behaviour.leaves_after))
        else:
            self._failed(leg, outcome)

    async def _join_room(self, order: CallOrder, to: ToRoom) -> None:
        """Have a leg play to a room: its phone is the room's ear and hand."""
        phone = self.phone(f"room {to.contact_id}")
        phone.is_reachable, phone.leg = False, order.leg_id
        leg = _Leg(order.leg_id, phone, "", up=False, visit=_Visit(None), order=order)
        self._legs[order.leg_id] = leg
        leg.plays_in = self._bridge_of(to.contact_id)
        self._emit(LegJoined(leg.leg_id, to.contact_id, leg.plays_in))
        self._answered(leg, order)

    async def _leave_later(self, leg: _Leg, after: timedelta) -> None:
        await self.passes(after, asyncio.Event())
        if leg.leg_id in self._legs:
            self._ended(leg)

    async def _move(self, leg: _Leg, place: Place, visit: _Visit) -> None:
        if leg.visit is visit and leg.leg_id in self._legs:
            self._enter(leg, place)

    async def _hang_up(self, leg: _Leg) -> None:
        if leg.leg_id not in self._legs:
            return
        if leg.dialling:
            self._failed(leg, LegOutcome.CANCELLED)
        else:
            self._ended(leg)

    def _answered(self, leg: _Leg, order: CallOrder) -> None:
        leg.up = True
        self._emit(LegAnswered(leg.leg_id))
        self._enter(leg, order.answer_at)

    def _failed(self, leg: _Leg, outcome: LegOutcome) -> None:
        self._forget(leg)
        self._emit(LegFailed(leg.leg_id, outcome, leg.rang, outcome.value))

    def _ended(self, leg: _Leg, *, normal: bool = True) -> None:
        self._forget(leg)
        self._emit(LegEnded(leg.leg_id, normal=normal))

    def _forget(self, leg: _Leg) -> None:
        self._legs.pop(leg.leg_id, None)
        leg.visit.over.set()
        leg.phone.leg = None
        self.stir()

    def _enter(self, leg: _Leg, place: Place | None) -> None:
        leg.visit.over.set()
        visit = leg.visit = _Visit(place)
        self.stir()
        match place.kind if place else None:
            case PlaceKind.ROOM:
                leg.up = True
                if place and place.room:
                    visit.bridge = self._bridge_of(place.room)
                    self._emit(LegJoined(leg.leg_id, place.room, visit.bridge))
            case PlaceKind.SORRY | PlaceKind.REMINDER if place and place.room:
                leg.phone.heard.append(place.kind.value)
                self._spawn(self._go_on(leg, room(place.room), visit))
            case PlaceKind.SORRY_RINGING:
                leg.phone.heard.append("sorry")
                self._spawn(self._go_on(leg, RINGBACK, visit))
            case PlaceKind.PROGRAM:
                self._spawn(self._hand_over(leg, visit))
            case PlaceKind.REORDER | PlaceKind.GOODBYE:
                leg.phone.heard.append("reorder" if place == REORDER else "goodbye")
                self._spawn(self._tone(leg, visit))
            case PlaceKind.END:
                self._ended(leg)
            case _:  # it stays there and hears what the place plays
                return

    def _bridge_of(self, contact_id: ContactId) -> BridgeId:
        """The bridge that who joins a room now comes into: a new one if nobody is in it."""
        found = self._found.get(contact_id)
        is_there = any(leg.bridge == found for leg in self._legs.values())
        if found is not None and is_there and not self.next_joins_alone:
            return found
        bridge = BridgeId(f"bridge-{next(self._bridges)}")
        if not self.next_joins_alone:
            self._found[contact_id] = bridge
        self.next_joins_alone = False
        return bridge

    async def _go_on(self, leg: _Leg, place: Place, visit: _Visit) -> None:
        if await self.passes(SORRY_LASTS, visit.over):
            self._enter(leg, place)

    async def _tone(self, leg: _Leg, visit: _Visit) -> None:
        if await self.passes(TONE_LASTS, visit.over):
            self._ended(leg)

    async def _hand_over(self, leg: _Leg, visit: _Visit) -> None:
        first, leg.arrival = leg.arrival or _moved_here(leg), None
        for tries in range(TRIES + 1):
            if self._handler is not None:
                entry = replace(first, tries=tries)
                leg.phone.entries.append(entry)
                participant = FakeParticipant(leg.leg_id, entry, leg.phone, self, visit.over)
                talk = self._spawn(_talk(self._handler, participant))
                self._talks.add(talk)
                await asyncio.wait({talk})
                self._talks.discard(talk)
                participant.is_over = True
                self.stir()
            if not await self.passes(RETRY_EVERY, visit.over):
                return
        self._enter(leg, GOODBYE)

    def _of(self, phone: FakePhone) -> _Leg:
        if phone.leg is None:
            message = f"{phone.address} is in no call"
            raise ValueError(message)
        return self._legs[phone.leg]

    def _need_link(self) -> None:
        if not self._linked:
            message = "the link is cut"
            raise LinkDown(message, maybe_done=False)

    def _emit(self, event: SwitchEvent) -> None:
        if self._linked and self._sink is not None:
            self._sink(event)
        self.stir()

    def _soon(self, event: SwitchEvent) -> None:
        asyncio.get_running_loop().call_soon(self._emit, event)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work, name="fake-switch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _talk(handler: ParticipantHandler, participant: FakeParticipant) -> None:
    """Run the controller's handler; a leg that left is the normal end of many."""
    try:
        await cast(Awaitable[object], handler(participant))
    except LegGone:
        return


def _moved_here(leg: _Leg) -> Entry:
    return Entry(
        script="leg",
        dialled=None,
        caller=None,
        caller_name=None,
        endpoint=leg.endpoint,
        code=None,
        tries=0,
        keys_codes=leg.order is not None and leg.order.keys_codes,
    )
