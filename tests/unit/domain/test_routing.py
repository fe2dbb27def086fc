"""Who gets which contact (C1, C2, B3), against the rules and against a naive reading of them."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.ids import AgentId, ContactId, QueueId
from ivr.domain.routing import ReadyAgent, Verdict, Waiting, decide, next_wake, position
from ivr.domain.routing_profile import ProfileQueue

pytestmark = pytest.mark.unit

FULL = os.environ.get("QUEUEBACK_FULL") == "1"
NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SALES, CALLBACKS = QueueId("sales"), QueueId("callbacks")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def contact(
    name: str,
    queue: QueueId = SALES,
    *,
    place: float = 60,
    waited: float | None = None,
    priority: int = 5,
) -> Waiting:
    """A contact whose place is so many seconds old."""
    return Waiting(
        contact_id=ContactId(name),
        queue_id=queue,
        place_at=ago(place),
        waiting_since=ago(place if waited is None else waited),
        priority=priority,
    )


def agent(name: str, *queues: ProfileQueue, idle: float = 60) -> ReadyAgent:
    return ReadyAgent(
        agent_id=AgentId(name),
        idle_since=ago(idle),
        queues=queues or (ProfileQueue(SALES), ProfileQueue(CALLBACKS)),
    )


def pairs(waiting: Sequence[Waiting], ready: Sequence[ReadyAgent]) -> list[tuple[str, str]]:
    return [(m.contact_id, m.agent_id) for m in decide(waiting, ready, now=NOW)]


# --- one agent ------------------------------------------------------------------------------------


def test_nobody_waiting_or_nobody_free_pairs_nobody() -> None:
    assert pairs([], [agent("ann")]) == []
    assert pairs([contact("c")], []) == []


def test_oldest_place_is_served_first() -> None:
    assert pairs([contact("late", place=10), contact("early", place=90)], [agent("ann")]) == [
        ("early", "ann")
    ]


def test_b3_callback_keeps_the_place_of_its_call_across_queues_of_equal_priority() -> None:
    callback = contact("callback", CALLBACKS, place=300, waited=1)
    call = contact("call", SALES, place=200)

    assert pairs([call, callback], [agent("ann")]) == [("callback", "ann")]


def test_lower_profile_priority_beats_age_and_contact_priority() -> None:
    calls_first = agent("bob", ProfileQueue(CALLBACKS, 2), ProfileQueue(SALES, 1))
    callback = contact("callback", CALLBACKS, place=300, priority=1)
    call = contact("call", SALES, place=10, priority=10)

    assert pairs([callback, call], [calls_first]) == [("call", "bob")]


def test_contact_priority_beats_age() -> None:
    urgent = contact("urgent", place=10, priority=1)

    assert pairs([contact("old", place=90), urgent], [agent("ann")]) == [("urgent", "ann")]


def test_lowest_id_decides_between_equals() -> None:
    assert pairs([contact("b"), contact("a")], [agent("ann")]) == [("a", "ann")]


def test_contact_of_a_queue_that_the_agent_does_not_serve_waits() -> None:
    assert pairs([contact("c", CALLBACKS)], [agent("ann", ProfileQueue(SALES))]) == []


@pytest.mark.parametrize(("waited", "served"), [(29, False), (30, True), (31, True)])
def test_delay_holds_contacts_back_until_they_have_waited(waited: float, *, served: bool) -> None:
    backup = agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=30)))

    assert bool(pairs([contact("c", place=500, waited=waited)], [backup])) is served


def test_delay_counts_for_each_contact_and_not_by_place() -> None:
    backup = agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=30)))
    first_by_place = contact("callback", place=500, waited=5)
    second = contact("call", place=100)

    assert pairs([first_by_place, second], [backup]) == [("call", "bob")]


def test_priority_beats_delay() -> None:
    both = agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=30)), ProfileQueue(CALLBACKS, 2))
    waiting = [contact("callback", CALLBACKS, place=900), contact("call", SALES, place=30)]

    assert pairs(waiting, [both]) == [("call", "bob")]


def test_lower_priority_is_served_while_a_delay_runs() -> None:
    both = agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=30)), ProfileQueue(CALLBACKS, 2))
    waiting = [contact("callback", CALLBACKS, place=5), contact("call", SALES, place=29)]

    assert pairs(waiting, [both]) == [("callback", "bob")]


# --- several agents -------------------------------------------------------------------------------


def test_longest_idle_agent_gets_the_contact() -> None:
    assert pairs([contact("c")], [agent("ann", idle=10), agent("bob", idle=50)]) == [("c", "bob")]


def test_agents_idle_equally_long_are_taken_by_id() -> None:
    assert pairs([contact("c")], [agent("bob"), agent("ann")]) == [("c", "ann")]


def test_each_agent_takes_their_best_contact_longest_idle_first() -> None:
    ann = agent("ann", ProfileQueue(SALES, 1), ProfileQueue(CALLBACKS, 2), idle=50)
    bob = agent("bob", ProfileQueue(SALES, 1), ProfileQueue(CALLBACKS, 1), idle=10)
    waiting = [
        contact("callback", CALLBACKS, place=300),
        contact("call", SALES, place=100),
        contact("last", SALES, place=50),
    ]

    assert pairs(waiting, [bob, ann]) == [("call", "ann"), ("callback", "bob")]


def test_journal_says_who_was_considered_and_why_this_one() -> None:
    took_first = agent("ann", ProfileQueue(SALES), idle=90)
    held_back = agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=999)), idle=70)
    chosen = agent("cay", ProfileQueue(SALES), idle=50)
    less_idle = agent("dee", ProfileQueue(SALES), idle=30)
    elsewhere = agent("eve", ProfileQueue(CALLBACKS), idle=80)
    ready = [less_idle, elsewhere, chosen, held_back, took_first]

    _, second = decide([contact("1st", place=80), contact("2nd", place=60)], ready, now=NOW)

    assert (second.contact_id, second.agent_id) == ("2nd", "cay")
    assert list(second.considered.items()) == [
        ("ann", Verdict.TOOK_ANOTHER),
        ("bob", Verdict.DELAY_NOT_OVER),
        ("cay", Verdict.CHOSEN),
        ("dee", Verdict.IDLE_LESS_LONG),
    ]


# --- when to look again, and place in line --------------------------------------------------------


def test_next_wake_is_the_first_delay_to_run_out() -> None:
    ready = [
        agent("ann", ProfileQueue(SALES, 1, timedelta(seconds=100))),
        agent("bob", ProfileQueue(SALES, 1, timedelta(seconds=50))),
        agent("cay", ProfileQueue(CALLBACKS, 1, timedelta(seconds=1))),
    ]

    assert next_wake([contact("c", place=20)], ready, now=NOW) == NOW + timedelta(seconds=30)
    assert next_wake([contact("c", place=60)], ready, now=NOW) == NOW + timedelta(seconds=40)


def test_nothing_to_wake_for_without_a_running_delay() -> None:
    backup = agent("ann", ProfileQueue(SALES, 1, timedelta(seconds=10)))

    assert next_wake([contact("c", place=10)], [backup], now=NOW) is None
    assert next_wake([contact("c", CALLBACKS, place=1)], [backup], now=NOW) is None
    assert next_wake([], [backup], now=NOW) is None
    assert next_wake([contact("c", place=1)], [], now=NOW) is None


def test_position_is_by_priority_then_place_within_the_queue() -> None:
    waiting = [
        contact("late", place=10),
        contact("early", place=90),
        contact("urgent", place=1, priority=1),
        contact("other", CALLBACKS, place=500),
    ]

    assert [position(waiting, ContactId(c)) for c in ("urgent", "early", "late", "other")] == [
        *(1, 2, 3),
        1,
    ]
    assert position(waiting, ContactId("gone")) is None


# --- properties -----------------------------------------------------------------------------------

QUEUES = [QueueId(name) for name in "pqrs"]
DELAYS = [timedelta(0), timedelta(seconds=30), timedelta(seconds=90)]


def a_contact(number: int, code: int) -> Waiting:
    """The contact that a number stands for; small ones are simple."""
    code, queue = divmod(code, len(QUEUES))
    code, priority = divmod(code, 3)
    code, place = divmod(code, 120)
    return contact(
        f"c{number:02}", QUEUES[queue], place=place, waited=code % 120, priority=5 + priority
    )


def an_agent(number: int, code: int) -> ReadyAgent:
    """The agent that a number stands for: up to four queues, each with priority and delay."""
    code, idle = divmod(code, 120)
    queues = []
    for queue in QUEUES:
        code, served = divmod(code, 10)
        if served:
            priority, delay = divmod(served - 1, len(DELAYS))
            queues.append(ProfileQueue(queue, priority, DELAYS[delay]))
    return ReadyAgent(agent_id=AgentId(f"a{number:02}"), idle_since=ago(idle), queues=tuple(queues))


codes = st.integers(0, 120 * 10**4)
any_waiting = st.lists(codes, max_size=12).map(
    lambda all_: list(itertools.starmap(a_contact, enumerate(all_)))
)
any_ready = st.lists(codes, max_size=6).map(
    lambda all_: list(itertools.starmap(an_agent, enumerate(all_)))
)
CASES = settings(max_examples=20_000 if FULL else 200, deadline=None, derandomize=not FULL)


def may_have(each: ReadyAgent, waiting: Waiting) -> bool:
    return any(
        served.queue_id == waiting.queue_id and NOW - waiting.waiting_since >= served.delay
        for served in each.queues
    )


def naive(waiting: Sequence[Waiting], ready: Sequence[ReadyAgent]) -> list[tuple[str, str]]:
    """The rules as they are written, one comparison after the other."""
    left = list(waiting)
    found = []
    for each in sorted(ready, key=lambda a: (a.idle_since, a.agent_id)):
        priority = {served.queue_id: served.priority for served in each.queues}
        mine = sorted(
            (c for c in left if may_have(each, c)),
            key=lambda c: (priority[c.queue_id], c.priority, c.place_at, c.contact_id),
        )
        if mine:
            left.remove(mine[0])
            found.append((mine[0].contact_id, each.agent_id))
    return [(str(c), str(a)) for c, a in found]


@CASES
@given(waiting=any_waiting, ready=any_ready, seed=st.integers(0, 2**16))
def test_decision_follows_the_rules_whatever_waits(
    waiting: list[Waiting], ready: list[ReadyAgent], seed: int
) -> None:
    matches = decide(waiting, ready, now=NOW)

    contacts = {m.contact_id for m in matches}
    agents = {m.agent_id for m in matches}
    idle = [a for a in ready if a.agent_id not in agents]
    left = [c for c in waiting if c.contact_id not in contacts]
    assert len(contacts) == len(agents) == len(matches)
    assert not any(may_have(a, c) for a in idle for c in left)
    assert [(m.contact_id, m.agent_id) for m in matches] == naive(waiting, ready)
    for match in matches:
        verdicts = list(match.considered.values())
        assert match.considered[match.agent_id] is Verdict.CHOSEN
        assert verdicts.count(Verdict.CHOSEN) == 1

    shuffle = random.Random(seed).sample
    mixed = decide(shuffle(waiting, len(waiting)), shuffle(ready, len(ready)), now=NOW)
    assert mixed == matches

    wake = next_wake(waiting, ready, now=NOW)
    until = NOW + timedelta(seconds=1000) if wake is None else wake - timedelta(seconds=1)
    later = decide(waiting, ready, now=until)
    assert [(m.contact_id, m.agent_id) for m in later] == pairs(waiting, ready)


def test_two_hundred_contacts_and_a_hundred_agents_are_all_paired() -> None:
    draw = random.Random(1)
    waiting = [
        contact(f"c{n:03}", draw.choice(QUEUES), place=draw.randrange(3600)) for n in range(200)
    ]
    profile = tuple(ProfileQueue(queue) for queue in QUEUES)
    ready = [agent(f"a{n:03}", *profile, idle=draw.randrange(3600)) for n in range(100)]

    oldest = sorted(waiting, key=lambda c: (c.place_at, c.contact_id))[:100]
    assert [c for c, _ in pairs(waiting, ready)] == [c.contact_id for c in oldest]
