"""The legs of one contact as its session holds them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ivr.domain.agent import AgentActivity
from ivr.domain.errors import LegGone
from ivr.domain.ids import AgentId, BridgeId, ContactId, LegId
from ivr.ports.telephony import CallControl, Participant, Place

NEWBORN = 2.0
"""Seconds after an order in which a leg may not be on the switch yet."""


_OUR_LEG = re.compile(r"(?P<contact>.+)-[acsf]\d+")


def contact_named_by(leg_id: LegId) -> ContactId | None:
    """The contact for which we made this leg; none for a leg that came to us."""
    named = _OUR_LEG.fullmatch(leg_id)
    return None if named is None else ContactId(named["contact"])


@dataclass(slots=True)
class Line:
    """A leg, and what the controller has in hand of it.

    Attributes:
        participant: The live participant while the leg is with the controller.
        released: Set when the participant may go back to the dialplan.
        program: What runs on it.
        stuck: The participant is still busy with something that was given up.
        born: Loop time at which it was ordered; none for a leg that was there already.
        bridge: In which it was seen to join the room; none once it was sent anywhere.
    """

    leg_id: LegId
    participant: Participant | None = None
    released: asyncio.Event | None = None
    program: asyncio.Task[None] | None = None
    stuck: bool = False
    born: float | None = None
    bridge: BridgeId | None = None

    def is_newborn(self) -> bool:
        """Whether the leg was ordered so recently that the switch may not have it yet."""
        return self.born is not None and asyncio.get_running_loop().time() - self.born < NEWBORN

    def hand_over(self, participant: Participant, released: asyncio.Event) -> None:
        """Take the leg in hand; what was in hand before is void."""
        self.let_go()
        self.participant, self.released = participant, released

    def stop(self) -> None:
        """Cancel what runs on it; what is heard goes on until the leg is moved."""
        if self.program is not None:
            self.program.cancel()

    def let_go(self) -> None:
        """Give the leg back to the dialplan; what runs on it is cancelled."""
        self.stop()
        if self.released is not None:
            self.released.set()
        self.participant = self.released = self.program = self.bridge = None
        self.stuck = False

    async def send(self, switch: CallControl, place: Place) -> None:
        """Send the leg to a place; a leg that is gone reports so by its own event."""
        participant, busy = self.participant, self.stuck or self.program is not None
        try:
            if participant is not None and not busy:
                await participant.leave(place)
            else:
                await switch.move(self.leg_id, place)
        except LegGone:
            return
        finally:
            self.let_go()


@dataclass(slots=True)
class Farewell:
    """An agent's leg that is no longer part of the contact, and what the agent is after it.

    Attributes:
        agent_id: The agent; none for a phone number that was brought in.
        contact_id: The contact that holds the agent.
        sound: What the agent is told before the leg ends, if anything.
        then: The agent's activity once the leg is gone; none if that is settled already.
    """

    line: Line
    agent_id: AgentId | None
    contact_id: ContactId
    sound: str | None = None
    then: AgentActivity | None = None
