"""What an agent asks of a quick connect: checked, committed, carried out once per key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.domain.contact import Contact, ContactState, InitiationMethod
from ivr.domain.errors import NotFound, NotNow
from ivr.domain.ids import ContactId
from ivr.domain.monitor import Monitor
from ivr.domain.quick_connect import (
    MOST_PARTIES,
    Event,
    QuickConnect,
    QuickConnectId,
    QuickConnectKind,
    TransferState,
    advance,
    allowed_verbs,
    can_add,
    start,
)
from ivr.domain.transfer import Transfer, Verb, event_of, is_held
from ivr.flow.effects import Hook
from ivr.ports.store import ContactChange, Note
from ivr.service.mailbox import Arrived
from ivr.service.transfer_changes import hold_begins, hold_ends
from ivr.service.transfer_run import TransferRun, moved_note

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession

_INHERITED = (Hook.CUSTOMER_QUEUE.value, Hook.CUSTOMER_HOLD.value, Hook.AGENT_HOLD.value)
"""Hooks that a destination's contact takes over; its whispers are set by its transfer flow."""


async def begin_transfer(
    session: ContactSession,
    quick_connect: QuickConnect,
    *,
    hold: bool,
    key: str | None,
    second: Arrived | None = None,
) -> None:
    """Start a quick connect for the agent of a session's contact.

    Where three talk already the customer is not put on hold, and their destination becomes a party.

    Raises:
        NotNow: The contact is not connected, has one under way that is not joined, or as many
            parties as can be; or the number may not be dialled.
    """
    world, source, now = session.world, session.contact, session.now()
    if await _was_done(session, key):
        return
    run = session.transfer
    _check_room(session)
    if source.state is not ContactState.CONNECTED or session.agent_id is None:
        raise NotNow("only a connected contact can be transferred")
    if quick_connect.agent_id == session.agent_id:
        raise NotNow("nobody can be transferred to themselves")
    _check_number(session, quick_connect)
    row = start(quick_connect.kind, hold=hold and run is None)
    contact = _destination(session, quick_connect)
    transfer = Transfer(
        contact_id=contact.id,
        source_id=source.id,
        quick_connect_id=quick_connect.id,
        kind=quick_connect.kind,
        state=row.to,
        began_at=now,
    )
    begins = is_held(row.to) and source.held_since is None  # the phone's own key may have begun it
    changes = dict(hold_begins(source, now)) if begins else {}
    if second is not None:
        changes["adopted_leg"] = second.participant.leg_id
    change = ContactChange(source.id, None, changes)
    notes = [Note("transfer_began", {"quick_connect": quick_connect.name, "key": key})]
    former = None
    if run is not None:
        former = replace(run.transfer, state=advance(run.state, Event.ANOTHER_BEGAN).to)
        notes.append(moved_note(former, Event.ANOTHER_BEGAN))
    caps = world.limits.dial
    if not await world.store.begin_transfer(
        transfer, contact, change, *notes, former=former, limits=caps
    ):
        raise NotNow("the contact has moved on, or too many calls go out already")
    await session.read_again()
    if run is not None and former is not None:
        run.transfer = former
        session.parties.append(run)
    session.transfer = TransferRun(session, transfer, contact)
    if second is not None:
        await session.lines.use_second(second)
    await session.transfer.begin(row)


def _check_room(session: ContactSession) -> None:
    run = session.transfer
    if run is None:
        return
    if not can_add(run.state):
        raise NotNow("a quick connect is under way already, and not joined")
    if len(session.parties) + 3 >= MOST_PARTIES:  # beside them customer, source and destination
        message = f"no more than {MOST_PARTIES} parties can be in a conference"
        raise NotNow(message)


