"""From the documents of a checked site to the typed values that everybody reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import time, timedelta
from typing import Any, TypeVar

from ivr.domain.callback import RetryPolicy
from ivr.domain.hours import HoursOfOperation
from ivr.domain.ids import E164, AgentId, Endpoint, FlowId, HoursId, QueueId, RoutingProfileId
from ivr.domain.leg import LegOutcome
from ivr.domain.phone_number import NumberPolicy
from ivr.domain.quick_connect import QuickConnect, QuickConnectId, QuickConnectKind
from ivr.domain.routing_profile import ProfileQueue, RoutingProfile
from ivr.domain.site import (
    DEFAULT_STATUSES,
    Agent,
    AgentStatus,
    CallerAccount,
    Flow,
    Hours,
    Number,
    Queue,
    Site,
    Trunk,
)
from ivr.service.site_documents import (
    WEEKDAYS,
    AgentDocument,
    Named,
    QueueDocument,
    QuickConnectDocument,
    SiteDocument,
)


def site_of(document: SiteDocument, flows: Mapping[str, tuple[int, str]]) -> Site:
    """The typed site of a checked document.

    Args:
        document: A document without faults: everything it names exists.
        flows: Version and content of each flow, by id.
    """
    head = document.site
    queue_ids = _ids(document.queues, QueueId)
    hours_ids = _ids(document.hours, HoursId)
    profile_ids = _ids(document.routing_profiles, RoutingProfileId)
    numbers = tuple(Number(number=E164(n.number), flow=n.flow) for n in document.numbers)
    callers = tuple(
        CallerAccount(
            id=c.known_as(),
            name=c.name,
            endpoint=Endpoint(c.endpoint or f"caller-{c.known_as()}"),
            number=E164(c.number),
        )
        for c in document.callers
    )
    agent_ids = _ids(document.agents, AgentId)
    quick_connect_ids = _ids(document.quick_connects, QuickConnectId)
    return Site(
        name=head.name,
        country=head.country,
        language=head.language,
        time_zone=head.time_zone,
        policy=policy_of(document),
        numbers=numbers,
        queues=tuple(_queue(q, queue_ids, hours_ids, quick_connect_ids) for q in document.queues),
        hours=tuple(
            Hours(
                id=hours_ids[h.name],
                name=h.name,
                hours=HoursOfOperation(
                    time_zone=h.time_zone, weekly=_weekly(h.week), holidays=h.holidays
                ),
            )
            for h in document.hours
        ),
        profiles=tuple(
            RoutingProfile(
                id=profile_ids[p.name],
                name=p.name,
                after_contact_work=p.after_contact_work,
                queues=tuple(
                    ProfileQueue(
                        queue_id=queue_ids[q.queue],
                        priority=q.priority,
                        delay=timedelta(seconds=q.delay_seconds),
                    )
                    for q in p.queues
                ),
            )
            for p in document.routing_profiles
        ),
        agents=tuple(_agent(a, profile_ids, document) for a in document.agents),
        statuses=tuple(
            AgentStatus(name=s.name, kind=s.kind, code=s.code) for s in document.statuses
        )
        or DEFAULT_STATUSES,
        callers=callers,
        trunks=tuple(
            Trunk(
                id=t.known_as(),
                name=t.name,
                host=t.host,
                port=t.port,
                username=t.username,
                number_format=t.number_format,
                identify=t.identify,
            )
            for t in document.trunks
        ),
        flows=tuple(
            Flow(
                id=FlowId(f.known_as()),
                name=f.name,
                kind=f.kind.value,
                version=flows[f.known_as()][0],
                content=flows[f.known_as()][1],
            )
            for f in document.flows
        ),
        quick_connects=tuple(
            _quick_connect(q, agent_ids, queue_ids) for q in document.quick_connects
        ),
        callback_attempts_are=head.callback_attempts_are,
        min_retry_delay=timedelta(seconds=head.min_retry_delay_seconds),
        ring_agent=timedelta(seconds=head.ring_agent_seconds),
        ring_customer=timedelta(seconds=head.ring_customer_seconds),
        hold_limit=(
            None if head.hold_limit_seconds is None else timedelta(seconds=head.hold_limit_seconds)
        ),
        hold_reminder=timedelta(seconds=head.hold_reminder_seconds or 0) or None,
        acw_after_unanswered=head.after_contact_work_after_unanswered,
        calling_window=HoursOfOperation(
            time_zone=head.time_zone, weekly=_weekly(head.calling_window.week)
        ),
    )


def policy_of(document: SiteDocument) -> NumberPolicy:
    """Whom a site may call; nothing that the document names need exist."""
    head = document.site
    return NumberPolicy(
        allowed_regions=frozenset(head.allowed_regions),
        denied_prefixes=head.denied_prefixes,
        own_numbers=frozenset(E164(n.number) for n in document.numbers),
        account_numbers=frozenset(E164(c.number) for c in document.callers),
        served_regions=frozenset({head.country, *head.allowed_regions} - {"001"}),
        **({} if head.allowed_types is None else {"allowed_types": frozenset(head.allowed_types)}),
    )


T = TypeVar("T", QueueId, HoursId, RoutingProfileId, AgentId, QuickConnectId)


def _ids(named: Iterable[Named], kind: Callable[[str], T]) -> dict[str, T]:
    """Ids by every way of naming an object: its name and its id."""
    found: dict[str, T] = {}
    for each in named:
        found[each.name] = found[each.known_as()] = kind(each.known_as())
    return found


def _weekly(week: Mapping[Any, tuple[tuple[time, time], ...]]) -> dict[int, Any]:
    return {WEEKDAYS.index(day): spans for day, spans in week.items()}


def _queue(
    queue: QueueDocument,
    queue_ids: Mapping[str, QueueId],
    hours_ids: Mapping[str, HoursId],
    quick_connect_ids: Mapping[str, QuickConnectId],
) -> Queue:
    retry = {
        LegOutcome(r.outcome): None
        if r.delay_seconds is None
        else timedelta(seconds=r.delay_seconds)
        for r in queue.also_retry
    }
    return Queue(
        id=queue_ids[queue.name],
        name=queue.name,
        description=queue.description,
        enabled=queue.enabled,
        max_contacts=queue.max_contacts,
        hours=hours_ids[queue.hours] if queue.hours else None,
        caller_id=E164(queue.caller_id) if queue.caller_id else None,
        caller_id_name=queue.caller_id_name,
        outbound_whisper=queue.outbound_whisper,
        retry=RetryPolicy(retry),
        one_callback_per_number=queue.one_callback_per_number,
        window=queue.calling_window,
        quick_connects=tuple(quick_connect_ids[name] for name in queue.quick_connects),
    )


def _quick_connect(
    each: QuickConnectDocument, agent_ids: Mapping[str, AgentId], queue_ids: Mapping[str, QueueId]
) -> QuickConnect:
    if each.agent:
        kind = QuickConnectKind.AGENT
    elif each.queue:
        kind = QuickConnectKind.QUEUE
    else:
        kind = QuickConnectKind.NUMBER
    return QuickConnect(
        id=QuickConnectId(each.known_as()),
        name=each.name,
        kind=kind,
        agent_id=agent_ids[each.agent] if each.agent else None,
        queue_id=queue_ids[each.queue] if each.queue else None,
        number=E164(each.number) if each.number else None,
        flow=each.flow,
        code=each.code,
    )


def _agent(
    agent: AgentDocument, profile_ids: Mapping[str, RoutingProfileId], document: SiteDocument
) -> Agent:
    profile_id = profile_ids[agent.routing_profile]
    profile = next(p for p in document.routing_profiles if p.known_as() == profile_id)
    limit = timedelta(seconds=agent.after_contact_work_seconds)
    return Agent(
        id=AgentId(agent.known_as()),
        name=agent.name,
        routing_profile=profile_id,
        endpoint=(
            None if agent.number else Endpoint(agent.endpoint or f"agent-{agent.known_as()}")
        ),
        number=E164(agent.number) if agent.number else None,
        acw_limit=limit if profile.after_contact_work else None,
        auto_accept=agent.auto_accept,
        supervises=agent.supervisor,
    )
