"""``site.yaml``: how a site is written down, in files and in rows.

Every object of a site is one document here, one row in the database and one record in
``domain/site.py`` (made in ``site_values.py``). Reading reports every fault at once, each with its
path and reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from ivr.domain.agent import StatusKind
from ivr.domain.phone_number import NumberFormat, NumberType, is_region, parse_any
from ivr.flow.kinds import FlowKind
from ivr.ports.store import SiteObject

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


LONGEST_ID = 60


def slug(name: str) -> str:
    """An id made of a name: lower case letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_ID].rstrip("-")


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
    end = time(0) if (end_hour, end_minute) == (24, 0) else time(end_hour, end_minute)
    return time(start_hour, start_minute), end


def _span_text(span: tuple[time, time]) -> str:
    opens, closes = span
    end = "24:00" if closes == time(0) else f"{closes:%H:%M}"
    return f"{opens:%H:%M}-{end}"


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        message = "must be one line without blanks around it or signs that cannot be printed"
        raise ValueError(message)
    return text


def _region(code: str) -> str:
    if not is_region(code):
        message = f"no country {code!r}"
        raise ValueError(message)
    return code


def _number(text: Any) -> Any:
    if isinstance(text, str) and (number := parse_any(text, "US")) and text.startswith("+"):
        return number
    message = "must be a phone number in E.164 form, + and country code first, in quotes"
    raise ValueError(message)


Zone = Annotated[str, AfterValidator(_zone)]
Span = Annotated[
    tuple[time, time], BeforeValidator(_span), PlainSerializer(_span_text, when_used="json")
]
PhoneNumber = Annotated[str, BeforeValidator(_number)]
Name = Annotated[str, Field(min_length=1, max_length=127), AfterValidator(_printable)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=LONGEST_ID)]
Region = Annotated[str, AfterValidator(_region)]
Seconds = Annotated[int, Field(ge=0)]
FeatureCode = Annotated[str, Field(pattern=r"^\*[0-9]{1,3}$")]


class Document(BaseModel):
    """An object of the site; unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Document):
    """An object with a name, and an id that is made of it unless one is given."""

    id: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=LONGEST_ID)] | None
    ) = None
    name: Name

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if not self.known_as():
            message = "needs an `id`, for which its name has no letters a to z and no digits"
            raise ValueError(message)
        return self

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
    quick_connects: tuple[Name, ...] = ()


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
    """An agent with a SIP phone, or on an outside number.

    Zero seconds of after-contact work last until the agent clears them.
    """

    routing_profile: Name
    endpoint: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,39}$")] | None = None
    number: PhoneNumber | None = None
    after_contact_work_seconds: Seconds = 0
    auto_accept: bool = False
    supervisor: bool = False


class StatusDocument(Document):
    """An agent status and the code that chooses it from a phone."""

    name: Name
    kind: StatusKind
    code: FeatureCode | None = None


class QuickConnectDocument(Named):
    """A saved destination: exactly one of agent, queue and number; a number has no flow."""

    agent: Name | None = None
    queue: Name | None = None
    number: PhoneNumber | None = None
    flow: Name | None = None
    code: FeatureCode | None = None


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
    country: Annotated[Region, Field(pattern=r"^[A-Z]{2}$")]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en-US"
    time_zone: Zone
    allowed_regions: tuple[Region, ...]
    allowed_types: tuple[NumberType, ...] | None = None
    denied_prefixes: tuple[Annotated[str, Field(pattern=r"^\+\d{1,15}$")], ...] = ()
    callback_attempts_are: Literal["retries", "attempts"] = "retries"
    min_retry_delay_seconds: Seconds = 60
    ring_agent_seconds: Annotated[int, Field(ge=5, le=120)] = 20
    ring_customer_seconds: Annotated[int, Field(ge=15, le=60)] = 60
    hold_limit_seconds: Annotated[int, Field(ge=10, le=3600)] | None = None
    hold_reminder_seconds: Annotated[int, Field(ge=0, le=3600)] | None = 60
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
    quick_connects: tuple[QuickConnectDocument, ...] = ()
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
    "quick_connect": ("quick_connects", QuickConnectDocument),
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
            dumped = each.model_dump(mode="json", exclude_defaults=True)
            rows.append(SiteObject(kind=kind, id=id_of(each), name=label_of(each), document=dumped))
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


def label_of(each: Document) -> str:
    """What an object is called: its name, or the number it is."""
    return str(getattr(each, "name", None) or getattr(each, "number", ""))


def id_of(each: Document) -> str:
    """What an object is kept by."""
    if isinstance(each, Named):
        return each.known_as()
    return slug(label_of(each)) or label_of(each)


def with_known_ids(document: SiteDocument, live: Iterable[SiteObject]) -> SiteDocument:
    """The same site, each object that is live under another id than its name makes with that."""
    known = {(row.kind, row.name): row.id for row in live}

    def keep(kind: str, each: Named) -> Named:
        live_id = known.get((kind, each.name), each.known_as())
        return each if live_id == each.known_as() else each.model_copy(update={"id": live_id})

    named = {kind: plural for kind, (plural, model) in KINDS.items() if issubclass(model, Named)}
    return document.model_copy(
        update={
            plural: tuple(keep(kind, each) for each in getattr(document, plural))
            for kind, plural in named.items()
        }
    )


def names_of(named: Iterable[Named]) -> Iterator[str]:
    """Every way of naming these objects."""
    for each in named:
        yield each.name
        yield each.known_as()
