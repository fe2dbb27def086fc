"""A quick connect inside the session of the source's contact: events in, machine, commit, command.

The session hands over every message about the three legs while a quick connect is under way; of a
party, beside another one, those about the destination's. What is decided is in
``domain/quick_connect.py``; here is what it does to legs, agents and rows.

It is one module because it is one exhaustive ``match`` over the commands, on three lines.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.errors import LinkDown, NotNow, TelephonyError, UnexpectedEvent
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.domain.quick_connect import (
    FLOWS,
    MET_BY_ALL,
    Command,
    Event,
    Party,
    QuickConnect,
    QuickConnectKind,
    Row,
    Sound,
    TransferState,
    advance,
    gives_up,
)
from ivr.domain.transfer import Transfer, talks
from ivr.ports.store import Enqueued, Note
from ivr.ports.telephony import (
    END,
    PROGRAM,
    QUIET,
    RINGBACK,
    CallOrder,
    LegAnswered,
    LegEnded,
    LegEvent,
    LegFailed,
    LegHeld,
    LegJoined,
    LegKeyed,
    LegMerged,
    LegRang,
    LegReferred,
    LegStranded,
    LiveLeg,
    Place,
    room,
)
from ivr.service.dialling import NoOffer, offer, route
from ivr.service.flow_leg import FlowLeg
from ivr.service.flow_runner import FlowEnd
from ivr.service.hold_limits import HoldLimits
from ivr.service.lines import Line
from ivr.service.perform import carry_out
from ivr.service.transfer_changes import changes_of
from ivr.service.transfer_sounds import TransferSounds
from ivr.service.whispers import prepare_transfer_whispers

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

logger = logging.getLogger(__name__)

S, E, C, K = TransferState, Event, Command, QuickConnectKind

_QUEUES = (S.IN_QUEUE, S.ADDING_IN_QUEUE)
_RINGS = (S.RINGING, S.ADDING_RINGING, S.COLD_RINGING)
_BACK_FROM_HOLD = {
    S.CONSULTING: E.HOLD_CUSTOMER_ASKED,
    S.JOINED: E.JOIN_ASKED,
    S.DESTINATION_HELD: E.HOLD_DESTINATION_ASKED,
}
"""What the source's own hold key comes back to, when it is pressed again."""
_WHISPER_ENDED = {
    Party.CUSTOMER: E.CUSTOMER_WHISPER_ENDED,
    Party.SOURCE: E.SOURCE_WHISPER_ENDED,
    Party.DESTINATION: E.DESTINATION_WHISPER_ENDED,
}
_DOES = {
    ContactState.OFFERED: AgentActivity.OFFERED,
    ContactState.AGENT_WHISPER: AgentActivity.CONNECTING,
    ContactState.CUSTOMER_WHISPER: AgentActivity.CONNECTING,
    ContactState.CONNECTED: AgentActivity.ON_CONTACT,
}
"""What the agent of a destination does, by the state of its contact."""
_ENDS_OF_FLOW = {
    FlowEnd.TO_AGENT: E.TRANSFERRED_TO_AGENT,
    FlowEnd.QUEUED: E.TRANSFERRED_TO_QUEUE,
    FlowEnd.TO_SOURCE: E.FLOW_TURNED_TO_SOURCE,
    FlowEnd.TO_CUSTOMER: E.FLOW_TURNED_TO_CUSTOMER,
    FlowEnd.TO_BOTH: E.FLOW_TURNED_TO_BOTH,
}
_MOST_TURNS = 100
"""How often a transfer flow may turn to somebody else."""


