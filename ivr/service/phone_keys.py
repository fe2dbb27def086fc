"""What the keys of an agent's phone do in a call: feature codes, hold, blind transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.domain.contact import ContactState
from ivr.domain.errors import NotNow
from ivr.domain.ids import LegId
from ivr.domain.phone_number import mask_in
from ivr.domain.quick_connect import reminds_of_hold
from ivr.ports.store import Note
from ivr.ports.telephony import RINGBACK, SORRY_RINGING, Place, reminder, room, sorry
from ivr.service.lines import Line
from ivr.service.transfer_changes import hold_begins, hold_ends
from ivr.service.transfer_requests import begin_transfer, use_verb

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

S = ContactState


class PhoneKeys:
    """The keys of the agent of one session."""

    def __init__(self, session: ContactSession) -> None:
        self._s = session

    async def keyed(self, leg_id: LegId, code: str) -> None:
        """An agent has keyed a feature code, and hears if it was in vain."""
        accepted = True
        try:
            await self._use_code(leg_id, code)
        except NotNow as error:
            accepted = False
            note = Note("code_refused", {"code": code, "reason": str(error)})
            await self._s.world.store.note(self._s.id, note, now=self._s.now())
        participant = self._s.participant_of(leg_id)
        if participant is not None:
            participant.code_answered(code, accepted=accepted)
        elif not accepted and (talker := self._s.talker(leg_id)) is not None:
            place = self._sorry(talker)
            if place is not None:
                await talker.send(self._s.world.switch, place)

    def _sorry(self, line: Line) -> Place | None:
        """Where a line hears that a code was in vain, on the way back to where it belongs."""
        place = self._s.performer.place_of(line)  # it may have keyed before it was moved
        if place == room(self._s.contact.talks_in):
            return sorry(self._s.contact.talks_in)
        return SORRY_RINGING if place == RINGBACK else None

    def may_forget_a_hold(self) -> bool:
        """Whether the agent is in the talking room while somebody is on hold."""
        if self._s.agent is None:
            return False
        if self._s.transfer is not None:
            return reminds_of_hold(self._s.transfer.state)
        return self._s.contact.state is S.CONNECTED and self._s.contact.held_since is not None

    async def remind(self) -> None:
        """Let the agent hear that somebody is still on hold."""
        agent = self._s.agent
        if agent is not None and self.may_forget_a_hold():
            await agent.send(self._s.world.switch, reminder(self._s.contact.talks_in))

    async def referred(self, leg_id: LegId, extension: str) -> None:
        """The agent's phone transfers to an extension: its quick connect, if it is one."""
        try:
            await self._use_code(leg_id, extension)
        except NotNow as error:
            note = Note("code_refused", {"code": mask_in(extension), "reason": str(error)})
            await self._s.world.store.note(self._s.id, note, now=self._s.now())

    async def held(self, leg_id: LegId, *, held: bool) -> None:
        """The agent's phone has its own hold key: whoever listens to it hears music meanwhile."""
        s = self._s
        if s.agent is None or s.agent.leg_id != leg_id:
            return
        if s.transfer is not None:
            await s.transfer.source_held(held=held)
        elif s.contact.state is S.CONNECTED and held != (s.contact.held_since is not None):
            now = s.now()
            changes = hold_begins(s.contact, now) if held else hold_ends(s.contact, now)
            note = Note("customer_held" if held else "customer_resumed")
            await s.world.store.change_contact(s.id, changes, note, now=now)
            s.contact = replace(s.contact, **changes)
            if s.customer is not None:
                await s.performer.place_customer(s.customer)

    async def _use_code(self, leg_id: LegId, code: str) -> None:
        verb, site = self._s.world.codes.get(code), self._s.world.site.now
        if self._s.agent is None or self._s.agent.leg_id != leg_id or self._s.agent_id is None:
            raise NotNow("only the agent of a contact has codes")
        if verb is not None:
            await use_verb(self._s, verb, key=None)
            return
        chosen = site.quick_connect_at(code)
        if chosen is None or chosen not in site.quick_connects_of(self._s.agent_id):
            raise NotNow("the agent has no such code")
        await begin_transfer(self._s, chosen, hold=True, key=None)
