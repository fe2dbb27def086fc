"""The leg by which a transfer flow takes part in a talk: it plays to the room, hears its keys."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ivr.domain.errors import LinkDown, TelephonyError
from ivr.domain.ids import BridgeId, LegId
from ivr.ports.telephony import (
    PROGRAM,
    CallOrder,
    LegEnded,
    LegEvent,
    LegFailed,
    LegStranded,
    ToRoom,
)
from ivr.service.lines import Line

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession
    from ivr.service.transfer_run import TransferRun

ANSWERS_WITHIN: Final = timedelta(seconds=10)
"""It is a leg inside the switch, which answers at once."""


class FlowLeg:
    """The flow's own leg of one quick connect, for as long as it has one.

    Attributes:
        line: The leg; none while the flow speaks with one party, on that party's leg.
        bridge: In which it was seen to join the room.
    """

    def __init__(self, run: TransferRun, session: ContactSession) -> None:
        self.line: Line | None = None
        self.bridge: BridgeId | None = None
        self._run = run
        self._s = session

    def take_up(self) -> None:
        """Know the leg that a predecessor has ordered."""
        self.line = self._s.line(self._run.transfer.flow_leg)

    def owns(self, leg_id: LegId) -> bool:
        """Whether this is the leg."""
        return self.line is not None and self.line.leg_id == leg_id

    async def leg_event(self, event: LegEvent) -> bool:
        """Take an event of the leg; whether it was one."""
        if not self.owns(event.leg_id):
            return False
        match event:
            case LegFailed() | LegEnded():
                await self._lost()
            case LegStranded(leg_id):
                await self._s.performer.put_right(leg_id)
            case _:
                pass  # where it joined is for the check of the room
        return True

    async def joins(self) -> None:
        """Have the flow heard in the room."""
        line = self.line = self._s.line(self._run.transfer.flow_leg)
        line.born = asyncio.get_running_loop().time()
        order = CallOrder(
            leg_id=line.leg_id,
            to=ToRoom(contact_id=self._s.contact.talks_in),
            caller_number=None,
            caller_name=None,
            ring=ANSWERS_WITHIN,
            answer_at=PROGRAM,
            contact_id=self._run.contact.id,
        )
        try:
            await self._s.world.switch.call(order)
        except LinkDown:
            raise
        except TelephonyError:
            await self._lost()

    async def leaves(self) -> None:
        """Have the flow heard there no more."""
        line, self.line, self.bridge = self.line, None, None
        if line is not None:
            line.let_go()
            await self._s.world.switch.hang_up(line.leg_id)

    async def _lost(self) -> None:
        """The leg is gone: so is the flow."""
        if self.line is not None:
            self.line.let_go()
        self.line = self.bridge = None
        await self._run.flow_lost()
