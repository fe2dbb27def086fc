"""Outbound calls: a callback's customer, told to the switch once after a commit; an agent."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING

from ivr.domain.callback import FailureReason
from ivr.domain.contact import Contact
from ivr.domain.errors import LinkDown, TelephonyError
from ivr.domain.ids import E164, LegId
from ivr.domain.leg import LegOutcome
from ivr.domain.serving import Event
from ivr.domain.site import Agent, Site
from ivr.ports.store import DialRefused, Note
from ivr.ports.telephony import PROGRAM, CallOrder, ToEndpoint, ToNumber

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession


class NoOffer(Enum):
    """Why a contact cannot be offered to an agent on an outside number."""

    FORBIDDEN = "forbidden"
    NO_TRUNK = "no_trunk"


async def dial(session: ContactSession) -> None:
    """Dial the customer, unless a rule forbids it at this very moment.

    Raises:
        LinkDown: The order may have been carried out; what became of it is asked when the switch
            is back, never by dialling again.
    """
    world, contact = session.world, session.contact
    site = world.site.now
    callback = await world.store.callback(contact.id)
    if callback is None or session.agent_id is None:
        return
    denial = site.policy.check(callback.number)
    to = route(site, callback.number)
    if denial is not None:
        note = Note("dial_forbidden", {"reason": denial.value})
        await session.advance(Event.ATTEMPT_FAILED, note, failure=FailureReason.FORBIDDEN)
        return
    attempt = await world.store.begin_attempt(
        contact.id, session.agent_id, limits=world.limits.dial, now=session.now()
    )
    if isinstance(attempt, DialRefused):
        await session.dial_refused(attempt)
        return
    world.failpoint("after_intent_commit")
    session.dial, session.rang = session.line(attempt.leg_id), False
    session.dial.born = asyncio.get_running_loop().time()
    if to is None:
        await session.attempt_over(LegOutcome.NETWORK_FAILURE, rang=False, detail="no trunk")
        return
    queue = site.queue(callback.queue_id)
    order = CallOrder(
        leg_id=attempt.leg_id,
        to=to,
        caller_number=callback.caller_id or queue.caller_id,
        caller_name=queue.caller_id_name,
        ring=site.ring_customer,
        answer_at=PROGRAM,
        contact_id=contact.id,
    )
    try:
        await world.switch.call(order)
    except LinkDown as error:
        if error.maybe_done:
            raise
        await session.attempt_over(LegOutcome.NETWORK_FAILURE, rang=False, detail="no link")
        return
    except TelephonyError as error:
        await session.attempt_over(LegOutcome.NETWORK_FAILURE, rang=False, detail=error.code)
        return
    world.failpoint("after_originate")


def offer(
    site: Site, agent: Agent, contact: Contact, leg_id: LegId, *, name: str
) -> CallOrder | NoOffer:
    """The call that offers a contact to an agent, or why there can be none.

    Args:
        site: As it is now.
        agent: Whom it rings.
        contact: What is offered.
        leg_id: The leg to be made.
        name: What the phone shows beside the customer's number.
    """
    to: ToEndpoint | ToNumber | None = None
    caller = contact.customer_number
    if agent.endpoint is not None:
        to = ToEndpoint(endpoint=agent.endpoint)
    elif agent.number is not None:
        if site.policy.check(agent.number) is not None:
            return NoOffer.FORBIDDEN
        to = route(site, agent.number)
        queue = site.find_queue(contact.queue_id) if contact.queue_id else None
        caller = queue.caller_id if queue else None  # a network shows numbers of ours only
    if to is None:
        return NoOffer.NO_TRUNK
    return CallOrder(
        leg_id=leg_id,
        to=to,
        caller_number=caller,
        caller_name=name,
        ring=site.ring_agent,
        answer_at=PROGRAM,
        contact_id=contact.id,
        auto_answer=agent.auto_accept,
        keys_codes=True,
    )


def route(site: Site, number: E164) -> ToEndpoint | ToNumber | None:
    """A caller account of the site is rung directly, every other number through the trunk."""
    for account in site.callers:
        if account.number == number:
            return ToEndpoint(endpoint=account.endpoint)
    if site.trunks:
        return ToNumber(number=number, trunk=site.trunks[0].id)
    return None
