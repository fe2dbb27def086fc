"""Figures of this moment that a flow can ask for; definitions are Amazon Connect's.

Available: would be offered a contact now. Staffed: online and not in a custom status, whatever they
do. Online: in any status but offline. The age of the oldest contact goes by its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ivr.domain.agent import AgentState, StatusKind
from ivr.domain.ids import AgentId, QueueId
from ivr.flow.effects import AgentRef, Metric, QueueRef
from ivr.service.world import World

_COUNTS: Final[Mapping[Metric, Callable[[AgentState], bool]]] = {
    Metric.AGENTS_AVAILABLE: lambda state: state.is_ready,
    Metric.AGENTS_STAFFED: lambda state: state.status_kind is StatusKind.ROUTABLE,
    Metric.AGENTS_ONLINE: lambda state: state.status_kind is not StatusKind.OFFLINE,
}


async def read_metric(world: World, metric: Metric, target: QueueRef | AgentRef) -> int | None:
    """A metric of a queue or of one agent.

    Returns:
        A count, or an age in milliseconds; none if there is no such queue or agent, or if contacts
        of an agent are asked for: agents have no queue of their own.
    """
    counts = _COUNTS.get(metric)
    if isinstance(target, AgentRef):
        agent = world.site.now.find_agent(target.ref)
        if agent is None or counts is None:
            return None
        return await _count(world, frozenset({agent.id}), counts)
    queue = world.site.now.find_queue(target.ref)
    if queue is None:
        return None
    if counts is not None:
        return await _count(world, _agents_of(world, queue.id), counts)
    return await _of_queue(world, metric, queue.id)


def _agents_of(world: World, queue_id: QueueId) -> frozenset[AgentId]:
    """Agents whose routing profile lists the queue."""
    site = world.site.now
    profiles = {
        profile.id
        for profile in site.profiles
        if any(entry.queue_id == queue_id for entry in profile.queues)
    }
    return frozenset(agent.id for agent in site.agents if agent.routing_profile in profiles)


async def _count(
    world: World, agents: frozenset[AgentId], counts: Callable[[AgentState], bool]
) -> int:
    states = await world.store.agents()
    return sum(state.agent_id in agents and counts(state) for state in states)


async def _of_queue(world: World, metric: Metric, queue_id: QueueId) -> int:
    figures = await world.store.queue_figures()
    found = next((each for each in figures if each.queue_id == queue_id), None)
    if found is None:
        return 0
    if metric is Metric.CONTACTS:
        return found.calls + found.callbacks
    if found.oldest_at is None:
        return 0
    return round((world.clock.now() - found.oldest_at).total_seconds() * 1000)
