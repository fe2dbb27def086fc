"""After every (re)connect, and now and then: compare store and switch, and repair both.

Asterisk knows who is connected to whom; the database knows who is queued, offered and due. A
controller that comes back makes a session for every contact that has somebody on a line, has each
session compare, frees agents of contacts that no longer hold them, closes attempts that nobody
watches, and hangs up legs of ours that belong to nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.errors import TelephonyError
from ivr.domain.ids import AgentId
from ivr.domain.leg import LegOutcome
from ivr.ports.store import Note
from ivr.ports.telephony import LiveLeg, PlaceKind
from ivr.service.lines import contact_named_by
from ivr.service.mailbox import Doubted, Mailbox
from ivr.service.world import World

logger = logging.getLogger(__name__)

_STAYS = frozenset(
    {PlaceKind.ROOM, PlaceKind.HOLD, PlaceKind.RINGBACK, PlaceKind.QUIET, PlaceKind.LOST}
)
"""Kinds of places that nobody leaves by themselves."""


async def reconcile(world: World, mailbox: Mailbox, start: Callable[[Contact], None]) -> bool:
    """Compare and repair.

    Args:
        world: Ports and bells.
        mailbox: Who has a session.
        start: Makes the session of a contact.

    Returns:
        Whether the switch could be asked.
    """
    try:
        live = await world.switch.live_legs()
        reachable = await world.switch.reachable_phones()
    except TelephonyError:
        return False
    now = world.clock.now()
    if world.site.is_set:
        for agent in world.site.now.agents:
            is_there = agent.number is not None or agent.endpoint in reachable
            await world.store.set_agent_reachable(agent.id, reachable=is_there, now=now)
    transfers = await world.store.open_transfers()
    driven = {transfer.contact_id for transfer in transfers}
    absent = {t.source_id for t in transfers if not mailbox.is_open(t.source_id)}
    for transfer in transfers:
        source = await world.store.contact(transfer.source_id)
        if source is not None and source.id in absent:
            start(source)  # it may have ended, with its customer on the way to somebody
            mailbox.lend(transfer.contact_id, source.id)
    for contact in await world.store.open_contacts():
        is_free = contact.id not in driven and not mailbox.is_open(contact.id)
        if is_free and is_on_a_line(contact):
            start(contact)
    for contact_id in mailbox.open_ids():
        mailbox.post(contact_id, Doubted())
    await _free_agents(world, mailbox)
    await _end_monitors(world, mailbox)
    await _close_attempts(world)
    await _hang_up_orphans(world, mailbox, live)
    world.timers.ring()
    return True


def is_on_a_line(contact: Contact) -> bool:
    """Whether somebody of an open contact is on the switch, as far as its row says."""
    if contact.state is ContactState.ENDED:
        return False
    return contact.customer_leg is not None or contact.state in SERVING_STATES


async def _free_agents(world: World, mailbox: Mailbox) -> None:
    """Free agents who hold a contact that does not hold them; a session sees to its own."""
    for agent in await world.store.agents():
        if agent.activity not in BUSY_ACTIVITIES or agent.contact_id is None:
            continue
        # Read after the agent: a claim in between shows in the contact.
        contact = await world.store.contact(agent.contact_id)
        if mailbox.is_open(agent.contact_id) or (
            contact is not None and serves(contact, agent.agent_id)
        ):
            continue
        logger.warning(
            "An agent was held by nobody",
            extra={"event": "agent_freed", "agent_id": agent.agent_id},
        )
        await world.store.move_agent(
            agent.agent_id, agent.contact_id, AgentActivity.IDLE, now=world.clock.now()
        )


async def _end_monitors(world: World, mailbox: Mailbox) -> None:
    """Free supervisors of contacts that nobody serves any more."""
    for monitor in await world.store.open_monitors():
        if not mailbox.is_open(monitor.contact_id):
            note = Note("monitor_ended", {"supervisor": monitor.supervisor_id})
            await world.store.end_monitor(monitor.leg_id, note, now=world.clock.now())


def serves(contact: Contact, agent_id: AgentId) -> bool:
    """Whether this agent is reserved for a contact, or serves it."""
    return contact.state in SERVING_STATES and contact.agent_id == agent_id


async def _close_attempts(world: World) -> None:
    """Close attempts whose contact is no longer dialling: nobody will hear of them again."""
    for attempt in await world.store.open_attempts():
        contact = await world.store.contact(attempt.contact_id)
        if contact is not None and contact.state is not ContactState.DIALLING:
            await world.store.end_attempt(
                attempt.leg_id, LegOutcome.UNKNOWN, rang=False, counted=True, now=world.clock.now()
            )


async def _hang_up_orphans(world: World, mailbox: Mailbox, live: Sequence[LiveLeg]) -> None:
    """Hang up legs of nobody; one that is with the controller, or leaving, finds its own way."""
    for leg in live:
        is_ours = contact_named_by(leg.leg_id) is not None
        waits = leg.place is not None and leg.place.kind in _STAYS
        if mailbox.owner(leg.leg_id) is not None or not (is_ours or waits):
            continue
        logger.warning(
            "A leg belonged to nobody", extra={"event": "orphan_hung_up", "leg_id": leg.leg_id}
        )
        try:
            await world.switch.hang_up(leg.leg_id)
        except TelephonyError:
            return
