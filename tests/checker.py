"""Decides from what witnesses saw whether the contact centre has kept its promises.

The witnesses are the customers' phones (every INVITE that reached them), the store's rows and
journals, the switch's list of legs, and the logs. They are read after the fact; how the faults
were made does not matter here. Invariants are named as in docs: I1 nothing acknowledged is lost, I2
never two dials, I3 one agent each, I5 nothing stuck, I6 stop wins, I10 one record, I11 no orphan,
I12 no number in a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from ivr.domain.agent import BUSY_ACTIVITIES, AgentState
from ivr.domain.callback import NETWORK_PAUSE, Attempt, Callback
from ivr.domain.contact import SERVING_STATES, Contact, ContactState
from ivr.domain.ids import ContactId
from ivr.ports.store import JournalEntry, Store

CLOCKS_DIFFER = timedelta(seconds=2)
"""A phone notes an INVITE a little after the attempt began; a busy machine takes its time."""
_ENDINGS = frozenset({"callback_expired", "callback_stopped"})


@dataclass(frozen=True, slots=True)
class Ring:
    """An INVITE that reached a customer's phone."""

    number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was witnessed.

    Attributes:
        rings: Every INVITE for a new call that reached a customer, repeated ones once.
        confirmed: Numbers whose owner was told that they will be called back.
        legs: Legs that are on the switch at the end.
        stopped: When a callback's stop was acknowledged.
    """

    contacts: Sequence[Contact]
    callbacks: Mapping[ContactId, Callback]
    attempts: Mapping[ContactId, Sequence[Attempt]]
    journals: Mapping[ContactId, Sequence[JournalEntry]]
    agents: Sequence[AgentState]
    rings: Sequence[Ring]
    confirmed: Sequence[str] = ()
    legs: Sequence[str] = ()
    stopped: Mapping[ContactId, datetime] = field(default_factory=dict)


async def witnessed(
    store: Store,
    rings: Iterable[Ring],
    *,
    confirmed: Iterable[str] = (),
    legs: Iterable[str] = (),
    stopped: Mapping[ContactId, datetime] | None = None,
) -> History:
    """Read the store's part of the history; nothing is written."""
    contacts = await store.recent_contacts(100_000)
    callbacks = {}
    for contact in contacts:
        callback = await store.callback(contact.id)
        if callback is not None:
            callbacks[contact.id] = callback
    return History(
        contacts=contacts,
        callbacks=callbacks,
        attempts={id: await store.attempts(id) for id in callbacks},
        journals={c.id: await store.journal(c.id) for c in contacts},
        agents=await store.agents(),
        rings=sorted(rings, key=lambda ring: ring.at),
        confirmed=tuple(confirmed),
        legs=tuple(legs),
        stopped=stopped or {},
    )


def violations(history: History, *, settled: bool = True) -> list[str]:
    """Every broken promise, in words.

    Args:
        history: What was witnessed.
        settled: Whether everything should be over: all callbacks have their result, no leg is up.
    """
    found = [
        *_lost(history, settled=settled),
        *_dialled_twice(history),
        *_agents_shared(history),
        *_dialled_after_stop(history),
        *_records(history),
    ]
    if settled:
        found += _stuck(history)
    return found


def numbers_in(log: str, numbers: Iterable[str]) -> list[str]:
    """I12: numbers that stand in full in a log, in any spelling of their digits."""
    return [number for number in numbers if number.lstrip("+")[-10:] in log]


# --- the invariants -----------------------------------------------------------------------------


def _lost(history: History, *, settled: bool) -> Iterable[str]:
    numbers = {callback.number for callback in history.callbacks.values()}
    for number in history.confirmed:
        if number not in numbers:
            yield f"I1: {number} was promised a callback that does not exist"
    for contact_id, callback in history.callbacks.items():
        contact = _contact(history, contact_id)
        ended = contact.state is ContactState.ENDED
        if ended != (callback.result is not None):
            yield f"I1: callback {contact_id} is {contact.state.value} with {callback.result}"
        if settled and callback.result is None:
            yield f"I1: callback {contact_id} never got a result ({contact.state.value})"


