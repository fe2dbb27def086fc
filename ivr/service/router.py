"""Wakes when something changed, decides who gets whom, and claims it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from ivr.domain.errors import StoreError
from ivr.domain.hours import next_callable, next_open_in_all
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.routing import Match, ReadyAgent, Waiting, decide, next_wake
from ivr.domain.site import Queue, Site
from ivr.ports.store import Note, Snapshot, WaitingContact
from ivr.service.supervision import keep_doing
from ivr.service.world import World

logger = logging.getLogger(__name__)

NEVER = timedelta(days=1)
"""A callback that fits no window at all is looked at again after this."""
Winner = Callable[[ContactId, AgentId, int], None]


class Router:
    """The pillar that gives waiting contacts to free agents.

    Args:
        world: Ports and bells.
        won: Told of each claim that was won: contact, agent, number of the offer.
        is_ready: Whether offers can be made now; the router's bell is rung when they can again.
    """

    def __init__(self, world: World, won: Winner, is_ready: Callable[[], bool]) -> None:
        self._world = world
        self._won = won
        self._is_ready = is_ready

    async def run(self) -> None:
        """Route for ever."""
        await keep_doing(self._world.clock, "router", self._route_and_wait)

    async def _route_and_wait(self) -> None:
        may_route = self._world.site.is_set and self._is_ready()
        again_at = await self.route() if may_route else None
        await self._until_something_changes(again_at)

    async def _until_something_changes(self, again_at: datetime | None) -> None:
        if again_at is None:
            await self._world.router.wait()
            return
        async with asyncio.TaskGroup() as group:
            bell = group.create_task(self._world.router.wait(), name="router bell")
            alarm = group.create_task(self._world.clock.sleep_until(again_at), name="router alarm")
            await asyncio.wait({bell, alarm}, return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()
            alarm.cancel()

    async def route(self) -> datetime | None:
        """Decide and claim until nothing more fits.

        Returns:
            When time alone will make another match possible; none if only a change can.
        """
        world = self._world
        while True:
            now = world.clock.now()
            snapshot = await world.store.snapshot()
            waiting, again_at = self._eligible(snapshot, now)
            ready = _ready_agents(snapshot, world.site.now)
            matches = decide(waiting, ready, now=now)
            callbacks = {each.contact_id for each in snapshot.waiting if each.is_callback}
            claimed = [
                await self._claim(match, now, is_callback=match.contact_id in callbacks)
                for match in matches
            ]
            if not matches:
                return _earliest(again_at, next_wake(waiting, ready, now=now))
            if not any(claimed):
                return _earliest(again_at, now + world.limits.claim_pause)

    async def _claim(self, match: Match, now: datetime, *, is_callback: bool) -> bool:
        note = Note(
            "offer_made",
            {
                "agent": match.agent_id,
                "considered": {a: v.value for a, v in match.considered.items()},
            },
        )
        try:
            number = await self._world.store.claim(match.contact_id, match.agent_id, note, now=now)
        except StoreError as error:
            logger.warning("A claim failed", extra={"event": "claim_failed", "cause": error.code})
            return False
        if number is None:
            return False
        if is_callback:
            self._world.trunks.probe(now)
        self._won(match.contact_id, match.agent_id, number)
        return True

    def _eligible(self, snapshot: Snapshot, now: datetime) -> tuple[list[Waiting], datetime | None]:
        """Who may be offered now, and when somebody else may be because time has passed."""
        site = self._world.site.now
        again_at: datetime | None = None
        eligible: list[Waiting] = []
        callbacks_left = self._world.trunks.may_offer(now)
        if callbacks_left == 0:
            again_at = self._world.trunks.paused_until
        for contact in sorted(snapshot.waiting, key=lambda each: each.place_at):
            queue = site.find_queue(contact.queue_id)
            if queue is None or not queue.enabled:
                continue
            if contact.is_callback:
                if contact.busy_number or callbacks_left == 0:
                    continue
                not_before = _callable_at(site, queue, contact, now)
                if not_before > now:
                    again_at = _earliest(again_at, not_before)
                    continue
                if callbacks_left is not None:
                    callbacks_left -= 1
            eligible.append(
                Waiting(
                    contact_id=contact.contact_id,
                    queue_id=contact.queue_id,
                    place_at=contact.place_at,
                    waiting_since=contact.waiting_since,
                    priority=contact.priority,
                )
            )
        return eligible, again_at


def _callable_at(site: Site, queue: Queue, contact: WaitingContact, now: datetime) -> datetime:
    """When a callback may be dialled: inside its calling window and the queue's hours."""
    found = site.find_hours(queue.hours) if queue.hours else None
    hours = (found.hours,) if found else ()
    if queue.window and contact.number is not None:
        opens = next_callable(contact.number, now, site.calling_window, site.time_zone, *hours)
    else:
        opens = next_open_in_all(now, hours)
    return opens if opens is not None else now + NEVER


def _ready_agents(snapshot: Snapshot, site: Site) -> list[ReadyAgent]:
    profiles = {profile.id: profile for profile in site.profiles}
    agents = {agent.id: agent for agent in site.agents}
    return [
        ReadyAgent(
            agent_id=state.agent_id,
            idle_since=state.idle_since,
            queues=profiles[agents[state.agent_id].routing_profile].queues,
        )
        for state in snapshot.agents
        if state.is_ready and state.agent_id in agents
    ]


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
