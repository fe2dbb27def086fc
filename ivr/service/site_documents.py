"""``site.yaml``: how a site is written down, and how its documents become typed values.

Every object of a site is one document here, one row in the database and one record in
``domain/site.py``. Reading reports every fault at once, each with its path and reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ivr.domain.agent import StatusKind
from ivr.domain.callback import RetryPolicy
from ivr.domain.hours import HoursOfOperation
from ivr.domain.ids import E164, AgentId, Endpoint, FlowId, HoursId, QueueId, RoutingProfileId
from ivr.domain.leg import LegOutcome
from ivr.domain.phone_number import NumberFormat, NumberPolicy, NumberType, parse_any
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
from ivr.flow.kinds import FlowKind
from ivr.ports.store import SiteObject

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def slug(name: str) -> str:
    """An id made of a name: lower case letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"no time zone {name!r}"
        raise ValueError(message) from error
    return name


def _span(text: Any) -> Any:
    """``09:00-17:30``; ``00:00-24:00`` is the whole day."""
    if not isinstance(text, str):
        return text
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    if found is None:
        message = "must read like 09:00-17:30"
        raise ValueError(message)
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    return time(start_hour, start_minute), time(end_hour % 24, end_minute)


def _number(text: Any) -> Any:
    if isinstance(text, str) and (number := parse_any(text, "US")) and text.startswith("+"):
        return number
    message = "must be a phone number in E.164 form, + and country code first"
    raise ValueError(message)


Zone = Annotated[str, AfterValidator(_zone)]
Span = Annotated[tuple[time, time], BeforeValidator(_span)]
PhoneNumber = Annotated[str, BeforeValidator(_number)]
Name = Annotated[str, Field(min_length=1, max_length=127)]
Seconds = Annotated[int, Field(ge=0)]


class Document(BaseModel):
    """An object of the site; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Document):
    """An object with a name, and an id that is made of it unless one is given."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)] | None = None
    name: Name

    def known_as(self) -> str:
        """The id."""
        return self.id or slug(self.name)


class HoursDocument(Named):
    """Named hours of operation: spans per weekday, and days that differ."""

    time_zone: Zone
    week: dict[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        tuple[Span, ...],
    ] = Field(default_factory=dict)
    holidays: dict[date, tuple[Span, ...]] = Field(default_factory=dict)


class NumberDocument(Document):
    """A number (DID) and the flow it starts."""

    number: PhoneNumber
    flow: Name


class RetryDocument(Document):
    """Outcomes that are retried beyond ring no answer, and after how long at least."""

    outcome: Literal["busy", "network_failure"]
    delay_seconds: Seconds | None = None


class QueueDocument(Named):
    """A queue."""

    description: str = ""
    enabled: bool = True
    max_contacts: Annotated[int, Field(ge=0)] | None = None
    hours: Name | None = None
    caller_id: PhoneNumber | None = None
    caller_id_name: Annotated[str, Field(max_length=50)] | None = None
    outbound_whisper: Name | None = None
    also_retry: tuple[RetryDocument, ...] = ()
    one_callback_per_number: bool = True
    calling_window: bool = True


class ProfileQueueDocument(Document):
    """A queue of a routing profile."""

    queue: Name
    priority: Annotated[int, Field(ge=1, le=99)] = 1
    delay_seconds: Annotated[int, Field(ge=0, le=9999)] = 0


class ProfileDocument(Named):
    """A routing profile."""

    queues: tuple[ProfileQueueDocument, ...]
    after_contact_work: bool = True


class AgentDocument(Named):
    """An agent; zero seconds of after-contact work last until the agent clears them."""

    routing_profile: Name
    endpoint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,39}$")] | None = None
    after_contact_work_seconds: Seconds = 0
    auto_accept: bool = False


class StatusDocument(Document):
    """An agent status and the code that chooses it from a phone."""

    name: Name
    kind: StatusKind
    code: Annotated[str, Field(pattern=r"^\*\d{1,3}$")] | None = None


class CallerDocument(Named):
    """A caller's softphone."""

    endpoint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,39}$")] | None = None
    number: PhoneNumber


