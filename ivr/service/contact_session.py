"""One task per contact: messages in, the pure machine decides, commit, then command.

Nothing else writes a contact's legs. The session holds no truth of its own: the contact's row says
where it stands, the switch says who is connected; a session that dies is made again from both
(``reconcile``), and its legs come back through the dialplan.

It is one module because every message is about the same few lines of one contact, and what one
message leaves behind the next one meets.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import Callback, Fail, FailureReason, after_attempt, counts
from ivr.domain.contact import SERVING_STATES, Contact, ContactState, DisconnectReason
from ivr.domain.errors import (
    LinkDown,
    NotNow,
    QueuebackError,
    StoreError,
    TelephonyError,
    UnexpectedEvent,
)
from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.domain.quick_connect import Event as TransferEvent
from ivr.domain.serving import Command, Event, advance
from ivr.ports.store import DialRefused, Note
from ivr.ports.telephony import (
    END,
    GOODBYE,
    REORDER,
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
    Participant,
    Place,
)
from ivr.service.endings import ending_of
from ivr.service.flow_runner import FlowEnd, Played
from ivr.service.hold_limits import HoldReminder
from ivr.service.lines import Farewell, Line
from ivr.service.mailbox import (
    Arrived,
    Doubted,
    HoldExpired,
    HoldReminded,
    Mailbox,
    Message,
    MonitorAsked,
    OfferWon,
    ProgramEnded,
    StopRequested,
    TransferAsked,
    VerbAsked,
)
from ivr.service.monitors import Monitors
from ivr.service.perform import Performer, carry_out
from ivr.service.phone_keys import PhoneKeys
from ivr.service.phone_lines import PhoneLines
from ivr.service.rooms import RoomCheck
from ivr.service.transfer_changes import hold_ends
from ivr.service.transfer_requests import begin_transfer, use_verb
from ivr.service.transfer_run import TransferRun
from ivr.service.world import World

logger = logging.getLogger(__name__)

S = ContactState
_EXITS = {FlowEnd.REORDER: REORDER, FlowEnd.BROKEN: GOODBYE}
DIAL_PAUSE = timedelta(seconds=30)
"""Before a callback that might not be dialled just now is offered again."""


class ContactSession:
    """The task of one contact.

    Args:
        world: Ports and bells.
        mailbox: Where its messages come from.
        contact: As it stands in the database.
        begin: Makes the session of another contact: a quick connect hands its customer over.

    Attributes:
        contact: The contact as read at the current message.
        customer: The customer's line, once there is one.
        agent: The line of the agent who serves it.
        agent_id: That agent.
        dial: The line of the attempt under way.
        rang: Whether the customer's phone rang in that attempt.
        last_outcome: How the last attempt ended, which the agent is told.
        exit: Where the customer goes when the flow is done with them.
        farewells: Lines of agents who were released from the contact, by leg.
        performer: What carries commands out.
        transfer: The quick connect under way; it decides who hears whom meanwhile.
        monitors: Supervisors of the agent.
        lines: The lines of the agent's phone.
        keys: What the agent does with its keys.
        parties: Quick connects beside it, oldest first; there are none without it.
        room: Whether all who talk hear each other.
    """

    def __init__(
        self, world: World, mailbox: Mailbox, contact: Contact, begin: Callable[[Contact], None]
    ) -> None:
        self.world = world
        self.mailbox = mailbox
        self.contact = contact
        self.last_outcome: LegOutcome | None = None
        self.customer: Line | None = None
        self.agent: Line | None = None
        self.agent_id: AgentId | None = contact.agent_id
        self.dial: Line | None = None
        self.rang = False
        self.farewells: dict[LegId, Farewell] = {}
        self.exit: Place = END
        self._has_acted = False
        self._untold: tuple[Note, ...] = ()
        self._inbox = mailbox.open(contact.id)
        self.performer = Performer(self)
        self.transfer: TransferRun | None = None
        self.monitors = Monitors(self)
        self.lines = PhoneLines(self)
        self.keys = PhoneKeys(self)
        self.parties: list[TransferRun] = []
        self.room = RoomCheck(self)
        self._begin = begin
        self._reminder = HoldReminder(world, mailbox, contact.id)
        self._programs: asyncio.TaskGroup | None = None
        self._adopt()

    def _adopt(self) -> None:
        """Know the legs that the contact's row says it has."""
        contact = self.contact
        if contact.customer_leg is not None:
            self.customer = self.line(contact.customer_leg)
        if contact.state in SERVING_STATES:
            self.agent = self.line(contact.agent_leg)
            self.lines.take_up()

    # --- names ----------------------------------------------------------------------------------

    @property
    def id(self) -> ContactId:
        """The contact's id."""
        return self.contact.id

    def now(self) -> datetime:
        """Current time, UTC."""
        return self.world.clock.now()

    def line(self, leg_id: LegId) -> Line:
        """A line that is bound to this contact."""
        self.mailbox.bind(leg_id, self.id)
        return Line(leg_id)

    # --- life -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Handle messages until nothing of the contact is on a line and nothing is expected."""
        try:
            async with asyncio.TaskGroup() as programs:
                self._programs = programs
                await self._take_up_dial()
                await self._take_up_transfer()
                await self.monitors.take_up()
                while not self._is_over():
                    self._reminder.watch(reminds=self.keys.may_forget_a_hold())
                    await self._take(await self._inbox.messages.get())
                self._let_go_of_everything()
        finally:
            self.mailbox.close(self.id)
            self._let_go_of_everything()
            await self._answer_the_rest()

    async def _take_up_dial(self) -> None:
        """Know the attempt that a predecessor began and nobody has closed."""
        if self.contact.state is S.DIALLING:
            for attempt in await self.world.store.attempts(self.id):
                if attempt.outcome is None:
                    self.dial = self.line(attempt.leg_id)

    async def _take_up_transfer(self) -> None:
        """Know the quick connects that a predecessor has left open."""
        if self.contact.state not in (S.CONNECTED, S.ENDED):
            return
        for transfer in await self.world.store.open_transfers_of(self.id):
            contact = await self.world.store.contact(transfer.contact_id)
            if contact is None:
                continue
            run = TransferRun(self, transfer, contact)
            if transfer.is_party:
                self.parties.append(run)
            else:
                self.transfer = run
        await self.promote()

    async def _take(self, message: Message) -> None:
        """Handle a message; what the switch did not do is put right at the next comparison."""
        try:
            await self._handle(message)
        except TelephonyError as error:
            logger.warning(
                "A message was not carried through",
                extra={
                    "event": "message_cut_short",
                    "contact_id": self.id,
                    "message_kind": type(message).__name__,
                    "cause": error.code,
                },
            )
        except BaseException:
            _turn_away(message)
            raise

    def _is_over(self) -> bool:
        if not self._inbox.messages.empty() or self.farewells or self.monitors:
            return False
        if self.transfer is not None:
            return False
        if self.contact.state is S.ENDED:
            return self.agent is None
        return (
            self.contact.state in (S.QUEUED, S.SCHEDULED, S.WAITING_FOR_RETRY)
            and self.customer is None
            and self.contact.is_callback
            and self._has_acted
        )

    def _let_go_of_everything(self) -> None:
        self._reminder.watch(reminds=False)
        for run in self.transfers():
            run.close()
        for line in (*self.talkers(), self.dial, self.lines.spare):
            if line is not None:
                line.let_go()
        for farewell in self.farewells.values():
            farewell.line.let_go()

    async def _answer_the_rest(self) -> None:
        """Leave nobody waiting for an answer of a session that is over."""
        while not self._inbox.messages.empty():
            message = self._inbox.messages.get_nowait()
            _turn_away(message)
            if isinstance(message, OfferWon) and message.contact_id != self.id:
                await self._offer_of_another(message)

    def _may_have_changed(self) -> bool:
        """Whether somebody else may have changed the contact since this session wrote or read it.

        What is over stays as it is; a call in its first flow is its session's own.
        """
        if self.contact.state is S.ENDED:
            return False
        return self._has_acted or self.contact.state is not S.IN_FLOW

    async def _handle(self, message: Message) -> None:
        if self._may_have_changed():
            contact = await self.world.store.contact(self.id)
            if contact is None:
                text = "the contact of a live session is not in the database"
                raise StoreError(text)
            self.contact = contact
        self._has_acted = True
        if self._passed_on(message):
            return
        if self.transfer is not None:
            await self.transfer.refresh()
        if not isinstance(message, LegEvent) or not await self._is_of_others(message):
            await self._handle_own(message)
        if isinstance(message, LegJoined):
            await self.room.joined(message)
        await self.lines.end_with_agent()
        if self.monitors:
            await self.monitors.follow()

    async def _is_of_others(self, event: LegEvent) -> bool:
        """Have a leg handled that is a supervisor's, a spare one or a quick connect's, if it is."""
        if await self.monitors.leg_event(event) or await self.lines.leg_event(event):
            return True
        run = self.transfer_of(event.leg_id)
        return run is not None and await run.leg_event(event)

    async def _handle_own(self, message: Message) -> None:
        match message:
            case LegRang(leg_id):
                await self._rang(leg_id)
            case LegAnswered(leg_id):
                await self._answered(leg_id)
            case LegFailed(leg_id, outcome, rang, detail):
                await self._failed(leg_id, outcome, rang=rang or self.rang, detail=detail)
            case LegEnded(leg_id, normal):
                await self._ended(leg_id, normal=normal)
            case LegStranded(leg_id):
                await self.performer.put_right(leg_id)
            case LegJoined():
                pass
            case LegKeyed(leg_id, code):
                await self.keys.keyed(leg_id, code)
            case LegReferred(leg_id, extension):
                await self.keys.referred(leg_id, extension)
            case LegHeld(leg_id, held):
                await self.keys.held(leg_id, held=held)
            case LegMerged():
                pass  # only the two lines of one agent can be merged
            case Arrived(participant, released):
                await self._arrived(participant, released)
            case ProgramEnded(participant, played):
                self._untold += played.notes
                await self._program_ended(participant, played.end)
            case OfferWon(contact_id, agent_id, number) if contact_id == self.id:
                await self._offer_won(agent_id, number)
            case OfferWon():
                await self._offer_of_another(message)
            case StopRequested(answer):
                if self.transfer is not None:
                    done = await self.transfer.met(TransferEvent.STOPPED)
                else:
                    done = await self.advance(Event.STOPPED)
                if not answer.done():
                    answer.set_result(done)
            case HoldExpired(party):
                if self.transfer is not None:
                    await self.transfer.hold_expired(party)
            case HoldReminded():
                await self.keys.remind()
            case TransferAsked() | VerbAsked() | MonitorAsked():
                await self._asked(message)
            case Doubted():
                await self._compare()
        if self._untold:
            untold, self._untold = self._untold, ()
            await self.world.store.note(self.id, *untold, now=self.now())

    def _passed_on(self, message: Message) -> bool:
        """Give word of a leg that was handed over meanwhile to the session that has it now."""
        if isinstance(message, Arrived):
            leg_id = message.participant.leg_id
        elif isinstance(message, LegEvent):
            leg_id = message.leg_id
        else:
            return False
        if leg_id in self.farewells:
            return False
        owner = self.mailbox.owner(leg_id)
        if owner is None or owner == self.id or self.mailbox.is_lent(owner):
            return False
        return self.mailbox.post(owner, message)

    async def read_again(self) -> None:
        """Read the contact, which has just been changed together with something else."""
        found = await self.world.store.contact(self.id)
        if found is not None:
            self.contact = found

    # --- the machine ----------------------------------------------------------------------------

    async def advance(
        self,
        event: Event,
        *notes: Note,
        changes: Mapping[str, Any] | None = None,
        due_at: datetime | None = None,
        failure: FailureReason | None = None,
        reason: DisconnectReason | None = None,
    ) -> bool:
        """Decide, commit, then command.

        Args:
            event: What happened.
            notes: For the journal, committed with the new state.
            changes: Fields of the contact that change with it.
            due_at: When a postponed callback may be offered again.
            failure: Why a callback failed for good.
            reason: Why the contact ended, where the event alone does not say.

        Returns:
            Whether the contact moved.
        """
        before = self.contact.state
        try:
            row = advance(before, event)
        except UnexpectedEvent as error:
            logger.warning(str(error), extra={"event": "unexpected_event", "contact_id": self.id})
            return False
        if row.to is before:
            return False
        now = self.now()
        note = Note("contact_moved", {"event": event.name.lower(), "to": row.to.value})
        told = (*self._untold, note, *notes)
        fields = {**_times_of(row.to, now), **(changes or {})}
        if row.to is S.ENDED:
            fields |= hold_ends(self.contact, now)
        store = self.world.store
        if row.to is S.ENDED:
            ending = ending_of(self.contact, event, failure)
            fields["disconnect_reason"] = reason or ending.reason
            if self.contact.is_callback:
                committed = await store.end_callback(
                    self.id, (before,), ending.result, ending.failure, fields, *told, now=now
                )
            else:
                committed = await store.move_contact(
                    self.id, before, row.to, fields, *told, now=now
                )
        elif row.to is S.WAITING_FOR_RETRY:
            committed = await store.reschedule_callback(
                self.id, before, due_at=due_at or now, notes=told, now=now
            )
            self.world.timers.ring()
        else:
            committed = await store.move_contact(self.id, before, row.to, fields, *told, now=now)
        if not committed:
            return False
        self._untold = ()
        logger.info(
            "Contact moved",
            extra={
                "event": "contact_moved",
                "contact_id": self.id,
                "from_state": before.value,
                "to_state": row.to.value,
                "cause": event.name.lower(),
            },
        )
        if row.to is S.ENDED:
            self.world.router.ring()  # its number may be dialled, its slot be taken
        self.contact = replace(self.contact, state=row.to, **fields)
        for command in row.commands:
            await self.perform(command)
        return True

    async def perform(self, command: Command) -> None:
        """Carry out one command; the switch being away is put right when it is back."""
        await carry_out(self.id, command, self.performer.perform(command))

    # --- legs -----------------------------------------------------------------------------------

    async def _rang(self, leg_id: LegId) -> None:
        if self.dial is not None and self.dial.leg_id == leg_id:
            self.rang = True
            await self.world.store.note(self.id, Note("customer_rang"), now=self.now())
        elif self.agent is not None and self.agent.leg_id == leg_id:
            await self.world.store.note(self.id, Note("agent_rang"), now=self.now())

    async def _answered(self, leg_id: LegId) -> None:
        if self.dial is not None and self.dial.leg_id == leg_id:
            await self._customer_answered(self.dial)
        elif self.agent is not None and self.agent.leg_id == leg_id:
            await self._agent_answered()

    async def _agent_answered(self) -> None:
        by_key = self.performer.accepts_by_key(self.agent_id)
        if self.contact.state is S.OFFERED and not by_key:
            await self.advance(Event.AGENT_ANSWERED)

    async def _customer_answered(self, line: Line) -> None:
        now = self.now()
        await self.world.store.end_attempt(
            line.leg_id, LegOutcome.ANSWERED, rang=True, counted=True, now=now
        )
        self.world.trunks.worked()
        self.dial, self.customer = None, line
        moved = await self.advance(
            Event.CUSTOMER_ANSWERED,
            changes={"customer_leg": line.leg_id, "connected_to_system_at": now},
        )
        if not moved:
            self.customer = None
            await self.world.switch.hang_up(line.leg_id)

    async def _failed(self, leg_id: LegId, outcome: LegOutcome, *, rang: bool, detail: str) -> None:
        if self.dial is not None and self.dial.leg_id == leg_id:
            await self.attempt_over(outcome, rang=rang, detail=detail)
        elif self.agent is not None and self.agent.leg_id == leg_id:
            self.agent = None
            note = Note(
                "offer_missed",
                {"agent": self.agent_id, "outcome": outcome.value, "detail": detail},
            )
            if outcome in (LegOutcome.CANCELLED, LegOutcome.UNKNOWN):
                await self.advance(Event.OFFER_LOST, note)
            else:
                await self.advance(Event.AGENT_MISSED, note)
        else:
            await self._farewell_over(leg_id)

    async def _ended(self, leg_id: LegId, *, normal: bool) -> None:
        if self.customer is not None and self.customer.leg_id == leg_id:
            self.customer.let_go()
            self.customer = None
            await self.advance(Event.CUSTOMER_HUNG_UP if normal else Event.CALL_LOST)
        elif self.agent is not None and self.agent.leg_id == leg_id:
            self.agent.let_go()
            self.agent = None
            await self._agent_hung_up()
        elif self.dial is not None and self.dial.leg_id == leg_id:
            await self.attempt_over(LegOutcome.NETWORK_FAILURE, rang=self.rang, detail="ended")
        else:
            await self._farewell_over(leg_id)

    async def _agent_hung_up(self) -> None:
        if self.contact.state is S.DIALLING:
            await self.attempt_over(LegOutcome.CANCELLED, rang=self.rang, detail="agent hung up")
        else:
            await self.advance(Event.AGENT_HUNG_UP)

    async def _farewell_over(self, leg_id: LegId) -> None:
        farewell = self.farewells.pop(leg_id, None)
        if farewell is None:
            return
        farewell.line.let_go()
        if farewell.then is not None and farewell.agent_id is not None:
            await self.performer.settle(farewell.agent_id, farewell.then, of=farewell.contact_id)

    # --- offers and dialling --------------------------------------------------------------------

    async def _offer_won(self, agent_id: AgentId, number: int) -> None:
        if self.contact.state is not S.OFFERED or self.contact.agent_attempts != number:
            await self.performer.put_agent_right()
            return
        self.agent_id = agent_id
        self.agent = self.line(self.contact.agent_leg)
        await self.perform(Command.RING_AGENT)

    async def _offer_of_another(self, won: OfferWon) -> None:
        """An agent was reserved for a quick connect's destination, which may be over by now."""
        run = self.transfer_to(won.contact_id)
        if run is not None:
            await run.offer_won(won.agent_id, won.number)
        elif not self.mailbox.post(won.contact_id, won):
            await self.performer.settle(won.agent_id, AgentActivity.IDLE, of=won.contact_id)

    async def attempt_over(self, outcome: LegOutcome, *, rang: bool, detail: str) -> None:
        """Close the attempt under way and decide what follows."""
        if self.dial is None:
            return
        line, self.dial = self.dial, None
        self.performer.cancel_after(line)
        now = self.now()
        callback = await self.world.store.end_attempt(
            line.leg_id, outcome, rang=rang, counted=counts(outcome, rang=rang), now=now
        )
        if outcome is LegOutcome.NETWORK_FAILURE:
            self.world.trunks.failed(now)
        else:
            self.world.trunks.worked()
        await self._conclude(callback, outcome, rang=rang, ended_at=now, detail=detail)

    async def _conclude(
        self,
        callback: Callback,
        outcome: LegOutcome,
        *,
        rang: bool,
        ended_at: datetime,
        detail: str,
    ) -> None:
        """Decide what follows an attempt that is closed."""
        queue = self.world.site.now.queue(callback.queue_id)
        verdict = after_attempt(callback, outcome, rang=rang, policy=queue.retry, ended_at=ended_at)
        counted = counts(outcome, rang=rang)
        note = Note(
            "attempt_over",
            {"outcome": outcome.value, "rang": rang, "counted": counted, "detail": detail},
        )
        self.last_outcome = outcome
        if isinstance(verdict, Fail):
            await self.advance(Event.ATTEMPT_FAILED, note, failure=verdict.reason)
        else:
            await self.advance(Event.ATTEMPT_POSTPONED, note, due_at=verdict.not_before)

    async def dial_refused(self, why: DialRefused) -> None:
        """Nothing may be dialled now: back to waiting, no attempt used."""
        if why is DialRefused.STOPPED:
            return
        note = Note("dial_refused", {"reason": why.value})
        await self.advance(Event.ATTEMPT_POSTPONED, note, due_at=self.now() + DIAL_PAUSE)

    # --- quick connects -------------------------------------------------------------------------

    async def _asked(self, message: TransferAsked | VerbAsked | MonitorAsked) -> None:
        answer = message.answer
        try:
            match message:
                case TransferAsked(quick_connect, hold, key, _, second):
                    await begin_transfer(self, quick_connect, hold=hold, key=key, second=second)
                case VerbAsked(verb, key, _, party):
                    await use_verb(self, verb, key=key, party=party)
                case MonitorAsked(supervisor_id, asked):
                    await self.monitors.asked(supervisor_id, asked)
        except QueuebackError as error:
            if not answer.done():
                answer.set_exception(error)
            if isinstance(error, (StoreError, TelephonyError)):
                raise
        else:
            if not answer.done():
                answer.set_result(None)

    def transfers(self) -> tuple[TransferRun, ...]:
        """Quick connects under way: the one with the controls, then its parties."""
        return tuple(each for each in (self.transfer, *self.parties) if each is not None)

    def transfer_of(self, leg_id: LegId) -> TransferRun | None:
        """The quick connect that says where a leg belongs."""
        return next((run for run in self.transfers() if run.line_of(leg_id)), None)

    def transfer_to(self, contact_id: ContactId) -> TransferRun | None:
        """The quick connect whose destination's contact this is."""
        return next((run for run in self.transfers() if run.contact.id == contact_id), None)

    def talkers(self) -> list[Line]:
        """Lines of customer and agent, and of whom quick connects have brought in."""
        brought_in = (line for run in self.transfers() for line in (run.destination, run.flow.line))
        return [each for each in (self.customer, self.agent, *brought_in) if each is not None]

    def talker(self, leg_id: LegId) -> Line | None:
        """The one of these that a leg is."""
        return next((line for line in self.talkers() if line.leg_id == leg_id), None)

    def transfer_over(self, run: TransferRun) -> None:
        """A quick connect has come to its end: whoever is left is this contact's, or the other's.

        Its commands are still to come; they act on the lines that they find in ``run``.
        """
        self.mailbox.take_back(run.contact.id)
        if run is not self.transfer:
            self.parties.remove(run)
            return
        if run.transfer.handed_over and run.contact.state is not S.ENDED:
            self._begin(run.contact)
            self.room.hand_over(run.contact.id)
            for party in self.parties:
                party.goes_with(run.contact.id)
            self.parties.clear()
        self.transfer = None

    async def promote(self) -> None:
        """Have the newest party be the one with the controls, where there is none."""
        if self.transfer is None and self.parties:
            self.transfer = self.parties.pop()
            await self.transfer.happened(TransferEvent.PROMOTED)

    # --- programs -------------------------------------------------------------------------------

    async def _arrived(self, participant: Participant, released: asyncio.Event) -> None:
        line = await self._line_that_arrived(participant.leg_id)
        if line is None:
            try:
                await participant.leave(END)
            finally:
                released.set()
            return
        line.hand_over(participant, released)
        await self.performer.serve(line)

    async def _line_that_arrived(self, leg_id: LegId) -> Line | None:
        if leg_id in self.farewells:
            return self.farewells[leg_id].line
        for run in self.transfers():
            destination = run.destination
            if destination is not None and destination.leg_id == leg_id:
                await run.destination_answered()
                return destination
            if run.flow.owns(leg_id):
                return run.flow.line
        if self.dial is not None and self.dial.leg_id == leg_id:
            await self._customer_answered(self.dial)
            return self.customer
        if self.agent is not None and self.agent.leg_id == leg_id:
            await self._agent_answered()
            return self.agent
        if self.customer is not None and self.customer.leg_id == leg_id:
            return self.customer
        return None

    def start(self, line: Line, work: Coroutine[Any, Any, Played]) -> None:
        """Run something on a line that is in hand; its end arrives as a message."""
        participant = line.participant
        if participant is None or self._programs is None:
            work.close()
            return

        async def program() -> None:
            try:
                played = await work
            except StoreError as error:
                logger.warning(
                    "A program was cut short by the database",
                    extra={"event": "program_failed", "contact_id": self.id, "cause": error.code},
                )
                played = Played(FlowEnd.GONE)
            self.mailbox.post(self.id, ProgramEnded(participant, played))

        task = self._programs.create_task(program(), name=f"program {line.leg_id}")
        task.add_done_callback(lambda _: work.close())  # one that is cancelled may not have begun
        line.program = task

    def participant_of(self, leg_id: LegId) -> Participant | None:
        """The participant of a leg of this session, while it is with the controller."""
        lines = self._programmed()
        return next((line.participant for line in lines if line.leg_id == leg_id), None)

    def _programmed(self) -> list[Line]:
        """The lines to which something may be played."""
        farewells = (f.line for f in self.farewells.values())
        return [*self.talkers(), *farewells]

    async def _program_ended(self, participant: Participant, end: FlowEnd) -> None:
        lines = self._programmed()
        line = next((each for each in lines if each.participant is participant), None)
        if line is None:
            return
        line.program = None
        if end is FlowEnd.GONE:
            line.let_go()
        elif line.leg_id in self.farewells:
            await line.send(self.world.switch, END)
        elif (run := self.transfer_of(line.leg_id)) is not None:
            await run.program_ended(line, end)
        elif line is self.agent:
            await self._agent_program_ended(line, end)
        else:
            await self._customer_program_ended(line, end)

    async def _agent_program_ended(self, line: Line, end: FlowEnd) -> None:
        if self.contact.state is S.OFFERED:
            await self.performer.offer_decided(line, end)
        elif end is FlowEnd.DISCONNECT:
            await self.performer.hang_up_agent()
        elif self.customer is None:
            await self.advance(Event.READY_TO_DIAL)
        else:
            await self.advance(Event.READY_TO_JOIN)

    async def _customer_program_ended(self, line: Line, end: FlowEnd) -> None:
        if self.contact.state in (S.CUSTOMER_WHISPER, S.OUTBOUND_WHISPER):
            if end is FlowEnd.DISCONNECT:
                await self.world.switch.hang_up(line.leg_id)
            else:
                await self.advance(Event.CUSTOMER_WHISPER_ENDED)
        elif end is FlowEnd.QUEUED or (end is FlowEnd.OVER and self.contact.state is not S.IN_FLOW):
            # A queue flow that is over leaves the customer waiting: it starts again.
            await self.performer.start_queue_flow(line)
        else:
            self.exit = _EXITS.get(end, END)
            await self.advance(Event.FLOW_ENDED)

    # --- after a reconnect ----------------------------------------------------------------------

    async def _compare(self) -> None:
        """Make good what was missed while nobody listened; the switch is the truth."""
        try:
            legs = await self.world.switch.live_legs()
        except LinkDown:
            return
        live = {leg.leg_id: leg for leg in legs}
        for line in (*self.talkers(), self.dial):
            if line is not None and line.is_newborn():
                live.setdefault(line.leg_id, LiveLeg(leg_id=line.leg_id, place=None, up=False))
        await self.lines.compare(live)
        runs = self.transfers()
        for run in reversed(runs):  # who leaves must find no party that is gone
            await run.compare(live)
        for run in runs:
            if not run.transfer.is_open:
                self.mailbox.post(run.contact.id, Doubted())  # if another session has it now
        if self.contact.state is S.DIALLING:
            await self._compare_dial(live)
        if self.customer is not None and self.customer.leg_id not in live:
            self.customer.let_go()
            self.customer = None
            await self.advance(Event.CALL_LOST)
        if self.agent is not None and self.agent.leg_id not in live:
            self.agent.let_go()
            self.agent = None
            if self.contact.state in (S.OFFERED, S.AGENT_WHISPER):
                await self.advance(Event.OFFER_LOST)
            else:
                await self._agent_hung_up()
        await self.monitors.compare(live)
        for leg_id in [leg for leg in self.farewells if leg not in live]:
            await self._farewell_over(leg_id)
        await self.room.compare(live)
        for leg in live.values():
            apart = self.monitors.owns(leg.leg_id) or self.lines.owns(leg.leg_id)
            if self.mailbox.owner(leg.leg_id) == self.id and not apart:
                await self.performer.put_right(leg.leg_id, live=leg)
        await self.performer.put_agent_right()

    async def _compare_dial(self, live: Mapping[LegId, LiveLeg]) -> None:
        """Go on where dialling was left; never by dialling again what may have rung."""
        if self.dial is not None:
            self.rang = self.rang or self.dial.leg_id in live
            if self.dial.leg_id not in live:
                await self.attempt_over(LegOutcome.UNKNOWN, rang=self.rang, detail="unwatched")
            return
        attempts = await self.world.store.attempts(self.id)
        last, accepted = attempts[-1] if attempts else None, self.contact.dequeued_at
        if last is None or (accepted is not None and last.started_at < accepted):
            if self.agent is not None and self.agent.leg_id in live:
                await self.perform(Command.DIAL_CUSTOMER)
            else:
                await self.dial_refused(DialRefused.TOO_MANY)
        elif last.outcome is LegOutcome.ANSWERED:
            await self._customer_answered(self.line(last.leg_id))
        elif last.outcome is not None and last.ended_at is not None:
            callback = await self.world.store.callback(self.id)
            if callback is not None:
                await self._conclude(
                    callback,
                    last.outcome,
                    rang=last.rang,
                    ended_at=last.ended_at,
                    detail="closed before",
                )


def _turn_away(message: Message) -> None:
    """Leave nobody waiting for an answer that will not come."""
    match message:
        case Arrived(_, released):
            released.set()
        case StopRequested(answer) if not answer.done():
            answer.set_result(False)
        case TransferAsked(answer=asked) | VerbAsked(answer=asked) | MonitorAsked(answer=asked) if (
            not asked.done()
        ):
            asked.set_exception(NotNow("the contact is over, or its session was cut short"))
        case _:
            pass


def _times_of(state: ContactState, now: datetime) -> dict[str, Any]:
    """Times and links that go with entering a state."""
    match state:
        case S.QUEUED:
            return {"agent_id": None, "dequeued_at": None}
        case S.WAITING_FOR_RETRY:
            return {"agent_id": None}
        case S.AGENT_WHISPER:
            return {"dequeued_at": now}
        case S.CONNECTED:
            return {"connected_to_agent_at": now}
        case S.ENDED:
            return {"disconnected_at": now}
        case _:
            return {}
