"""The two lines of an agent's phone: on the second they dial a quick connect, then merge or return.

The agent talks on one line at a time, ``session.agent``; the other one, the spare, hears music as a
phone on hold does. Going back to the first line is to talk with the customer, going to the second
is to talk with the destination; hanging the second up drops the destination, and merging the two
(attended REFER) leaves customer and destination to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.domain.contact import ContactState
from ivr.domain.ids import LegId
from ivr.domain.quick_connect import Event, Party, allowed_verbs
from ivr.ports.store import Note
from ivr.ports.telephony import (
    HOLD,
    LegEnded,
    LegEvent,
    LegHeld,
    LegJoined,
    LegMerged,
    LegStranded,
    LiveLeg,
    PlaceKind,
    room,
)
from ivr.service.lines import Line
from ivr.service.mailbox import Arrived

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession


class PhoneLines:
    """The agent's lines in one session.

    Attributes:
        spare: The line on which the agent does not talk, if their phone has two here.
    """

    def __init__(self, session: ContactSession) -> None:
        self.spare: Line | None = None
        self._leaves_room = False
        self._s = session

    def take_up(self) -> None:
        """Know the first line of an agent who talks on the second."""
        contact = self._s.contact
        if self._s.agent is not None and contact.adopted_leg and contact.agent_attempts:
            self.spare = self._s.line(contact.offered_leg)

    async def use_second(self, arrived: Arrived) -> None:
        """Have the agent talk on the line that has just arrived; the commit is done."""
        line = self._s.line(arrived.participant.leg_id)
        line.hand_over(arrived.participant, arrived.released)
        self.spare, self._s.agent = self._s.agent, line
        if self.spare is not None:
            await self.spare.send(self._s.world.switch, HOLD)
        run = self._s.transfer
        place = None if run is None else run.sounds.place_of(Party.SOURCE)
        if place is not None and place.kind is PlaceKind.ROOM:
            await line.send(self._s.world.switch, place)  # all go on talking

    def owns(self, leg_id: LegId) -> bool:
        """Whether this is the spare line."""
        return self.spare is not None and self.spare.leg_id == leg_id

    async def leg_event(self, event: LegEvent) -> bool:
        """Take an event that is about both lines; whether it was one."""
        spare, agent = self.spare, self._s.agent
        if spare is None or agent is None:
            return False
        match event:
            case LegJoined(leg_id, _) if leg_id == agent.leg_id and self._leaves_room:
                # Asterisk 22 makes a second conference of the same name for whoever comes while
                # the last one goes: the line that is left goes when the other has come.
                self._leaves_room = False
                await spare.send(self._s.world.switch, HOLD)
            case LegMerged(leg_id, other) if {leg_id, other} == {spare.leg_id, agent.leg_id}:
                if self._s.transfer is not None:
                    await self._s.transfer.leave(goes=True)
            case LegEnded(leg_id, _) if leg_id == spare.leg_id:
                spare.let_go()
                self.spare = None
                if self._s.transfer is not None and not self._is_first(spare):
                    await self._s.transfer.happened(Event.DROP_ASKED)
            case LegEnded(leg_id, normal) if leg_id == agent.leg_id and normal:
                await self._line_ended(agent)
            case LegEnded(leg_id, _) if leg_id == agent.leg_id:
                await self._hang_up_spare()  # the phone is dead, and so are its lines
                return False
            case LegStranded(leg_id) if leg_id == spare.leg_id:
                await spare.send(self._s.world.switch, HOLD)
            case LegHeld(leg_id, held) if leg_id == spare.leg_id:
                if not held:
                    await self._turn_to_spare()
            case _:
                return False
        return True

    async def compare(self, live: Mapping[LegId, LiveLeg]) -> None:
        """Make good what was missed while nobody listened."""
        agent = self._s.agent
        for line in (self.spare, agent):
            if line is not None and line.leg_id not in live and self.spare is not None:
                await self.leg_event(LegEnded(line.leg_id, normal=True))
        leg = live.get(self.spare.leg_id) if self.spare is not None else None
        if leg is not None and self.spare is not None and leg.place != HOLD:
            await self.spare.send(self._s.world.switch, HOLD)

    async def end_with_agent(self) -> None:
        """Hang the spare line up once the agent's part is over."""
        if self._s.agent is None:
            await self._hang_up_spare()

    async def _hang_up_spare(self) -> None:
        spare, self.spare = self.spare, None
        if spare is not None:
            await self._s.world.switch.hang_up(spare.leg_id)

    def _is_first(self, line: Line) -> bool:
        """Whether this is the line on which the agent took the contact."""
        return line.leg_id == self._s.contact.offered_leg

    async def _line_ended(self, ended: Line) -> None:
        """Go on with the other line: without the destination if its line was hung up."""
        run = self._s.transfer
        ended.let_go()
        await self._turn()
        self.spare = None
        if run is not None and self._is_first(ended):
            await run.leave(goes=True)
        elif run is not None:
            await run.happened(Event.DROP_ASKED)

    async def _turn_to_spare(self) -> None:
        """The agent takes the spare line off hold: they talk with whom it is for."""
        run, spare = self._s.transfer, self.spare
        if spare is None:
            return
        if run is None:
            await self._turn()
            await self._s.keys.held(spare.leg_id, held=False)
            return
        is_first = self._is_first(spare)
        event = Event.HOLD_DESTINATION_ASKED if is_first else Event.HOLD_CUSTOMER_ASKED
        if event in allowed_verbs(run.state):
            await self._turn()
            await run.happened(event)

    async def _turn(self) -> None:
        """Have the agent talk on the other line, in the room if that is where they talk."""
        s, spare = self._s, self.spare
        if spare is None:
            return
        adopted = None if self._is_first(spare) else spare.leg_id
        note = Note("line_changed", {"line": "first" if adopted is None else "second"})
        await s.world.store.change_contact(s.id, {"adopted_leg": adopted}, note, now=s.now())
        s.contact = replace(s.contact, adopted_leg=adopted)
        self.spare, s.agent = s.agent, spare
        if s.transfer is not None:
            place = s.transfer.sounds.place_of(Party.SOURCE)
        else:
            place = room(s.contact.talks_in)
        if place.kind is PlaceKind.ROOM and s.contact.state is ContactState.CONNECTED:
            self._leaves_room = self.spare is not None
            await spare.send(s.world.switch, place)
        elif self.spare is not None:
            await self.spare.send(s.world.switch, HOLD)