class TrunkDocument(Named):
    """A trunk; with a user name it registers, its password comes from the settings."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 5060
    username: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+@-]+$")] | None = None
    number_format: NumberFormat = NumberFormat.E164_PLUS
    identify: tuple[Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:/]+$")], ...] = ()


class FlowDocumentEntry(Named):
    """A flow: its kind stands here because exported files do not carry it."""

    kind: FlowKind = FlowKind.CONTACT_FLOW
    file: str | None = None
    version: int | None = None


class CallingWindowDocument(Document):
    """Local hours of the called number in which callbacks are dialled."""

    week: dict[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        tuple[Span, ...],
    ]


class SiteHead(Document):
    """What holds for the whole site."""

    name: Name
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en-US"
    time_zone: Zone
    allowed_regions: tuple[Annotated[str, Field(pattern=r"^([A-Z]{2}|001)$")], ...]
    allowed_types: tuple[NumberType, ...] | None = None
    denied_prefixes: tuple[Annotated[str, Field(pattern=r"^\+\d{1,15}$")], ...] = ()
    callback_attempts_are: Literal["retries", "attempts"] = "retries"
    min_retry_delay_seconds: Seconds = 60
    ring_agent_seconds: Annotated[int, Field(ge=5, le=120)] = 20
    ring_customer_seconds: Annotated[int, Field(ge=15, le=60)] = 60
    after_contact_work_after_unanswered: bool = False
    calling_window: CallingWindowDocument = CallingWindowDocument(
        week={day: ((time(8), time(21)),) for day in WEEKDAYS}
    )


class SiteDocument(Document):
    """A whole ``site.yaml``."""

    site: SiteHead
    numbers: tuple[NumberDocument, ...] = ()
    hours: tuple[HoursDocument, ...] = ()
    queues: tuple[QueueDocument, ...] = ()
    routing_profiles: tuple[ProfileDocument, ...] = ()
    agents: tuple[AgentDocument, ...] = ()
    statuses: tuple[StatusDocument, ...] = ()
    callers: tuple[CallerDocument, ...] = ()
    trunks: tuple[TrunkDocument, ...] = ()
    flows: tuple[FlowDocumentEntry, ...] = ()


KINDS: Mapping[str, tuple[str, type[Document]]] = {
    "number": ("numbers", NumberDocument),
    "hours": ("hours", HoursDocument),
    "queue": ("queues", QueueDocument),
    "profile": ("routing_profiles", ProfileDocument),
    "agent": ("agents", AgentDocument),
    "status": ("statuses", StatusDocument),
    "caller": ("callers", CallerDocument),
    "trunk": ("trunks", TrunkDocument),
    "flow": ("flows", FlowDocumentEntry),
}
"""Kind of a row: its list in ``site.yaml``, and its document."""


def read_document(data: Any) -> tuple[SiteDocument | None, tuple[str, ...]]:
    """Read what a ``site.yaml`` holds; none and every fault if there is one."""
    try:
        return SiteDocument.model_validate(data), ()
    except ValidationError as error:
        return None, tuple(
            f"{_path(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False, include_input=False)
        )


def _path(places: Iterable[Any]) -> str:
    text = ""
    for place in places:
        text += f"[{place}]" if isinstance(place, int) else f".{place}"
    return text.removeprefix(".") or "the document"


def objects_of(document: SiteDocument) -> list[SiteObject]:
    """The rows that hold a site."""
    head = document.site.model_dump(mode="json", exclude_defaults=True)
    rows = [SiteObject(kind="site", id="site", name="site", document=head)]
    for kind, (plural, _) in KINDS.items():
        for each in getattr(document, plural):
            name = _name_of(each)
            known_as = each.known_as() if isinstance(each, Named) else slug(name)
            dumped = each.model_dump(mode="json", exclude_defaults=True)
            rows.append(SiteObject(kind=kind, id=known_as, name=name, document=dumped))
    return rows


def document_of(objects: Iterable[SiteObject]) -> SiteDocument:
    """The site that rows hold, as its file would say it."""
    data: dict[str, Any] = {}
    for row in objects:
        if row.kind == "site":
            data["site"] = dict(row.document)
        elif row.kind in KINDS:
            entry = dict(row.document)
            if issubclass(KINDS[row.kind][1], Named):
                entry.setdefault("id", row.id)
            data.setdefault(KINDS[row.kind][0], []).append(entry)
    return SiteDocument.model_validate(data)


def _name_of(each: Document) -> str:
    return str(getattr(each, "name", None) or getattr(each, "number", ""))


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
    policy = NumberPolicy(
        allowed_regions=frozenset(head.allowed_regions),
        denied_prefixes=head.denied_prefixes,
        own_numbers=frozenset(n.number for n in numbers),
        account_numbers=frozenset(c.number for c in callers),
        served_regions=frozenset({head.country, *head.allowed_regions} - {"001"}),
        **({} if head.allowed_types is None else {"allowed_types": frozenset(head.allowed_types)}),
    )
    return Site(
        name=head.name,
        country=head.country,
        language=head.language,
        time_zone=head.time_zone,
        policy=policy,
        numbers=numbers,
        queues=tuple(_queue(q, queue_ids, hours_ids) for q in document.queues),
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
        callback_attempts_are=head.callback_attempts_are,
        min_retry_delay=timedelta(seconds=head.min_retry_delay_seconds),
        ring_agent=timedelta(seconds=head.ring_agent_seconds),
        ring_customer=timedelta(seconds=head.ring_customer_seconds),
        acw_after_unanswered=head.after_contact_work_after_unanswered,
        calling_window=HoursOfOperation(
            time_zone=head.time_zone, weekly=_weekly(head.calling_window.week)
        ),
    )


T = TypeVar("T", QueueId, HoursId, RoutingProfileId)


def _ids(named: Iterable[Named], kind: Callable[[str], T]) -> dict[str, T]:
    """Ids by every way of naming an object: its name and its id."""
    found: dict[str, T] = {}
    for each in named:
        found[each.name] = found[each.known_as()] = kind(each.known_as())
    return found


def names_of(named: Iterable[Named]) -> Iterator[str]:
    """Every way of naming these objects."""
    for each in named:
        yield each.name
        yield each.known_as()


def _weekly(week: Mapping[Any, tuple[tuple[time, time], ...]]) -> dict[int, Any]:
    return {WEEKDAYS.index(day): spans for day, spans in week.items()}


def _queue(
    queue: QueueDocument, queue_ids: Mapping[str, QueueId], hours_ids: Mapping[str, HoursId]
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
        endpoint=Endpoint(agent.endpoint or f"agent-{agent.known_as()}"),
        acw_limit=limit if profile.after_contact_work else None,
        auto_accept=agent.auto_accept,
    )
