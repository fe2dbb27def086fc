"""The store port: the intent to dial, its refusals and its end, on every database."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.domain.agent import AgentActivity, StatusKind
from ivr.domain.callback import Attempt, Callback, CallbackResult
from ivr.domain.contact import ContactState
from ivr.domain.errors import DomainError, NotFound
from ivr.domain.ids import E164, AgentId, ContactId, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.store import DialLimits, DialRefused
from ivr.store.sql_store import SqlStore
from tests.builders import (
    ANNA,
    BEN,
    NO_DIAL_LIMITS,
    NO_LIMITS,
    NOW,
    OTHER_CUSTOMER,
    SALES,
    a_callback,
    a_callback_contact,
    a_contact,
    seconds,
)

pytestmark = pytest.mark.contract

CALLBACK = ContactId("callback")
LATER = NOW + seconds(7)


async def serve(
    store: SqlStore,
    agent_id: AgentId = ANNA,
    name: str = "callback",
    *,
    state: ContactState = ContactState.DIALLING,
    **fields: Any,
) -> None:
    """Have an agent hold a callback that is about to be dialled."""
    row = a_callback_contact(name, **fields)
    await store.create_callback(
        row,
        a_callback(name, number=row.customer_number, queue_id=row.queue_id),
        asked_by=None,
        limits=NO_LIMITS,
        now=NOW,
    )
    await store.ensure_agents([agent_id], now=NOW)
    await store.set_agent_status(agent_id, "Available", StatusKind.ROUTABLE, now=NOW)
    await store.set_agent_reachable(agent_id, reachable=True, now=NOW)
    assert await store.claim(row.id, agent_id, now=NOW) == 1
    assert await store.move_contact(row.id, ContactState.OFFERED, state, {}, now=NOW)


async def begin(
    store: SqlStore,
    name: str = "callback",
    agent_id: AgentId = ANNA,
    limits: DialLimits = NO_DIAL_LIMITS,
    at: float = 0,
) -> Attempt | DialRefused:
    return await store.begin_attempt(
        ContactId(name), agent_id, limits=limits, now=NOW + seconds(at)
    )


async def finish(
    store: SqlStore,
    outcome: LegOutcome,
    leg: str = "callback-c1",
    *,
    rang: bool = False,
    counted: bool = False,
) -> Callback:
    return await store.end_attempt(LegId(leg), outcome, rang=rang, counted=counted, now=LATER)


# --- beginning ----------------------------------------------------------------------------------


async def test_b15_intent_names_a_leg_that_was_never_used(store: SqlStore) -> None:
    await serve(store)

    first = await begin(store)
    await finish(store, LegOutcome.NO_ANSWER, rang=True, counted=True)
    second = await begin(store, at=9)

    assert first == Attempt(
        contact_id=CALLBACK, number=1, leg_id=LegId("callback-c1"), started_at=NOW
    )
    assert second == Attempt(
        contact_id=CALLBACK, number=2, leg_id=LegId("callback-c2"), started_at=NOW + seconds(9)
    )
    callback = await store.callback(CALLBACK)
    assert callback == a_callback(dials=2, attempts_used=1)
    assert await store.open_attempts() == [second]
    assert [attempt.number for attempt in await store.attempts(CALLBACK)] == [1, 2]


async def test_i2_second_dial_beside_an_open_one_breaks_the_rules(store: SqlStore) -> None:
    await serve(store)
    first = await begin(store)

    with pytest.raises(DomainError):
        await begin(store)

    assert await store.attempts(CALLBACK) == [first]


@pytest.mark.parametrize(
    "state", [state for state in ContactState if state is not ContactState.DIALLING]
)
async def test_i6_callback_in_another_state_is_not_dialled(
    store: SqlStore, state: ContactState
) -> None:
    await serve(store, state=state)

    assert await begin(store) is DialRefused.STOPPED

    assert await store.attempts(CALLBACK) == []


async def test_i6_stopped_callback_is_not_dialled(store: SqlStore) -> None:
    await serve(store)
    await store.end_callback(
        CALLBACK, (ContactState.DIALLING,), CallbackResult.STOPPED, None, {}, now=NOW
    )

    assert await begin(store) is DialRefused.STOPPED


async def test_callback_of_another_agent_is_not_dialled(store: SqlStore) -> None:
    await serve(store)
    await store.ensure_agents([BEN], now=NOW)

    assert await begin(store, agent_id=BEN) is DialRefused.STOPPED


async def test_agent_who_let_go_does_not_dial(store: SqlStore) -> None:
    await serve(store)
    await store.move_agent(ANNA, CALLBACK, AgentActivity.ERROR, now=NOW)

    assert await begin(store) is DialRefused.STOPPED


async def test_call_or_unknown_contact_is_not_dialled(store: SqlStore) -> None:
    await store.create_contact(a_contact(state=ContactState.DIALLING, agent_id=ANNA))

    assert await begin(store, "call") is DialRefused.STOPPED
    assert await begin(store, "nobody") is DialRefused.STOPPED


# --- number in a live contact (B20) -------------------------------------------------------------


@pytest.mark.parametrize("state", list(ContactState))
async def test_b20_number_that_is_on_a_call_here_is_not_dialled(
    store: SqlStore, state: ContactState
) -> None:
    await serve(store)
    await store.create_contact(a_contact(state=state))

    outcome = await begin(store)

    if state is ContactState.ENDED:
        assert isinstance(outcome, Attempt)
    else:
        assert outcome is DialRefused.NUMBER_BUSY
        assert await store.attempts(CALLBACK) == []


async def test_b20_other_numbers_and_callers_without_one_do_not_matter(store: SqlStore) -> None:
    await serve(store)
    await store.create_contact(a_contact("other", customer_number=OTHER_CUSTOMER))
    await store.create_contact(a_contact("withheld", customer_number=None))

    assert isinstance(await begin(store), Attempt)


@pytest.mark.parametrize("state", list(ContactState))
async def test_b20_number_of_another_callback_matters_while_its_customer_is_called(
    store: SqlStore, state: ContactState
) -> None:
    await serve(store)
    await serve(store, BEN, "other", state=state, queue_id=SALES)

    outcome = await begin(store)

    if state in (ContactState.OUTBOUND_WHISPER, ContactState.CONNECTED):
        assert outcome is DialRefused.NUMBER_BUSY
    else:
        assert isinstance(outcome, Attempt)


@pytest.mark.parametrize(
    ("outcome", "busy"),
    [
        (None, True),
        (LegOutcome.ANSWERED, True),
        (LegOutcome.NO_ANSWER, False),
        (LegOutcome.UNKNOWN, False),
    ],
)
async def test_b20_of_two_callbacks_to_a_number_one_is_dialled_at_a_time(
    store: SqlStore, outcome: LegOutcome | None, busy: bool
) -> None:
    await serve(store)
    await serve(store, BEN, "other", queue_id=SALES)
    assert isinstance(await begin(store), Attempt)
    if outcome is not None:
        await finish(store, outcome)

    second = await begin(store, "other", BEN)

    assert (second is DialRefused.NUMBER_BUSY) is busy


# --- caps ---------------------------------------------------------------------------------------


async def three_served(store: SqlStore) -> None:
    for number, name in enumerate(("a", "b", "c")):
        await serve(store, AgentId(name), name, customer_number=E164(f"+493012345000{number}"))


async def test_so_many_customers_are_called_at_once(store: SqlStore) -> None:
    await three_served(store)
    two = DialLimits(concurrent=2, per_minute=None)

    outcomes = [await begin(store, name, AgentId(name), two) for name in ("a", "b", "c")]

    assert [isinstance(outcome, Attempt) for outcome in outcomes] == [True, True, False]
    assert outcomes[2] is DialRefused.TOO_MANY

    await finish(store, LegOutcome.ANSWERED, "a-c1")
    await store.move_contact(
        ContactId("a"), ContactState.DIALLING, ContactState.CONNECTED, {}, now=NOW
    )
    assert await begin(store, "c", AgentId("c"), two) is DialRefused.TOO_MANY

    await finish(store, LegOutcome.BUSY, "b-c1")
    assert isinstance(await begin(store, "c", AgentId("c"), two), Attempt)


async def test_so_many_dials_begin_in_any_minute(store: SqlStore) -> None:
    await three_served(store)
    two = DialLimits(concurrent=None, per_minute=2)
    await begin(store, "a", AgentId("a"), two)
    await begin(store, "b", AgentId("b"), two, at=30)

    early = await begin(store, "c", AgentId("c"), two, at=59.9)
    late = await begin(store, "c", AgentId("c"), two, at=60)

    assert early is DialRefused.TOO_MANY
    assert isinstance(late, Attempt)


# --- ending -------------------------------------------------------------------------------------


async def test_b7_counted_attempt_uses_one_up(store: SqlStore) -> None:
    await serve(store)
    await begin(store)

    callback = await finish(store, LegOutcome.NO_ANSWER, rang=True, counted=True)

    assert callback == a_callback(dials=1, attempts_used=1)
    assert await store.open_attempts() == []
    assert await store.attempts(CALLBACK) == [
        Attempt(
            contact_id=CALLBACK,
            number=1,
            leg_id=LegId("callback-c1"),
            started_at=NOW,
            ended_at=LATER,
            outcome=LegOutcome.NO_ANSWER,
            rang=True,
            counted=True,
        )
    ]


async def test_attempt_is_closed_once(store: SqlStore) -> None:
    await serve(store)
    await begin(store)
    await finish(store, LegOutcome.NO_ANSWER, rang=True, counted=True)
    closed = await store.attempts(CALLBACK)

    callback = await finish(store, LegOutcome.NETWORK_FAILURE, counted=True)

    assert callback == a_callback(dials=1, attempts_used=1)
    assert await store.attempts(CALLBACK) == closed


async def test_b19_failures_of_our_side_are_counted_in_a_row(store: SqlStore) -> None:
    await serve(store)
    rows = []
    for number, outcome in enumerate(
        (
            LegOutcome.NETWORK_FAILURE,
            LegOutcome.NETWORK_FAILURE,
            LegOutcome.CANCELLED,
            LegOutcome.UNKNOWN,
            LegOutcome.NETWORK_FAILURE,
            LegOutcome.BUSY,
            LegOutcome.NETWORK_FAILURE,
        ),
        start=1,
    ):
        await begin(store)
        callback = await finish(store, outcome, f"callback-c{number}")
        rows.append(callback.network_failures)

    assert rows == [1, 2, 2, 2, 3, 0, 1]
    assert callback.attempts_used == 0


async def test_leg_without_an_attempt_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await finish(store, LegOutcome.BUSY, "unknown")