def _dialled_twice(history: History) -> Iterable[str]:
    for contact_id, callback in history.callbacks.items():
        attempts = history.attempts[contact_id]
        counted = sum(attempt.counted is True for attempt in attempts)
        if counted != callback.attempts_used:
            yield f"I2: {contact_id} counts {callback.attempts_used} attempts of {counted}"
        if counted > callback.retries + 1:
            yield f"I2: {contact_id} used {counted} of {callback.retries + 1} attempts"
        for before, after in pairwise(attempts):
            least = callback.retry_delay if before.counted else NETWORK_PAUSE
            if before.ended_at is None or after.started_at - before.ended_at < least:
                yield f"I2: {contact_id} was dialled again too soon: {before} {after}"
    for number in {ring.number for ring in history.rings}:
        yield from _rung_without_attempt(history, number)


def _rung_without_attempt(history: History, number: str) -> Iterable[str]:
    """Each ring of a phone is one attempt's, and no attempt rang twice."""
    attempts = sorted(
        (
            attempt
            for id, callback in history.callbacks.items()
            if callback.number == number
            for attempt in history.attempts[id]
        ),
        key=lambda attempt: attempt.started_at,
    )
    free = list(attempts)
    for ring in (ring for ring in history.rings if ring.number == number):
        own = [
            attempt
            for attempt in free
            if attempt.started_at - CLOCKS_DIFFER <= ring.at
            and (attempt.ended_at is None or ring.at <= attempt.ended_at + CLOCKS_DIFFER)
        ]
        if own:
            free.remove(own[0])
        else:
            yield f"I2: {number} rang at {ring.at} for no attempt of its own: {attempts}"


def _agents_shared(history: History) -> Iterable[str]:
    holding = [agent for agent in history.agents if agent.activity in BUSY_ACTIVITIES]
    contacts = [agent.contact_id for agent in holding]
    if len(set(contacts)) != len(contacts):
        yield f"I3: a contact is held twice: {contacts}"
    for agent in holding:
        contact = _contact(history, agent.contact_id) if agent.contact_id else None
        if contact is None or contact.state not in SERVING_STATES:
            yield f"I3: {agent.agent_id} is {agent.activity.value} with nobody"
        elif contact.agent_id != agent.agent_id:
            yield f"I3: {agent.agent_id} holds {contact.id}, which {contact.agent_id} serves"


def _dialled_after_stop(history: History) -> Iterable[str]:
    for contact_id, at in history.stopped.items():
        for attempt in history.attempts[contact_id]:
            if attempt.started_at > at:
                yield f"I6: {contact_id} was dialled at {attempt.started_at}, stopped at {at}"


def _records(history: History) -> Iterable[str]:
    by_id = {contact.id: contact for contact in history.contacts}
    for contact in history.contacts:
        endings = [entry for entry in history.journals[contact.id] if _is_ending(entry)]
        expected = int(contact.state is ContactState.ENDED)
        if len(endings) != expected:
            yield f"I10: {contact.id} is {contact.state.value} and ended {len(endings)} times"
        if contact.state is ContactState.ENDED and contact.disconnect_reason is None:
            yield f"I10: {contact.id} ended without a reason"
        before = by_id.get(contact.previous_id) if contact.previous_id else None
        if before is not None and before.next_id != contact.id:
            yield f"I10: {before.id} does not lead to {contact.id}"
        after = by_id.get(contact.next_id) if contact.next_id else None
        if after is not None and after.previous_id != contact.id:
            yield f"I10: {after.id} does not come from {contact.id}"


def _is_ending(entry: JournalEntry) -> bool:
    moved = entry.kind == "contact_moved" and entry.detail.get("to") == ContactState.ENDED.value
    return moved or entry.kind in _ENDINGS


def _stuck(history: History) -> Iterable[str]:
    for contact in history.contacts:
        if contact.state is not ContactState.ENDED:
            yield f"I5: {contact.id} is still {contact.state.value}"
    for agent in history.agents:
        if agent.activity in BUSY_ACTIVITIES:
            yield f"I5: {agent.agent_id} is still {agent.activity.value}"
    for attempts in history.attempts.values():
        for attempt in attempts:
            if attempt.outcome is None:
                yield f"I5: nobody closed {attempt}"
    for leg in history.legs:
        yield f"I11: leg {leg} is still there"


def _contact(history: History, contact_id: ContactId) -> Contact:
    return next(contact for contact in history.contacts if contact.id == contact_id)
