"""Use cases of an agent: choose a status, from a phone or a program."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ivr.domain.agent import AVAILABLE, OFFLINE, AgentState
from ivr.domain.errors import DomainError, LegGone, NotFound
from ivr.domain.ids import AgentId, Endpoint
from ivr.ports.telephony import END, Participant
from ivr.service.mailbox import Arrived
from ivr.service.quick_connects import QuickConnects
from ivr.service.world import World

logger = logging.getLogger(__name__)

_SPOKEN = {AVAILABLE: "status-available", OFFLINE: "status-offline"}


class Agents:
    """What agents and their supervisors do with statuses."""

    def __init__(self, world: World, quick_connects: QuickConnects) -> None:
        self._world = world
        self._quick_connects = quick_connects

    async def list_all(self) -> Sequence[AgentState]:
        """Every agent's state."""
        return await self._world.store.agents()

    async def choose(self, agent_id: AgentId, status: str, by: str) -> AgentState:
        """Choose a status; during a contact it becomes the next one.

        Raises:
            NotFound: There is no such agent or status.
        """
        site = self._world.site.now
        agent = site.agent(agent_id)
        chosen = site.status(status)
        if chosen is None:
            known = ", ".join(each.name for each in site.statuses)
            message = f"no agent status {status!r}; there are: {known}"
            raise NotFound(message)
        state = await self._world.store.set_agent_status(
            agent.id, chosen.name, chosen.kind, now=self._world.clock.now()
        )
        logger.info(
            "Agent chose a status",
            extra={"event": "status_chosen", "agent_id": agent.id, "status": chosen.name, "by": by},
        )
        self._world.router.ring()
        return state

    async def phone_changed(self, endpoint: Endpoint, *, reachable: bool) -> None:
        """An agent's phone became reachable or unreachable."""
        if not self._world.site.is_set:
            return
        agent = self._world.site.now.agent_at(endpoint)
        if agent is None:
            return
        await self._world.store.set_agent_reachable(
            agent.id, reachable=reachable, now=self._world.clock.now()
        )
        self._world.router.ring()

    async def feature(self, participant: Participant) -> None:
        """An agent's phone dialled a feature code: a status, or in a call a quick connect."""
        site = self._world.site.now
        agent = site.agent_at(participant.entry.endpoint)
        code = participant.entry.code
        status = next((each for each in site.statuses if each.code == code), None)
        try:
            await participant.answer()
            if agent is None:
                await self._say(participant, "invalid")
            elif status is None:
                if await self._begin(agent.id, code or "", participant):
                    return
                await self._say(participant, "invalid")
            else:
                await self.choose(agent.id, status.name, by="phone")
                await self._say(participant, _SPOKEN.get(status.name, "status-changed"))
            await participant.leave(END)
        except (LegGone, NotFound):
            return

    async def _begin(self, agent_id: AgentId, code: str, line: Participant) -> bool:
        """Start the quick connect of a code for the contact at hand, dialled on a second line.

        Returns:
            Whether it was started; the line then was the contact's for as long as it lasted.
        """
        chosen = self._world.site.now.quick_connect_at(code)
        state = await self._world.store.agent(agent_id)
        if chosen is None or state is None or state.contact_id is None:
            return False
        arrived = Arrived(line, asyncio.Event())
        try:
            await self._quick_connects.start(state.contact_id, chosen.id, second=arrived)
        except DomainError:
            return False
        await arrived.released.wait()
        return True

    async def _say(self, participant: Participant, name: str) -> None:
        sound = self._world.speech.recorded(name)
        if sound is not None:
            await participant.play((sound,))
