"""Commands in roles become commands on legs; a leg that arrives gets what its state asks for.

It is one module because it is one exhaustive ``match`` over commands, on the lines of one session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import Contact, ContactState
from ivr.domain.errors import LegGone, LinkDown, TelephonyError
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.domain.serving import Command, Event
from ivr.flow.defaults import default_flow
from ivr.flow.effects import Hook, PreviousOnHold
from ivr.flow.kinds import FlowKind
from ivr.flow.memory import Memory, ResumePoint
from ivr.flow.step import PinnedFlow
from ivr.ports.store import Note
from ivr.ports.telephony import (
    END,
    HOLD,
    PROGRAM,
    QUIET,
    RINGBACK,
    LiveLeg,
    Participant,
    Place,
    room,
)
from ivr.service.dialling import NoOffer, dial, offer
from ivr.service.flow_runner import FlowEnd, FlowRun, Played
from ivr.service.lines import Farewell, Line, contact_named_by
from ivr.service.whispers import prepare_whispers
from ivr.service.world import MAX_WHISPER

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

logger = logging.getLogger(__name__)

S, C = ContactState, Command

_TELLS = {
    LegOutcome.NO_ANSWER: "not-answered",
    LegOutcome.UNKNOWN: "not-answered",
    LegOutcome.CANCELLED: "not-answered",
    LegOutcome.BUSY: "customer-busy",
    LegOutcome.REJECTED: "customer-rejected",
    LegOutcome.INVALID_NUMBER: "number-invalid",
}
"""What an agent is told of an attempt, by its outcome; else that the call failed."""

_DOES = {
    S.OFFERED: AgentActivity.OFFERED,
    S.AGENT_WHISPER: AgentActivity.CONNECTING,
    S.CUSTOMER_WHISPER: AgentActivity.CONNECTING,
    S.DIALLING: AgentActivity.CONNECTING,
    S.OUTBOUND_WHISPER: AgentActivity.CONNECTING,
    S.CONNECTED: AgentActivity.ON_CONTACT,
}
"""What the agent of a contact does, by its state."""
ACCEPT_KEY = "1"
_ASKS_TO_ACCEPT = 3
_TIME_TO_ACCEPT = timedelta(seconds=4)
"""After each time of asking."""
_BEFORE_QUEUES = (FlowKind.CONTACT_FLOW, FlowKind.AGENT_TRANSFER, FlowKind.QUEUE_TRANSFER)
"""Flows that put a contact into a queue."""


async def carry_out(contact_id: ContactId, command: Enum, work: Awaitable[None]) -> None:
    """Wait for what a command does; the switch being away is put right when it is back."""
    try:
        await work
    except TelephonyError as error:
        logger.warning(
            "A command was not carried out",
            extra={
                "event": "command_not_sent",
                "contact_id": contact_id,
                "command": command.name.lower(),
                "cause": error.code,
            },
        )


class Performer:
    """Hands and voice of a contact's session; it decides nothing."""

    def __init__(self, session: ContactSession) -> None:
        self._s = session
        self._cancelled_dial: LegId | None = None

    # --- commands -------------------------------------------------------------------------------

    async def perform(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            LinkDown: The switch cannot be reached.
        """
        match command:
            case C.RING_AGENT:
                await self._ring_agent()
            case C.PLAY_AGENT_WHISPER:
                await self._agent_becomes(AgentActivity.CONNECTING)
            case C.DIAL_CUSTOMER:
                await dial(self._s)
            case C.AGENT_TO_RINGBACK:
                await self._send(self._s.agent, RINGBACK)
            case C.AGENT_TO_QUIET:
                await self._send(self._s.agent, QUIET)
            case C.PLAY_CUSTOMER_WHISPER:
                await self._customer_comes_to_the_controller()
            case C.CUSTOMER_TO_QUEUE_FLOW:
                await self._customer_comes_to_the_controller()
            case C.JOIN:
                await self._join()
            case C.HANG_UP_CUSTOMER:
                await self._send(self._s.customer, self._s.exit)
            case C.CANCEL_DIAL:
                await self._cancel_dial()
            case C.HANG_UP_AGENT:
                await self.dismiss_agent(None)
            case C.TELL_AGENT:
                await self.dismiss_agent(self._news())
            case C.AGENT_IS_FREE:
                await self.after_leg(AgentActivity.IDLE)
            case C.AGENT_MISSED:
                await self._agent_becomes(AgentActivity.MISSED)
            case C.AGENT_FAILED:
                await self._agent_becomes(AgentActivity.ERROR)
            case C.AGENT_WRAPS_UP:
                await self._wrap_up()
            case C.AGENT_AFTER_ATTEMPT:
                if self._s.world.site.now.acw_after_unanswered:
                    await self._wrap_up()
                else:
                    await self.after_leg(AgentActivity.IDLE)

    async def _ring_agent(self) -> None:
        s, contact = self._s, self._s.contact
        if s.agent_id is None or s.agent is None or contact.queue_id is None:
            return
        site = s.world.site.now
        agent, queue = site.agent(s.agent_id), site.queue(contact.queue_id)
        s.world.guests.admit(f"whispers {contact.id}", prepare_whispers(s.world, contact))
        kind = "Callback" if contact.is_callback else "Call"
        s.agent.born = asyncio.get_running_loop().time()
        order = offer(site, agent, contact, s.agent.leg_id, name=f"{kind} {queue.name}")
        if isinstance(order, NoOffer):
            await self._missed(order.value)
            return
        try:
            await s.world.switch.call(order)
        except LinkDown as error:
            if error.maybe_done:
                raise
            s.agent = None
            await s.advance(Event.OFFER_LOST)
        except TelephonyError as error:
            await self._missed(error.code)

    async def _missed(self, detail: str) -> None:
        self._s.agent = None
        note = Note("offer_missed", {"agent": self._s.agent_id, "detail": detail})
        await self._s.advance(Event.AGENT_MISSED, note)

    def accepts_by_key(self, agent_id: AgentId | None) -> bool:
        """Whether an agent is on an outside number, where an answer may be a voicemail's."""
        agent = self._s.world.site.now.find_agent(agent_id) if agent_id else None
        return agent is not None and agent.number is not None

    def ask_to_accept(self, line: Line) -> None:
        """Ask who has answered at an outside number to accept by a key."""
        if line.participant is not None:
            self._s.start(line, self._ask_to_accept(line.participant))

    async def _ask_to_accept(self, participant: Participant) -> Played:
        sound = self._s.world.speech.recorded("accept-call")
        try:
            for _ in range(_ASKS_TO_ACCEPT):
                keys = await participant.collect(
                    (sound,) if sound is not None else (),
                    max_keys=1,
                    first=_TIME_TO_ACCEPT,
                    between=_TIME_TO_ACCEPT,
                    terminator="",
                )
                if keys.pressed == ACCEPT_KEY:
                    return Played(FlowEnd.OVER)
        except LegGone:
            return Played(FlowEnd.GONE)
        return Played(FlowEnd.DISCONNECT)

    async def offer_decided(self, line: Line, end: FlowEnd) -> None:
        """Whoever was asked to accept the contact has done so, or has not."""
        if end is FlowEnd.OVER:
            await self._s.advance(Event.AGENT_ANSWERED)
            await self.serve(line)
        else:
            await line.send(self._s.world.switch, END)
            await self._missed("not accepted by a key")

    async def _customer_comes_to_the_controller(self) -> None:
        """Have the customer's leg handed over anew; what it hears now is cut."""
        line = self._s.customer
        if line is not None and self._s.contact.state is not S.OUTBOUND_WHISPER:
            await self._send(line, PROGRAM)

    async def _join(self) -> None:
        s = self._s
        place = room(s.contact.talks_in)
        await asyncio.gather(self._send(s.agent, place), self._send(s.customer, place))
        await self._agent_becomes(AgentActivity.ON_CONTACT)

    async def _send(self, line: Line | None, place: Place) -> None:
        if line is not None:
            await line.send(self._s.world.switch, place)

    def cancel_after(self, line: Line) -> None:
        """Remember the attempt that was closed, for the command that cancels its dial."""
        self._cancelled_dial = line.leg_id

    async def _cancel_dial(self) -> None:
        s = self._s
        if s.dial is not None:
            line, s.dial = s.dial, None
            self._cancelled_dial = line.leg_id
            await s.world.switch.hang_up(line.leg_id)
            await s.world.store.end_attempt(
                line.leg_id, LegOutcome.CANCELLED, rang=s.rang, counted=s.rang, now=s.now()
            )
        elif self._cancelled_dial is not None:
            await s.world.switch.hang_up(self._cancelled_dial)

    # --- agents ---------------------------------------------------------------------------------

    def _news(self) -> str:
        """Name of the system sound that says why the customer is not there."""
        s = self._s
        if s.last_outcome is None:
            return "customer-gone"
        return _TELLS.get(s.last_outcome, "call-failed")

    async def dismiss_agent(self, sound: str | None) -> None:
        """Take the agent's leg out of the contact; it is told something first, if anything."""
        s, line = self._s, self._s.agent
        s.agent = None
        if line is not None:
            await self.dismiss(line, s.agent_id, sound, of=s.id)

    async def dismiss(
        self,
        line: Line,
        agent_id: AgentId | None,
        sound: str | None,
        *,
        of: ContactId,
        then: AgentActivity | None = None,
    ) -> None:
        """End a leg that is no longer part of its contact; it is told something first, if anything.

        Args:
            line: The leg.
            agent_id: Whose it is.
            sound: Name of what is said to it.
            of: The contact that holds the agent.
            then: What the agent does once the leg is gone; none if that is settled otherwise.
        """
        s = self._s
        s.farewells[line.leg_id] = Farewell(line, agent_id, of, sound, then)
        if sound is None:
            line.let_go()
            await s.world.switch.hang_up(line.leg_id)
        elif line.participant is not None and line.program is None:
            s.start(line, self._say(line.participant, sound))
        else:
            await line.send(s.world.switch, PROGRAM)

    async def hang_up_agent(self) -> None:
        """End the agent's leg because a flow says so; what follows comes with its end."""
        if self._s.agent is not None:
            await self._s.world.switch.hang_up(self._s.agent.leg_id)

    async def _say(self, participant: Participant, name: str) -> Played:
        sound = self._s.world.speech.recorded(name)
        try:
            if sound is not None:
                await participant.play((sound,))
        except LegGone:
            return Played(FlowEnd.GONE)
        return Played(FlowEnd.OVER)

    async def after_leg(self, activity: AgentActivity) -> None:
        """Settle the agent now, or when the phone is down again: it could not ring before."""
        s = self._s
        farewell = s.farewells.get(s.contact.agent_leg)
        if farewell is not None:
            farewell.then = activity
        elif s.agent_id is not None:
            await self.settle(s.agent_id, activity)

    def play(self, line: Line, flow: PinnedFlow, contact: Contact) -> None:
        """Play a flow of this contact to a leg in hand; after a crash it begins again."""
        self._s.start(line, self._play(line, flow, contact))

    async def _play(self, line: Line, flow: PinnedFlow, contact: Contact) -> Played:
        if line.participant is None:
            return Played(FlowEnd.GONE)
        run = FlowRun(self._s.world, contact, line.participant, keep_position=False)
        return await run.play(flow)

    def play_transfer_flow(
        self, line: Line, flow: PinnedFlow, contact: Contact, on_hold: PreviousOnHold
    ) -> None:
        """Play a transfer flow to a leg in hand, from where it stands if it has begun."""
        self._s.start(line, self._play_transfer_flow(line, flow, contact, on_hold))

    async def _play_transfer_flow(
        self, line: Line, flow: PinnedFlow, contact: Contact, on_hold: PreviousOnHold
    ) -> Played:
        world, participant, point = self._s.world, line.participant, None
        if participant is None:
            return Played(FlowEnd.GONE)
        if contact.position is not None:
            point = ResumePoint.from_json(contact.position)
            flow = await world.site.version(world.store, point.flow_id, point.flow_version)
        run = FlowRun(world, contact, participant, keep_position=True, on_hold=on_hold)
        return await run.play(flow, resume=point)

    async def _agent_becomes(self, activity: AgentActivity) -> None:
        if self._s.agent_id is not None:
            await self.settle(self._s.agent_id, activity)

    async def settle(
        self, agent_id: AgentId, activity: AgentActivity, *, of: ContactId | None = None
    ) -> None:
        """Change an agent's activity if they still hold this contact, or the one named."""
        s = self._s
        await s.world.store.move_agent(agent_id, of or s.id, activity, now=s.now())
        if activity is AgentActivity.IDLE:
            s.world.router.ring()

    async def _wrap_up(self) -> None:
        if self._s.agent_id is not None:
            await self.wrap_up(self._s.agent_id, self._s.id)

    async def wrap_up(self, agent_id: AgentId, contact_id: ContactId) -> None:
        """Give an agent after-contact work for this contact, or free them where there is none."""
        s = self._s
        limit = s.world.site.now.agent(agent_id).acw_limit
        if limit is None:
            farewells = (f for f in s.farewells.values() if f.agent_id == agent_id)
            farewell = next(farewells, None)
            if farewell is not None:
                farewell.then = AgentActivity.IDLE
            else:
                await self.settle(agent_id, AgentActivity.IDLE, of=contact_id)
            return
        now = s.now()
        await s.world.store.move_agent(
            agent_id,
            contact_id,
            AgentActivity.AFTER_CONTACT_WORK,
            now=now,
            acw_until=now + limit if limit > timedelta(0) else None,
        )
        await s.world.store.change_contact(
            contact_id, {"acw_started_at": now}, Note("acw_started"), now=now
        )
        s.world.timers.ring()

    # --- legs that arrive -----------------------------------------------------------------------

    async def serve(self, line: Line) -> None:
        """Give a leg that was handed over what its role and the contact's state ask for."""
        s = self._s
        farewell = s.farewells.get(line.leg_id)
        if farewell is not None and farewell.sound is not None and line.participant is not None:
            s.start(line, self._say(line.participant, farewell.sound))
        elif farewell is not None:
            await self._send(line, END)
        elif (run := s.transfer_of(line.leg_id)) is not None:
            await run.sounds.serve(line)
        elif line is s.customer:
            await self._serve_customer(line)
        else:
            await self._serve_agent(line)

    async def _serve_customer(self, line: Line) -> None:
        s = self._s
        match s.contact.state:
            case S.CONNECTED:
                await self.place_customer(line)
            case S.ENDED:
                await self._send(line, s.exit)
            case S.CUSTOMER_WHISPER:
                flow = self.hook(Hook.CUSTOMER_WHISPER, FlowKind.CUSTOMER_WHISPER, s.contact)
                self.whisper(line, flow, s.contact)
            case S.OUTBOUND_WHISPER:
                queue = s.world.site.now.queue(s.contact.queue_id) if s.contact.queue_id else None
                name = queue.outbound_whisper if queue else None
                self.whisper(line, s.world.site.chosen(FlowKind.OUTBOUND_WHISPER, name), s.contact)
            case _ if s.contact.position is not None:
                await self._resume_flow(line, ResumePoint.from_json(s.contact.position))
            case _:
                await self.start_queue_flow(line)

    async def _serve_agent(self, line: Line) -> None:
        s = self._s
        match s.contact.state:
            case S.AGENT_WHISPER:
                flow = self.hook(Hook.AGENT_WHISPER, FlowKind.AGENT_WHISPER, s.contact)
                self.whisper(line, flow, s.contact)
            case S.CUSTOMER_WHISPER:
                await self._send(line, QUIET)
            case S.DIALLING | S.OUTBOUND_WHISPER:
                await self._send(line, RINGBACK)
            case S.CONNECTED:
                await self._send(line, room(s.contact.talks_in))
            case S.OFFERED:
                self.ask_to_accept(line)
            case _:
                await self._send(line, END)

    def hook(self, hook: Hook, kind: FlowKind, contact: Contact) -> PinnedFlow | None:
        """The flow of a hook: the contact's, else the default; none if it is switched off."""
        name = contact.hooks.get(hook.value)
        return None if name == "" else self._s.world.site.chosen(kind, name)

    def whisper(self, line: Line, flow: PinnedFlow | None, contact: Contact) -> None:
        """Play a whisper of this contact to a leg in hand, for as long as a whisper may last."""
        self._s.start(line, self._run_whisper(line, flow, contact))

    async def _run_whisper(self, line: Line, flow: PinnedFlow | None, contact: Contact) -> Played:
        participant = line.participant
        if flow is None or participant is None:
            return Played(FlowEnd.OVER)
        run = FlowRun(self._s.world, contact, participant, keep_position=False)
        try:
            async with asyncio.timeout(MAX_WHISPER.total_seconds()):
                return await run.play(flow)
        except TimeoutError:
            line.stuck = True
            return Played(FlowEnd.OVER)

    async def _resume_flow(self, line: Line, point: ResumePoint) -> None:
        world = self._s.world
        flow = await world.site.version(world.store, point.flow_id, point.flow_version)
        if self._s.contact.state is not S.IN_FLOW and flow.document.kind in _BEFORE_QUEUES:
            await self.start_queue_flow(line)  # the flow that queued it was its last act
            return
        self._s.start(line, self._run_flow(line, flow, resume=point))

    async def start_queue_flow(self, line: Line) -> None:
        """Start what the customer hears while waiting, from its beginning."""
        s = self._s
        name = s.contact.hooks.get(Hook.CUSTOMER_QUEUE.value)
        flow = s.world.site.chosen(FlowKind.CUSTOMER_QUEUE, name)
        position = s.contact.position
        memory = ResumePoint.from_json(position).memory if position else Memory()
        start = ResumePoint(
            flow.id, flow.version, flow.document.start, Memory(stored_input=memory.stored_input)
        )
        s.start(line, self._run_flow(line, flow, resume=start))

    async def _run_flow(self, line: Line, flow: PinnedFlow, *, resume: ResumePoint) -> Played:
        participant = line.participant
        if participant is None:
            return Played(FlowEnd.GONE)
        run = FlowRun(self._s.world, self._s.contact, participant, keep_position=True)
        return await run.play(flow, resume=resume)

    # --- putting right --------------------------------------------------------------------------

    async def put_right(self, leg_id: LegId, *, live: LiveLeg | None = None) -> None:
        """Send a leg that is not where its role and the contact's state want it to its place."""
        s = self._s
        farewell = s.farewells.get(leg_id)
        talker = s.talker(leg_id)
        if talker is not None:
            line, place = talker, self.place_of(talker)
        elif farewell is not None and farewell.sound is not None and (live is None or live.up):
            line, place = farewell.line, PROGRAM
        elif s.dial is None or s.dial.leg_id != leg_id:
            if contact_named_by(leg_id) is not None:
                await s.world.switch.hang_up(leg_id)
            return
        else:
            return
        if live is not None and (not live.up or live.place in (None, place)):
            return
        if line.participant is None:
            await self._send(line, place)

    def place_of(self, line: Line) -> Place:
        """Where one of the session's talkers belongs now."""
        run = self._s.transfer_of(line.leg_id)
        if run is not None:
            return run.sounds.place_for(line)
        return self._customer_place() if line is self._s.customer else self._agent_place()

    async def put_agent_right(self) -> None:
        """Have whoever is reserved for this contact do what its state says, or be free of it."""
        s = self._s
        for agent in await s.world.store.agents():
            if agent.contact_id != s.id or agent.activity not in BUSY_ACTIVITIES or s.farewells:
                continue
            # Read after the agent: a claim in between shows in the contact.
            contact = await s.world.store.contact(s.id)
            activity = _DOES.get(contact.state) if contact else None
            if contact is None or contact.agent_id != agent.agent_id or activity is None:
                activity = AgentActivity.IDLE
            if activity is not agent.activity:
                await self.settle(agent.agent_id, activity)

    def _customer_place(self) -> Place:
        contact = self._s.contact
        if contact.state is not S.CONNECTED:
            return PROGRAM
        return room(contact.talks_in) if contact.held_since is None else self.hold_place()

    def hold_place(self) -> Place:
        """Where a customer on hold is: with music, or with the controller to hear a flow."""
        return HOLD if self.hold_flow() is None else PROGRAM

    def hold_flow(self) -> PinnedFlow | None:
        """What a customer on hold hears; none = music, without a flow."""
        name = self._s.contact.hooks.get(Hook.CUSTOMER_HOLD.value)
        flow = self._s.world.site.chosen(FlowKind.CUSTOMER_HOLD, name)
        return None if flow is default_flow(FlowKind.CUSTOMER_HOLD) else flow

    async def place_customer(self, line: Line) -> None:
        """Let the customer of a connected contact talk, or hear what is heard on hold."""
        flow = self.hold_flow() if self._s.contact.held_since is not None else None
        if flow is not None and line.participant is not None and line.program is None:
            self.play(line, flow, self._s.contact)
        else:
            await self._send(line, self._customer_place())

    def _agent_place(self) -> Place:
        """Where the agent belongs without a quick connect."""
        match self._s.contact.state:
            case S.CONNECTED:
                return room(self._s.contact.talks_in)
            case S.CUSTOMER_WHISPER:
                return QUIET
            case S.DIALLING | S.OUTBOUND_WHISPER:
                return RINGBACK
            case _:
                return PROGRAM
