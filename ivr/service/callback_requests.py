"""A customer asks to be called back: measured against every rule, then committed at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.domain.callback import LIFETIME, MAX_INITIAL_DELAY, MAX_RETRIES, Callback
from ivr.domain.contact import Contact, ContactState, InitiationMethod
from ivr.domain.ids import E164
from ivr.domain.phone_number import mask
from ivr.domain.site import Queue, Site
from ivr.flow.effects import AgentRef, CreateCallback
from ivr.ports.store import CallbackCreated, CallbackKept, CallbackLimits, CallbackRefused, Note
from ivr.service.world import World


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What became of a request.

    Attributes:
        granted: False is the flow's error branch.
    """

    granted: bool
    note: Note


async def request_callback(world: World, contact: Contact, wish: CreateCallback) -> CallbackAnswer:
    """Create the callback that a flow asks for, or keep the open one of the same number.

    Returns:
        Whether the customer will be called back, with what the asking contact's journal says.

    Raises:
        DomainError: The call is being offered to an agent.
        StoreError: Nothing was committed.
    """
    site, now = world.site.now, world.clock.now()
    queue = _queue(site, contact, wish)
    number = contact.callback_number or contact.customer_number
    refusal = _refusal(site, queue, number, wish)
    if refusal or queue is None or number is None:
        return CallbackAnswer(False, Note("callback_refused", {"reason": refusal or "no_queue"}))
    callback_contact = _new_contact(world, contact, queue, number, wish)
    callback = _new_callback(site, callback_contact, queue, number, wish, now=now)
    world.failpoint("before_callback_commit")
    outcome = await _asked_before(world, contact, callback) or await world.store.create_callback(
        callback_contact,
        callback,
        asked_by=contact.id,
        limits=CallbackLimits(
            max_contacts=queue.max_contacts if queue.enabled else 0,
            one_per_number=queue.one_callback_per_number,
            per_number_daily=world.limits.callbacks_per_number_daily,
            per_minute=world.limits.callbacks_per_minute,
        ),
        notes=(Note("callback_began", {"asked_by": contact.id, "queue": queue.name}),),
        now=now,
    )
    world.failpoint("after_callback_commit")
    match outcome:
        case CallbackCreated(contact_id):
            note = Note("callback_requested", {"callback": contact_id, "number": mask(number)})
        case CallbackKept(contact_id):
            note = Note("callback_kept", {"callback": contact_id, "number": mask(number)})
        case CallbackRefused():
            note = Note("callback_refused", {"reason": outcome.value})
    world.timers.ring()
    world.router.ring()
    return CallbackAnswer(not isinstance(outcome, CallbackRefused), note)


async def _asked_before(world: World, asked_by: Contact, wish: Callback) -> CallbackKept | None:
    """The open callback that this call has made already: a flow that resumes asks again."""
    made = await world.store.callback(asked_by.next_id) if asked_by.next_id else None
    same = made is not None and (made.number, made.queue_id) == (wish.number, wish.queue_id)
    return CallbackKept(made.contact_id) if made and same and made.result is None else None


def _queue(site: Site, contact: Contact, wish: CreateCallback) -> Queue | None:
    if isinstance(wish.target, AgentRef):
        return None
    if wish.target is not None:
        return site.find_queue(wish.target.ref)
    queue_id = contact.target_queue_id or contact.queue_id
    return site.queue(queue_id) if queue_id else None


def _refusal(
    site: Site, queue: Queue | None, number: E164 | None, wish: CreateCallback
) -> str | None:
    if queue is None:
        return "no_queue"
    if number is None:
        return "no_number"
    denial = site.policy.check(number)
    if denial is not None:
        return f"number_{denial.value}"
    if wish.caller_id is not None and site.number(wish.caller_id) is None:
        return "caller_id_is_not_ours"
    if wish.creation_flow is not None:
        return "creation_flow_not_supported"
    return None


def _new_contact(
    world: World, asked_by: Contact, queue: Queue, number: E164, wish: CreateCallback
) -> Contact:
    now = world.clock.now()
    return Contact(
        id=world.new_id(),
        initial_id=asked_by.initial_id,
        previous_id=asked_by.id,
        initiation=InitiationMethod.CALLBACK,
        state=ContactState.SCHEDULED if wish.delay > timedelta(0) else ContactState.QUEUED,
        customer_number=number,
        system_number=E164(wish.caller_id) if wish.caller_id else queue.caller_id,
        queue_id=queue.id,
        target_queue_id=queue.id,
        place_at=asked_by.place_at if asked_by.previous_id else asked_by.initiated_at,
        priority=asked_by.priority,
        initiated_at=now,
        enqueued_at=None if wish.delay > timedelta(0) else now,
        language=asked_by.language,
        voice=asked_by.voice,
        attributes=asked_by.attributes,
        hooks=asked_by.hooks,
        callback_number=number,
    )


def _new_callback(
    site: Site, contact: Contact, queue: Queue, number: E164, wish: CreateCallback, *, now: datetime
) -> Callback:
    retries = wish.maximum_connection_attempts
    if site.callback_attempts_are == "attempts":
        retries -= 1
    return Callback(
        contact_id=contact.id,
        number=number,
        queue_id=queue.id,
        caller_id=E164(wish.caller_id) if wish.caller_id else None,
        retries=max(0, min(MAX_RETRIES, retries)),
        retry_delay=max(site.min_retry_delay, wish.retry_delay),
        created_at=now,
        due_at=now + min(wish.delay, MAX_INITIAL_DELAY),
        expires_at=now + LIFETIME,
    )
