"""Which waiting contact goes to which free agent.

One decision takes what waits and who is free and pairs them: agents idle longest first, each takes
the best contact for them (product rules C1 and C2, after Amazon Connect's routing profiles).
Whether a pair is still free is not known here; the store's claim decides that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby

from ivr.domain.ids import AgentId, ContactId, QueueId
from ivr.domain.routing_profile import ProfileQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued contact that may be offered.

    Attributes:
        place_at: What its order goes by; not always when it entered this queue.
        waiting_since: When it entered this queue; profile delays count from it.
        priority: 1 (first) to 10.
    """

    contact_id: ContactId
    queue_id: QueueId
    place_at: datetime
    waiting_since: datetime
    priority: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyAgent:
    """An agent who may be offered a contact, and what they serve."""

    agent_id: AgentId
    idle_since: datetime
    queues: tuple[ProfileQueue, ...]


class Verdict(Enum):
    """What a decision came to for one agent who serves a contact's queue."""

    CHOSEN = "chosen"
    TOOK_ANOTHER = "took_another"  # a contact that comes first for them
    IDLE_LESS_LONG = "idle_less_long"
    DELAY_NOT_OVER = "delay_not_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A contact and the agent it is to be offered to.

    Attributes:
        considered: Every ready agent who serves the contact's queue, idle longest first, and what
            it came to for them (for the journal).
    """

    contact_id: ContactId
    agent_id: AgentId
    considered: Mapping[AgentId, Verdict]


def decide(
    waiting: Collection[Waiting], ready: Collection[ReadyAgent], *, now: datetime
) -> tuple[Match, ...]:
    """Pair contacts with agents.

    For one agent: lowest priority number of the profile, then contact priority, oldest place,
    lowest id. Agents choose in the order in which they became idle (then by id).

    Args:
        waiting: Queued contacts, in any order; only those that may be offered now.
        ready: Agents free for an offer, in any order.
        now: Current time, UTC.

    Returns:
        The pairs, longest idle agent first; no agent and no contact twice.
    """
    queues = _in_order(waiting)
    agents = sorted(ready, key=lambda agent: (agent.idle_since, agent.agent_id))
    chosen: dict[AgentId, Waiting] = {}
    for agent in agents:
        best = _best_for(agent, queues, now)
        if best is not None:
            queues[best.queue_id].remove(best)
            chosen[agent.agent_id] = best
    servers = _servers(agents, now)
    return tuple(
        Match(
            contact_id=contact.contact_id,
            agent_id=agent_id,
            considered=_account(contact, agent_id, servers[contact.queue_id]),
        )
        for agent_id, contact in chosen.items()
    )


def next_wake(
    waiting: Iterable[Waiting], ready: Collection[ReadyAgent], *, now: datetime
) -> datetime | None:
    """When the next profile delay runs out, so that a decision may come out otherwise.

    None if no ready agent's delay is running for any of these contacts.
    """
    delays: defaultdict[QueueId, set[ProfileQueue]] = defaultdict(set)
    for agent in ready:
        for served in agent.queues:
            delays[served.queue_id].add(served)
    ends = (
        contact.waiting_since + served.delay
        for contact in waiting
        for served in delays[contact.queue_id]
    )
    return min((end for end in ends if end > now), default=None)


def position(waiting: Iterable[Waiting], contact_id: ContactId) -> int | None:
    """A contact's place in its queue, 1 = next; none if it does not wait."""
    for queue in _in_order(waiting).values():
        for place, contact in enumerate(queue, start=1):
            if contact.contact_id == contact_id:
                return place
    return None


def _order(contact: Waiting) -> tuple[int, datetime, ContactId]:
    return (contact.priority, contact.place_at, contact.contact_id)


def _in_order(waiting: Iterable[Waiting]) -> defaultdict[QueueId, list[Waiting]]:
    queues: defaultdict[QueueId, list[Waiting]] = defaultdict(list)
    for contact in sorted(waiting, key=_order):
        queues[contact.queue_id].append(contact)
    return queues


def _best_for(
    agent: ReadyAgent, queues: Mapping[QueueId, list[Waiting]], now: datetime
) -> Waiting | None:
    """The contact this agent takes among those left."""
    by_priority = groupby(
        sorted(agent.queues, key=lambda served: served.priority), lambda served: served.priority
    )
    for _, level in by_priority:
        heads = [
            head
            for served in level
            if (head := _first_due(queues.get(served.queue_id, ()), served, now)) is not None
        ]
        if heads:
            return min(heads, key=_order)
    return None


def _first_due(queue: Iterable[Waiting], served: ProfileQueue, now: datetime) -> Waiting | None:
    latest = now - served.delay
    return next((contact for contact in queue if contact.waiting_since <= latest), None)


def _servers(
    agents: Iterable[ReadyAgent], now: datetime
) -> Mapping[QueueId, list[tuple[AgentId, datetime]]]:
    """Who serves each queue, idle longest first, and since when a contact must have waited."""
    servers: defaultdict[QueueId, list[tuple[AgentId, datetime]]] = defaultdict(list)
    for agent in agents:
        for served in agent.queues:
            servers[served.queue_id].append((agent.agent_id, now - served.delay))
    return servers


def _account(
    contact: Waiting, winner: AgentId, servers: Iterable[tuple[AgentId, datetime]]
) -> Mapping[AgentId, Verdict]:
    """Say what it came to for each agent; whoever was idle longer and due took another."""
    account: dict[AgentId, Verdict] = {}
    otherwise = Verdict.TOOK_ANOTHER
    for agent_id, latest in servers:
        if agent_id == winner:
            account[agent_id] = Verdict.CHOSEN
            otherwise = Verdict.IDLE_LESS_LONG
        elif contact.waiting_since > latest:
            account[agent_id] = Verdict.DELAY_NOT_OVER
        else:
            account[agent_id] = otherwise
    return account
