"""After every (re)connect, and now and then: compare store and switch, and repair both.

Asterisk knows who is connected to whom; the database knows who is queued, offered and due. A
controller that comes back makes a session for every contact that has somebody on a line, has each
session compare, frees agents of contacts that no longer hold them, closes attempts that nobody
watches, and hangs up legs of ours that belong to nobody.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence

from ivr.domain.agent import BUSY_ACTIVITIES, AgentActivity
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.errors import TelephonyError
from ivr.domain.ids import ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import LiveLeg
from ivr.service.mailbox import Doubted, Mailbox
from ivr.service.world import World

logger = logging.getLogger(__name__)

_OUR_LEG = re.compile(r"(?P<contact>.+)-[ac]\d+")


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
            await world.store.set_agent_reachable(
                agent.id, reachable=agent.endpoint in reachable, now=now
            )
    contacts = await world.store.open_contacts()
    for contact in contacts:
        if not mailbox.is_open(contact.id) and _is_on_a_line(contact):
            start(contact)
    for contact_id in mailbox.open_ids():
        mailbox.post(contact_id, Doubted())
    await _free_agents(world, mailbox, contacts)
    await _close_attempts(world, contacts)
    await _hang_up_orphans(world, mailbox, live)
    world.router.ring()
    world.timers.ring()
    return True


def _is_on_a_line(contact: Contact) -> bool:
    return contact.customer_leg is not None or contact.state in SERVING_STATES


async def _free_agents(world: World, mailbox: Mailbox, contacts: Sequence[Contact]) -> None:
    """Free agents who hold a contact that does not hold them."""
    holders = {c.id: c.agent_id for c in contacts if c.state in SERVING_STATES}
    for agent in await world.store.agents():
        if agent.activity not in BUSY_ACTIVITIES or agent.contact_id is None:
            continue
        if holders.get(agent.contact_id) == agent.agent_id or mailbox.is_open(agent.contact_id):
            continue
        logger.warning(
            "An agent was held by nobody",
            extra={"event": "agent_freed", "agent_id": agent.agent_id},
        )
        await world.store.move_agent(
            agent.agent_id, agent.contact_id, AgentActivity.IDLE, now=world.clock.now()
        )


async def _close_attempts(world: World, contacts: Sequence[Contact]) -> None:
    """Close attempts whose contact is no longer dialling: nobody will hear of them again."""
    dialling = {c.id for c in contacts if c.state is ContactState.DIALLING}
    for attempt in await world.store.open_attempts():
        if attempt.contact_id not in dialling:
            await world.store.end_attempt(
                attempt.leg_id, LegOutcome.UNKNOWN, rang=False, counted=True, now=world.clock.now()
            )


async def _hang_up_orphans(world: World, mailbox: Mailbox, live: Sequence[LiveLeg]) -> None:
    for leg in live:
        ours = _OUR_LEG.fullmatch(leg.leg_id)
        if ours is None or mailbox.is_open(ContactId(ours["contact"])):
            continue
        logger.warning(
            "A leg belonged to nobody", extra={"event": "orphan_hung_up", "leg_id": leg.leg_id}
        )
        try:
            await world.switch.hang_up(LegId(leg.leg_id))
        except TelephonyError:
            return