async def use_verb(
    session: ContactSession, verb: Verb, *, key: str | None, party: ContactId | None = None
) -> None:
    """Use a verb of the quick connect under way, or drop a party by its contact.

    Raises:
        NotNow: There is none, or the verb makes no sense in its state.
    """
    if await _was_done(session, key):
        return
    run = session.transfer
    if party is not None:
        run = session.transfer_to(party)
    if run is None:
        raise NotNow("no quick connect is under way" if party is None else "no such party is there")
    event = event_of(verb, run.state)
    if event not in allowed_verbs(run.state):
        message = f"{verb.value} is not possible now (the quick connect is {run.state.value})"
        raise NotNow(message)
    note = Note("verb_asked", {"verb": verb.value, "key": key})
    moved = await (run.leave(note) if verb is Verb.LEAVE else run.happened(event, note))
    if not moved:
        raise NotNow("the quick connect has moved on")


async def take_over(session: ContactSession, monitor: Monitor) -> None:
    """Make a supervisor who is on the line the contact's agent; the agent before wraps up.

    Raises:
        NotNow: The contact has moved on.
    """
    source, now = session.contact, session.now()
    supervisor_id = monitor.supervisor_id
    direct = QuickConnect(
        id=QuickConnectId("take-over"),
        name="Take over",
        kind=QuickConnectKind.AGENT,
        agent_id=supervisor_id,
    )
    contact = replace(
        _destination(session, direct),
        state=ContactState.CONNECTED,
        agent_id=supervisor_id,
        adopted_leg=monitor.leg_id,
        connected_to_agent_at=now,
    )
    transfer = Transfer(
        contact_id=contact.id,
        source_id=source.id,
        quick_connect_id=direct.id,
        kind=direct.kind,
        state=TransferState.JOINED,
        began_at=now,
    )
    change = ContactChange(source.id, None, hold_ends(source, now))
    note = Note("monitor_took_over", {"supervisor": supervisor_id})
    store = session.world.store
    if not await store.take_over(monitor.leg_id, transfer, contact, change, note):
        raise NotNow("the contact has moved on")
    await session.read_again()
    if source.held_since is not None and session.customer is not None:
        await session.performer.place_customer(session.customer)
    session.transfer = TransferRun(session, transfer, contact)
    await session.transfer.happened(Event.TAKEN_OVER)


async def _was_done(session: ContactSession, key: str | None) -> bool:
    if key is None:
        return False
    entries = await session.world.store.journal(session.id)
    return any(entry.detail.get("key") == key for entry in entries)


def _check_number(session: ContactSession, quick_connect: QuickConnect) -> None:
    number = quick_connect.number
    if number is None:
        return
    denial = session.world.site.now.policy.check(number)
    if denial is not None:
        raise NotNow(f"the number of this quick connect may not be dialled ({denial.value})")


def _destination(session: ContactSession, quick_connect: QuickConnect) -> Contact:
    source, kind = session.contact, quick_connect.kind
    is_queue, is_number = kind is QuickConnectKind.QUEUE, kind is QuickConnectKind.NUMBER
    if is_queue and quick_connect.queue_id is None:
        raise NotFound(f"quick connect {quick_connect.name!r} leads to no queue")
    return Contact(
        id=session.world.new_id(),
        initial_id=source.initial_id,
        previous_id=source.id,
        initiation=InitiationMethod.QUEUE_TRANSFER if is_queue else InitiationMethod.TRANSFER,
        state=ContactState.OFFERED if is_number else ContactState.IN_FLOW,
        customer_number=source.customer_number,
        customer_name=source.customer_name,
        system_number=source.system_number,
        queue_id=None if is_queue else source.queue_id,
        target_queue_id=quick_connect.queue_id or source.queue_id,
        place_at=source.place_at,
        priority=source.priority,
        initiated_at=session.now(),
        connected_to_system_at=session.now(),
        agent_attempts=1 if is_number else 0,
        language=source.language,
        voice=source.voice,
        attributes=source.attributes,
        hooks={name: flow for name, flow in source.hooks.items() if name in _INHERITED},
        room_id=source.talks_in,
    )
