"""Whether all who are in one talking room hear each other, and what is done if they do not.

When the last one leaves a conference while others come, Asterisk 22 may let one of these into the
conference that is about to vanish, and make a second one of the same name for the next. All are at
the right place then; only their bridges differ.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ivr.domain.ids import BridgeId, ContactId, LegId
from ivr.domain.quick_connect import Event as TransferEvent
from ivr.ports.store import Note
from ivr.ports.telephony import LegJoined, LiveLeg, room
from ivr.service.lines import Line

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

logger = logging.getLogger(__name__)


class RoomCheck:
    """The talking room of one session's contact."""

    def __init__(self, session: ContactSession) -> None:
        self._s = session

    async def joined(self, event: LegJoined) -> None:
        """Remember where a leg has joined, and bring somebody who is elsewhere to it."""
        if event.contact_id != self._s.contact.talks_in:
            return
        run = self._s.transfer
        if run is not None and run.flow.owns(event.leg_id):
            run.flow.bridge = event.bridge
            await self._bring_to(event.bridge)
            return
        for line in self._lines():
            if line.leg_id == event.leg_id:
                line.bridge = event.bridge
                await self._bring_to(event.bridge)

    async def compare(self, live: Mapping[LegId, LiveLeg]) -> None:
        """Make good what was missed while nobody listened."""
        for line in self._lines():
            leg = live.get(line.leg_id)
            line.bridge = leg.bridge if leg is not None else None
        run = self._s.transfer
        if run is not None and run.flow.line is not None and run.flow.line.leg_id in live:
            run.flow.bridge = live[run.flow.line.leg_id].bridge
        talking = self._talking()
        if talking:
            await self._bring_to(talking[0].bridge)

    def hand_over(self, contact_id: ContactId) -> None:
        """Tell the session of another contact, whose legs these are now, where they have joined."""
        for line in self._s.talkers():
            if line.bridge is not None and line is not self._s.agent:
                event = LegJoined(line.leg_id, self._s.contact.talks_in, line.bridge)
                self._s.mailbox.post(contact_id, event)

    async def _bring_to(self, bridge: BridgeId | None) -> None:
        """Send one line that is in another bridge to the room again; its join brings the next.

        Who joined last stays, so that all come to the one conference that is found by its name. Two
        at once could come apart again.
        """
        s = self._s
        line = next((line for line in self._talking() if line.bridge != bridge), None)
        run = s.transfer
        flow_is_apart = run is not None and run.flow.bridge not in (None, bridge)
        if line is None and not flow_is_apart:
            return
        logger.warning(
            "Two who talk in one room are in different bridges",
            extra={"event": "room_apart", "contact_id": s.id},
        )
        await s.world.store.note(s.id, Note("room_apart"), now=s.now())
        if line is not None:
            await line.send(s.world.switch, room(s.contact.talks_in))
        elif run is not None:
            await run.happened(TransferEvent.FLOW_APART)

    def _lines(self) -> list[Line]:
        flows = [run.flow.line for run in self._s.transfers()]
        talkers = [line for line in self._s.talkers() if line not in flows]
        return [*talkers, *self._s.monitors.barging()]

    def _talking(self) -> list[Line]:
        """Lines that belong in the room and are known to have joined it."""
        place = room(self._s.contact.talks_in)
        belong = [line for line in self._s.talkers() if self._s.performer.place_of(line) == place]
        return [line for line in (*belong, *self._s.monitors.barging()) if line.bridge is not None]