class TransferRun:
    """The quick connect of a session, from its commit to its final state.

    Args:
        session: Of the source's contact.
        transfer: As committed.
        contact: The destination's contact.

    Attributes:
        destination: The destination's line, once there is one.
        flow: The transfer flow's own leg, while it takes part in the talk.
        sounds: What its parties hear.
    """

    def __init__(self, session: ContactSession, transfer: Transfer, contact: Contact) -> None:
        self.transfer = transfer
        self.contact = contact
        self.destination: Line | None = None
        self.flow = FlowLeg(self, session)
        self._turns = 0
        self._source_goes = False
        self._held_from: TransferState | None = None
        self._s = session
        self.sounds = TransferSounds(self, session)
        self._holds = HoldLimits(session.world, session.mailbox, session.id)
        self._holds.watch(transfer.state, customer_since=session.contact.held_since)
        session.mailbox.lend(contact.id, session.id)
        if contact.state in SERVING_STATES and (contact.agent_attempts or contact.adopted_leg):
            self.destination = session.line(contact.agent_leg)
        if transfer.state is S.JOINT_FLOW:
            self.flow.take_up()

    @property
    def state(self) -> TransferState:
        """Where it stands."""
        return self.transfer.state

    @property
    def _agent_id(self) -> AgentId | None:
        return self.contact.agent_id

    def _room(self) -> Place:
        return room(self._s.contact.talks_in)

    def party_of(self, line: Line) -> Party:
        """Whose line this is."""
        if line is self._s.customer:
            return Party.CUSTOMER
        return Party.SOURCE if line is self._s.agent else Party.DESTINATION

    async def refresh(self) -> None:
        """Read the destination's contact: routing and its flows change it."""
        found = await self._s.world.store.contact(self.contact.id)
        if found is not None:
            self.contact = found

    # --- what happens ---------------------------------------------------------------------------

    async def leg_event(self, event: LegEvent) -> bool:
        """Take an event of one of its legs; whether it was one of theirs."""
        s, destination = self._s, self.destination
        if await self.flow.leg_event(event):
            return True
        match event:
            case LegEnded(leg_id, _) if s.customer is not None and s.customer.leg_id == leg_id:
                s.customer.let_go()
                s.customer = None
                await self.met(E.CUSTOMER_HUNG_UP)
            case LegEnded(leg_id, normal) if s.agent is not None and s.agent.leg_id == leg_id:
                s.agent.let_go()
                s.agent = None
                await self.source_left(normal=normal)
            case _ if destination is None or destination.leg_id != event.leg_id:
                return False
            case LegRang():
                await s.world.store.note(s.id, Note("destination_rang"), now=s.now())
            case LegAnswered():
                await self.destination_answered()
            case LegFailed(_, outcome, _, detail):
                await self._destination_failed(outcome.value, detail)
            case LegEnded():
                destination.let_go()
                self.destination = None
                await self.happened(E.DESTINATION_HUNG_UP)
            case LegStranded(leg_id):
                await s.performer.put_right(leg_id)
            case LegKeyed() | LegHeld() | LegReferred() | LegMerged():
                return False  # who was brought in has no controls yet
            case LegJoined():
                pass
        return True

    async def source_left(self, *, normal: bool) -> None:
        """The source hung up, which is to leave, or its phone died."""
        if normal:
            await self.leave(goes=True)
        else:
            await self.met(E.SOURCE_LOST)

    async def leave(self, *notes: Note, goes: bool = False) -> bool:
        """Leave; a customer whose queue is not entered yet enters it first.

        Args:
            notes: For the journal.
            goes: The source's phone hangs up in any case. If the queue is full the customer then
                waits at their own place; else nobody leaves.

        Raises:
            NotNow: The queue is full.
        """
        self._source_goes = goes
        if self.state in FLOWS and self.transfer.kind is K.QUEUE:
            if await self._is_in_queue():
                await self.happened(E.TRANSFERRED_TO_QUEUE)
            elif goes:
                return await self.met(E.SOURCE_LOST, _failure("queue_full"))
            else:
                await self.happened(E.QUEUE_FULL, _failure("queue_full"), *notes)
                raise NotNow("the queue is full")
        return await self.met(E.LEAVE_ASKED, *notes)

    async def met(self, event: Event, *notes: Note) -> bool:
        """Take what parties beside this one meet too, or what they change; whether it moved.

        Who goes while somebody is fetched leaves by the newest party, which has the controls then.
        """
        s = self._s
        if event in MET_BY_ALL:
            for party in tuple(s.parties):
                await party.happened(event)
        elif s.parties and gives_up(self.state, event):
            await self.happened(E.DROP_ASKED)
        last = s.transfer or self
        return await last.happened(event, *notes)

    def goes_with(self, contact_id: ContactId) -> None:
        """Leave this party to the session of another contact."""
        self.close()
        self._s.mailbox.lend(self.contact.id, contact_id)
        if self.destination is not None:
            self.destination.let_go()
            self._s.mailbox.bind(self.destination.leg_id, contact_id)

    async def source_held(self, *, held: bool) -> None:
        """The source's phone was put on hold, or taken off it: so is whoever listens to it."""
        if held and self.state in _BACK_FROM_HOLD:
            self._held_from = self.state
            await self.happened(E.HOLD_ALL_ASKED)
        elif not held and self._held_from is not None:
            before, self._held_from = self._held_from, None
            if self.state is S.ALL_HELD:
                await self.happened(_BACK_FROM_HOLD[before])

    async def hold_expired(self, party: Party) -> None:
        """Take somebody off hold who has been there for too long."""
        customer = party is Party.CUSTOMER
        await self.happened(E.CUSTOMER_HOLD_EXPIRED if customer else E.DESTINATION_HOLD_EXPIRED)

    def close(self) -> None:
        """Forget what is still to come: the session is over."""
        self._holds.close()

    def asks_to_accept(self, line: Line) -> bool:
        """Whether a line is that of a destination on an outside number that has not accepted."""
        if line is not self.destination or self.state not in (*_RINGS, *_QUEUES):
            return False
        return self._s.performer.accepts_by_key(self._agent_id)

    async def destination_answered(self, *, accepts: bool = False) -> None:
        """The destination's phone was answered; on an outside number that accepts nothing yet."""
        line = self.destination
        if not accepts and line is not None and self.asks_to_accept(line):
            return
        if self.state in (*_RINGS, *_QUEUES):
            number = self.transfer.kind is K.NUMBER
            await self.happened(E.NUMBER_ANSWERED if number else E.AGENT_ANSWERED)

    async def offer_won(self, agent_id: AgentId, number: int) -> None:
        """Routing reserved an agent of the queue."""
        if self.state in FLOWS:
            await self.happened(E.TRANSFERRED_TO_QUEUE)  # its flow is about to say so
        current = self.contact.agent_id == agent_id and self.contact.agent_attempts == number
        if self.state in _QUEUES and current:
            await self.happened(E.OFFER_WON)
        else:
            await self.put_agent_right()

    async def program_ended(self, line: Line, end: FlowEnd) -> None:
        """What ran on a leg is over."""
        party, sounds = self.party_of(line), self.sounds.heard_on(line)
        if line is self.destination and self.state in (*_RINGS, *_QUEUES):
            await self._offer_decided(line, end)  # nothing else runs there
        elif talks(sounds):
            await self.sounds.serve(line)  # what it heard was over when it was moved on
        elif Sound.WHISPER in sounds:
            if end is FlowEnd.DISCONNECT:
                await self._s.world.switch.hang_up(line.leg_id)
            else:
                await self.happened(_WHISPER_ENDED[party])
        elif Sound.TRANSFER_FLOW in sounds:
            event = _ENDS_OF_FLOW.get(end, E.FLOW_ENDED)
            self._turns += 1
            if self._turns > _MOST_TURNS:  # it goes round and round
                event = E.FLOW_ENDED
            notes = () if event is not E.FLOW_ENDED else (_failure("flow_ended"),)
            await self.happened(event, *notes)
        elif Sound.QUEUE_FLOW in sounds and end is FlowEnd.DISCONNECT:
            await self.happened(E.FLOW_ENDED, _failure("flow_ended"))
        else:
            await self.sounds.serve(line)  # music and queue flows begin again

    async def _offer_decided(self, line: Line, end: FlowEnd) -> None:
        if end is FlowEnd.OVER:
            await self.destination_answered(accepts=True)
            await self._s.performer.serve(line)
        else:
            await line.send(self._s.world.switch, END)
            await self._destination_failed("no_answer", "not accepted by a key")

    async def happened(self, event: Event, *notes: Note) -> bool:
        """Decide, commit, then command; whether it moved."""
        s, before = self._s, self.state
        try:
            row = advance(before, event)
        except UnexpectedEvent as error:
            logger.warning(str(error), extra={"event": "unexpected_event", "contact_id": s.id})
            return False
        if row == Row(before):
            return False
        await self.refresh()
        now = s.now()
        moved = replace(
            self.transfer,
            state=row.to,
            handed_over=self.transfer.handed_over or C.HAND_OVER in row.commands,
            flow_legs=self.transfer.flow_legs + (C.FLOW_TO_TALK in row.commands),
        )
        source, destination = changes_of(
            self.transfer, moved, event, s.contact, self.contact, now=now
        )
        note = moved_note(moved, event)
        changes = [each for each in (source, destination) if each.to_state or each.fields]
        if before in FLOWS and row.to not in FLOWS:
            self._stop_flow()  # or it could keep its place once more
        if not await s.world.store.move_transfer(moved, before, changes, note, *notes, now=now):
            return False
        released = self._agent_id
        self.transfer = moved
        s.contact = _changed(s.contact, source.to_state, source.fields)
        self.contact = _changed(self.contact, destination.to_state, destination.fields)
        logger.info(
            "Quick connect moved",
            extra={
                "event": "transfer_moved",
                "contact_id": s.id,
                "from_state": before.value,
                "to_state": row.to.value,
                "cause": event.name.lower(),
            },
        )
        self._holds.watch(row.to, customer_since=s.contact.held_since)
        if not moved.is_open:
            s.transfer_over(self)
        await self._carry_out(row, before, released)
        if not moved.is_open:
            if moved.handed_over:
                s.customer = self.destination = None  # the other session has them now
            s.world.router.ring()
            await s.promote()
        return True

    # --- commands -------------------------------------------------------------------------------

    async def begin(self, row: Row) -> None:
        """Carry out what starts a quick connect that is committed."""
        await self._carry_out(row, row.to, None)

    async def _carry_out(self, row: Row, before: TransferState, held: AgentId | None) -> None:
        """Carry out a row's commands; the switch being away is put right when it is back."""
        for command in row.commands:
            work = self._perform(command, before, held)
            await carry_out(self._s.id, command, work)

    async def _perform(self, command: Command, before: TransferState, held: AgentId | None) -> None:
        s, hands = self._s, self._s.performer
        match command:
            case C.CUSTOMER_TO_HOLD:
                await self._send(s.customer, hands.hold_place())
            case C.CUSTOMER_TO_TALK:
                await self._send(s.customer, self._room())
            case C.CUSTOMER_TO_QUEUE:
                await self._send(s.customer, PROGRAM)
            case C.PLAY_WHISPER_TO_CUSTOMER | C.CUSTOMER_TO_TRANSFER_FLOW:
                await self._to_program(s.customer)
            case C.HANG_UP_CUSTOMER:
                await self._send(s.customer, END)
            case (
                C.SOURCE_TO_TRANSFER_FLOW
                | C.SOURCE_TO_QUEUE_FLOW
                | C.SOURCE_TO_HOLD
                | C.PLAY_WHISPER_TO_SOURCE
            ):
                await self._to_program(s.agent)
            case C.SOURCE_TO_RINGBACK:
                await self._send(s.agent, RINGBACK)
            case C.SOURCE_TO_TALK:
                await self._send(s.agent, self._room())
            case C.TELL_SOURCE:
                await hands.dismiss_agent("customer-gone")
            case C.HANG_UP_SOURCE:
                await hands.dismiss_agent(None)
            case C.SOURCE_WRAPS_UP:
                await self._source_wraps_up()
            case C.FLOW_TO_TALK:
                await self.flow.joins()
            case C.FLOW_LEAVES:
                await self.flow.leaves()
            case C.ENTER_QUEUE:
                if await self._is_in_queue():
                    s.world.router.ring()
                else:
                    await self.happened(E.QUEUE_FULL, _failure("queue_full"))
            case C.RING_DESTINATION:
                await self._ring()
            case C.DIAL_DESTINATION:
                await self._dial()
            case C.CANCEL_DESTINATION:
                await self._dismiss(None, held, AgentActivity.IDLE)
            case C.PLAY_WHISPER_TO_DESTINATION:
                await self._settle(held, AgentActivity.CONNECTING)
            case C.DESTINATION_TO_QUIET:
                await self._send(self.destination, QUIET)
            case C.DESTINATION_TO_TALK:
                await self._destination_talks(before)
            case C.DESTINATION_TO_HOLD:
                await self._to_program(self.destination)
            case C.TELL_DESTINATION:
                await self._dismiss("customer-gone", held, None)
            case C.HANG_UP_DESTINATION:
                await self._dismiss(None, held, None)
            case C.DESTINATION_IS_FREE:
                await self._after_leg(held, AgentActivity.IDLE)
            case C.DESTINATION_MISSED:
                await self._settle(held, AgentActivity.MISSED)
            case C.DESTINATION_ERRED:
                await self._settle(held, AgentActivity.ERROR)
            case C.DESTINATION_WRAPS_UP:
                if held is not None:
                    await hands.wrap_up(held, self.contact.id)
            case C.HAND_OVER | C.REPORT_FAILURE | C.REPORT_CUSTOMER_GONE:
                pass  # the commit has done it, and its note tells

    async def _send(self, line: Line | None, place: Place) -> None:
        if line is not None:
            await line.send(self._s.world.switch, place)

    async def _to_program(self, line: Line | None) -> None:
        """Let a leg hear what its state says: at once if it is in hand, else when it arrives."""
        if line is not None and line.participant is not None and line.program is None:
            await self.sounds.serve(line)
        else:
            await self._send(line, PROGRAM)

    async def _destination_talks(self, before: TransferState) -> None:
        rings = before in _RINGS
        if self.transfer.kind is not K.NUMBER or not rings:  # a number answers into the room
            await self._send(self.destination, self._room())
        await self._settle(self._agent_id, AgentActivity.ON_CONTACT)

    async def _source_wraps_up(self) -> None:
        s = self._s
        if s.agent_id is None:
            return
        if s.contact.state is ContactState.QUEUED and self._source_goes:
            await s.performer.dismiss_agent(None)
            await s.performer.after_leg(AgentActivity.IDLE)
        elif s.contact.state is ContactState.QUEUED:
            # The contact is somebody else's from now on, and the phone is dead.
            await s.performer.settle(s.agent_id, AgentActivity.ERROR)
        else:
            await s.performer.wrap_up(s.agent_id, s.id)

    async def _is_in_queue(self) -> bool:
        """Put the destination's contact into its queue if it is in none; not if that is full."""
        s, world = self._s, self._s.world
        if self.contact.state is not ContactState.IN_FLOW or self.contact.target_queue_id is None:
            return True
        queue = world.site.now.queue(self.contact.target_queue_id)
        limit = queue.max_contacts if queue.enabled else 0
        entered = await world.store.enqueue_call(
            self.contact.id, queue.id, max_contacts=limit, now=s.now()
        )
        await self.refresh()
        return entered is not Enqueued.FULL

    async def _ring(self) -> None:
        """Offer the contact to its agent, whom routing has reserved or who is reserved now."""
        s, world = self._s, self._s.world
        if self.transfer.kind is K.AGENT:
            agent_id = self.quick_connect().agent_id
            number = None
            if agent_id is not None:
                number = await world.store.claim(
                    self.contact.id,
                    agent_id,
                    from_state=ContactState.IN_FLOW,
                    now=s.now(),
                )
            if number is None:
                await self.happened(E.DESTINATION_FAILED, _failure("not_available"))
                return
        await self.refresh()
        if self._agent_id is None:
            return
        agent = world.site.now.agent(self._agent_id)
        world.guests.admit(
            f"whispers {self.contact.id}", prepare_transfer_whispers(world, self.contact)
        )
        name = f"Transfer {self._queue_name()}"
        order = offer(world.site.now, agent, self.contact, self.contact.agent_leg, name=name)
        if isinstance(order, NoOffer):
            await self._destination_failed(order.value, "")
        else:
            await self._call(order)

    def _stop_flow(self) -> None:
        for line in self._lines():
            if line is not None and Sound.TRANSFER_FLOW in self.sounds.heard_on(line):
                line.stop()

    async def flow_lost(self) -> None:
        """The leg by which the flow took part in the talk is gone, and the flow with it."""
        await self.happened(E.FLOW_ENDED, _failure("flow_lost"))

    async def _dial(self) -> None:
        """Dial the number, unless the policy forbids it at this very moment."""
        s, site = self._s, self._s.world.site.now
        number = self.quick_connect().number
        to = route(site, number) if number is not None else None
        if number is None or site.policy.check(number) is not None:
            await self.happened(E.DESTINATION_FAILED, _failure("forbidden"))
            return
        if to is None:
            await self.happened(E.DESTINATION_FAILED, _failure("no_trunk"))
            return
        queue = site.queue(s.contact.queue_id) if s.contact.queue_id else None
        s.world.failpoint("after_intent_commit")
        await self._call(
            CallOrder(
                leg_id=self.contact.agent_leg,
                to=to,
                caller_number=queue.caller_id if queue else None,
                caller_name=queue.caller_id_name if queue else None,
                ring=site.ring_customer,
                answer_at=self._room(),
                contact_id=self.contact.id,
            )
        )
        s.world.failpoint("after_originate")

    async def _call(self, order: CallOrder) -> None:
        self.destination = self._s.line(order.leg_id)
        self.destination.born = asyncio.get_running_loop().time()
        try:
            await self._s.world.switch.call(order)
        except LinkDown as error:
            if error.maybe_done:
                raise
            await self._destination_failed("network_failure", "no link")
        except TelephonyError as error:
            await self._destination_failed("network_failure", error.code)

    async def _destination_failed(self, outcome: str, detail: str) -> None:
        self.destination = None
        await self.happened(E.DESTINATION_FAILED, _failure(outcome, detail))

    # --- agents ---------------------------------------------------------------------------------

    async def _dismiss(
        self, sound: str | None, agent_id: AgentId | None, then: AgentActivity | None
    ) -> None:
        """Take the destination's leg out; it is told something first, if anything."""
        line, self.destination = self.destination, None
        if line is not None:
            await self._s.performer.dismiss(line, agent_id, sound, of=self.contact.id, then=then)
        elif then is not None:
            await self._settle(agent_id, then)

    async def _after_leg(self, agent_id: AgentId | None, activity: AgentActivity) -> None:
        farewell = self._s.farewells.get(self.contact.agent_leg)
        if farewell is not None:
            farewell.then = activity
        else:
            await self._settle(agent_id, activity)

    async def _settle(self, agent_id: AgentId | None, activity: AgentActivity) -> None:
        if agent_id is not None:
            await self._s.performer.settle(agent_id, activity, of=self.contact.id)

    async def put_agent_right(self) -> None:
        """Have who is reserved for the destination do what its state says, or be free of it."""
        for agent in await self._s.world.store.agents():
            if agent.contact_id != self.contact.id or agent.activity not in BUSY_ACTIVITIES:
                continue
            if self._s.farewells:
                continue
            await self.refresh()  # after the agent: a claim in between shows in the contact
            activity = AgentActivity.IDLE
            if self._agent_id == agent.agent_id:
                activity = _DOES.get(self.contact.state, activity)
            if activity is not agent.activity:
                await self._settle(agent.agent_id, activity)

    def line_of(self, leg_id: LegId) -> Line | None:
        """The line of this leg, if this quick connect says where it belongs."""
        return next((line for line in self._lines() if line and line.leg_id == leg_id), None)

    def _lines(self) -> tuple[Line | None, ...]:
        """All three; of a party, customer and source are up to the one with the controls."""
        if self.transfer.is_party:
            return (self.destination,)
        return (self._s.customer, self._s.agent, self.destination, self.flow.line)

    def quick_connect(self) -> QuickConnect:
        """As the site has it now.

        Raises:
            NotFound: It was dropped meanwhile.
        """
        return self._s.world.site.now.quick_connect(self.transfer.quick_connect_id)

    def _queue_name(self) -> str:
        queue_id = self.contact.queue_id
        queue = self._s.world.site.now.find_queue(queue_id) if queue_id else None
        return queue.name if queue else ""

    # --- after a reconnect ----------------------------------------------------------------------

    async def compare(self, live: Mapping[LegId, LiveLeg]) -> None:
        """Make good what was missed while nobody listened; the switch is the truth."""
        for line in self._lines():
            if line is None or line.leg_id in live or not self.transfer.is_open:
                continue
            if line is self.destination and self.state in (*_RINGS, *_QUEUES):
                await self._destination_failed(LegOutcome.UNKNOWN.value, "unwatched")
            else:
                await self.leg_event(LegEnded(line.leg_id, normal=False))
        if not self.transfer.is_open:
            return
        ringing = self.destination
        if ringing is not None and self.state in (*_RINGS, *_QUEUES):
            if live[ringing.leg_id].up and ringing.participant is None:
                await self.destination_answered()
        elif ringing is None and self.state in _RINGS:
            await self._destination_failed(LegOutcome.UNKNOWN.value, "never dialled")
        await self.put_agent_right()


def moved_note(transfer: Transfer, event: Event) -> Note:
    """What the journal says of a step; of several quick connects it names the one."""
    detail = {"event": event.name.lower(), "to": transfer.state.value}
    return Note("transfer_moved", {**detail, "quick_connect": transfer.quick_connect_id})


def _failure(reason: str, detail: str = "") -> Note:
    return Note("transfer_failed", {"reason": reason, "detail": detail})


def _changed(contact: Contact, state: ContactState | None, fields: Mapping[str, Any]) -> Contact:
    return replace(contact, state=state or contact.state, **fields)
