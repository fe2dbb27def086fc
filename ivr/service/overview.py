"""What is waiting and who is there, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ivr.domain.agent import AgentState
from ivr.domain.errors import NotFound
from ivr.domain.ids import ContactId
from ivr.domain.phone_number import mask
from ivr.domain.site import Agent
from ivr.service.callbacks import OpenCallback
from ivr.service.records import contact_record
from ivr.service.world import World


async def queues(world: World) -> Sequence[Mapping[str, Any]]:
    """Every queue with its calls, callbacks, scheduled callbacks and oldest place."""
    figures = {each.queue_id: each for each in await world.store.queue_figures()}
    shown = []
    for queue in world.site.now.queues:
        found = figures.get(queue.id)
        oldest = found.oldest_at if found else None
        shown.append(
            {
                "id": queue.id,
                "name": queue.name,
                "enabled": queue.enabled,
                "max_contacts": queue.max_contacts,
                "calls": found.calls if found else 0,
                "callbacks": found.callbacks if found else 0,
                "scheduled": found.scheduled if found else 0,
                "oldest_at": oldest.isoformat() if oldest else None,
                "oldest_seconds": round((world.clock.now() - oldest).total_seconds())
                if oldest
                else None,
            }
        )
    return shown


async def agents(world: World) -> Sequence[Mapping[str, Any]]:
    """Every agent of the site with status and activity."""
    states = {state.agent_id: state for state in await world.store.agents()}
    now = world.clock.now()
    shown = []
    for agent in world.site.now.agents:
        state = states.get(agent.id)
        if state is None:
            continue
        shown.append(
            {
                "id": agent.id,
                "name": agent.name,
                "status": state.status,
                "next_status": state.next_status,
                "activity": state.activity.value,
                "since": state.activity_since.isoformat(),
                "since_seconds": round((now - state.activity_since).total_seconds()),
                "contact_id": state.contact_id,
                "phone": _phone(agent, state),
                "ready": state.is_ready,
            }
        )
    return shown


def _phone(agent: Agent, state: AgentState) -> str:
    if agent.number is not None:
        return "outside number"
    return "registered" if state.reachable else "not registered"


def callback_row(open_callback: OpenCallback, world: World) -> Mapping[str, Any]:
    """A waiting callback, its number masked."""
    contact, callback = open_callback.contact, open_callback.callback
    queue = world.site.now.find_queue(callback.queue_id)
    now = world.clock.now()
    return {
        "id": contact.id,
        "number": mask(callback.number),
        "queue": queue.name if queue else callback.queue_id,
        "state": contact.state.value,
        "place": open_callback.place,
        "place_at": contact.place_at.isoformat(),
        "requested_at": callback.created_at.isoformat(),
        "waiting_seconds": round((now - contact.place_at).total_seconds()),
        "attempts_used": callback.attempts_used,
        "attempts_allowed": callback.retries + 1,
        "due_at": callback.due_at.isoformat(),
        "due_in_seconds": round((callback.due_at - now).total_seconds()),
        "expires_at": callback.expires_at.isoformat(),
        "expires_in_seconds": round((callback.expires_at - now).total_seconds()),
    }


async def contact(world: World, contact_id: ContactId) -> Mapping[str, Any]:
    """One contact's record and journal.

    Raises:
        NotFound: There is none.
    """
    found = await world.store.contact(contact_id)
    if found is None:
        message = f"no contact {contact_id!r}"
        raise NotFound(message)
    callback = await world.store.callback(contact_id)
    attempts = tuple(await world.store.attempts(contact_id))
    return {
        "record": contact_record(found, callback, attempts, world.site.now),
        "journal": [
            {
                "number": entry.number,
                "at": entry.at.isoformat(timespec="milliseconds"),
                "kind": entry.kind,
                "detail": dict(entry.detail),
            }
            for entry in await world.store.journal(contact_id)
        ],
    }


async def recent_contacts(world: World, limit: int) -> Sequence[Mapping[str, Any]]:
    """The newest contacts, one line each."""
    return [
        {
            "id": each.id,
            "initiation": each.initiation.value,
            "state": each.state.value,
            "customer": mask(each.customer_number) if each.customer_number else None,
            "queue": each.queue_id,
            "agent": each.agent_id,
            "initiated_at": each.initiated_at.isoformat(timespec="milliseconds"),
            "disconnect_reason": each.disconnect_reason.value if each.disconnect_reason else None,
        }
        for each in await world.store.recent_contacts(limit)
    ]
