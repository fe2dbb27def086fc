"""The configuration of one contact centre, as typed values.

What stands in ``site.yaml`` and in the database becomes these records once it has been checked
(``service/site_documents.py``); flows, routing and provisioning read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TypeVar

from ivr.domain.agent import AVAILABLE, OFFLINE, StatusKind
from ivr.domain.callback import RetryPolicy
from ivr.domain.errors import NotFound
from ivr.domain.hours import HoursOfOperation
from ivr.domain.ids import E164, AgentId, Endpoint, FlowId, HoursId, QueueId, RoutingProfileId
from ivr.domain.phone_number import NumberFormat, NumberPolicy
from ivr.domain.quick_connect import QuickConnect, QuickConnectId
from ivr.domain.routing_profile import RoutingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number (DID) that callers can dial, and the flow it starts."""

    number: E164
    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Where contacts wait.

    Attributes:
        max_contacts: Calls and callbacks together; none = no limit, 0 = closed.
        caller_id: Outbound number shown to customers; none = anonymous.
        outbound_whisper: Flow the customer hears when called back.
        hours: Hours of operation; none = always open.
        retry: What is retried beyond ring no answer.
        one_callback_per_number: Whether asking again keeps the first callback and its place.
        window: Whether callbacks wait for the calling window in the customer's time zone.
        quick_connects: What the agents who serve it can transfer to.
    """

    id: QueueId
    name: str
    description: str = ""
    enabled: bool = True
    max_contacts: int | None = None
    hours: HoursId | None = None
    caller_id: E164 | None = None
    caller_id_name: str | None = None
    outbound_whisper: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    one_callback_per_number: bool = True
    window: bool = True
    quick_connects: tuple[QuickConnectId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Named hours of operation."""

    id: HoursId
    name: str
    hours: HoursOfOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person who serves contacts.

    Attributes:
        endpoint: Their SIP phone's account on the switch; none if they are on an outside number.
        number: That number. Who answers there accepts by a key, as a voicemail cannot.
        acw_limit: Longest after-contact work; zero = until cleared; none = no such work.
        auto_accept: Whether the phone is asked to answer by itself.
        supervises: Whether they may listen to other agents, whisper, barge in and take over.
    """

    id: AgentId
    name: str
    routing_profile: RoutingProfileId
    endpoint: Endpoint | None = None
    number: E164 | None = None
    acw_limit: timedelta | None = timedelta(0)
    auto_accept: bool = False
    supervises: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """A status that agents can choose, and the feature code that chooses it from a phone."""

    name: str
    kind: StatusKind
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerAccount:
    """A SIP softphone of a caller, with a number of its own."""

    id: str
    name: str
    endpoint: Endpoint
    number: E164


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A line to the telephone network, by address or by registration."""

    id: str
    name: str
    host: str
    port: int = 5060
    username: str | None = None
    number_format: NumberFormat = NumberFormat.E164_PLUS
    identify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A published flow: the version that new contacts start."""

    id: FlowId
    name: str
    kind: str
    version: int
    content: str


@dataclass(frozen=True, kw_only=True)
class Site:
    """One contact centre.

    Attributes:
        country: ISO 3166 code of the site: its national numbers, its emergency numbers.
        language: What prompts are spoken in unless a flow says otherwise.
        callback_attempts_are: ``retries`` (Amazon Connect's console) or ``attempts``.
        min_retry_delay: Floor under what flows may ask for.
        ring_agent: How long an offer rings.
        ring_customer: How long a customer's phone rings (15 to 60 s).
        hold_limit: After which a party of a quick connect comes back by itself; none = no limit.
        hold_reminder: How often agents are reminded of whom they hold; none = never.
        acw_after_unanswered: Whether an unanswered callback attempt gives after-contact work.
        calling_window: Local hours of the called number in which callbacks are dialled.
    """

    name: str
    country: str
    language: str
    time_zone: str
    policy: NumberPolicy
    numbers: tuple[Number, ...]
    queues: tuple[Queue, ...]
    hours: tuple[Hours, ...]
    profiles: tuple[RoutingProfile, ...]
    agents: tuple[Agent, ...]
    statuses: tuple[AgentStatus, ...]
    callers: tuple[CallerAccount, ...]
    trunks: tuple[Trunk, ...]
    flows: tuple[Flow, ...]
    prompts: tuple[str, ...] = ()
    quick_connects: tuple[QuickConnect, ...] = ()
    callback_attempts_are: str = "retries"
    min_retry_delay: timedelta = timedelta(seconds=60)
    ring_agent: timedelta = timedelta(seconds=20)
    ring_customer: timedelta = timedelta(seconds=60)
    hold_limit: timedelta | None = None
    hold_reminder: timedelta | None = timedelta(seconds=60)
    acw_after_unanswered: bool = False
    calling_window: HoursOfOperation

    @cached_property
    def _queue_index(self) -> Mapping[str, Queue]:
        return _index(self.queues)

    @cached_property
    def _flow_index(self) -> Mapping[str, Flow]:
        return _index(self.flows)

    @cached_property
    def _hours_index(self) -> Mapping[str, Hours]:
        return _index(self.hours)

    @cached_property
    def _quick_connect_index(self) -> Mapping[str, QuickConnect]:
        return _index(self.quick_connects)

    @cached_property
    def account_numbers(self) -> frozenset[E164]:
        """Numbers of caller accounts, which no numbering plan need have."""
        return frozenset(caller.number for caller in self.callers)

    def find_queue(self, reference: str) -> Queue | None:
        """Look a queue up by id, name or ARN."""
        return self._queue_index.get(_last_part(reference))

    def queue(self, queue_id: QueueId) -> Queue:
        """The queue with this id.

        Raises:
            NotFound: There is none.
        """
        found = self._queue_index.get(queue_id)
        if found is None:
            message = f"no queue {queue_id!r}"
            raise NotFound(message)
        return found

    def find_flow(self, reference: str) -> Flow | None:
        """Look a flow up by id, name or ARN (a version suffix is ignored)."""
        return self._flow_index.get(_last_part(reference))

    def find_hours(self, reference: str) -> Hours | None:
        """Look hours of operation up by id, name or ARN."""
        return self._hours_index.get(_last_part(reference))

    def agent(self, agent_id: AgentId) -> Agent:
        """The agent with this id.

        Raises:
            NotFound: There is none.
        """
        for agent in self.agents:
            if agent.id == agent_id:
                return agent
        message = f"no agent {agent_id!r}"
        raise NotFound(message)

    def find_agent(self, reference: str) -> Agent | None:
        """Look an agent up by id, name or ARN."""
        wanted = _last_part(reference)
        return next((a for a in self.agents if wanted in (a.id, a.name)), None)

    def agent_at(self, endpoint: str) -> Agent | None:
        """The agent whose phone this is."""
        return next((a for a in self.agents if a.endpoint == endpoint), None)

    def status(self, name: str) -> AgentStatus | None:
        """The agent status of this name, in any spelling of case."""
        wanted = name.casefold()
        return next((s for s in self.statuses if s.name.casefold() == wanted), None)

    def number(self, number: str) -> Number | None:
        """The site's number that reads so."""
        return next((n for n in self.numbers if n.number == number), None)

    def quick_connect(self, reference: str) -> QuickConnect:
        """The quick connect with this id, name or ARN.

        Raises:
            NotFound: There is none; says which there are.
        """
        found = self._quick_connect_index.get(_last_part(reference))
        if found is None:
            known = ", ".join(each.name for each in self.quick_connects) or "none"
            message = f"no quick connect {reference!r}; there are: {known}"
            raise NotFound(message)
        return found

    def quick_connects_of(self, agent_id: AgentId) -> tuple[QuickConnect, ...]:
        """The quick connects of the queues that an agent serves, each once, in the site's order.

        Raises:
            NotFound: There is no such agent.
        """
        wanted = self.agent(agent_id).routing_profile
        served = {q.queue_id for p in self.profiles if p.id == wanted for q in p.queues}
        offered = {each for q in self.queues if q.id in served for each in q.quick_connects}
        return tuple(each for each in self.quick_connects if each.id in offered)

    def quick_connect_at(self, code: str) -> QuickConnect | None:
        """The quick connect that this feature code starts."""
        return next((each for each in self.quick_connects if each.code == code), None)


T = TypeVar("T", Queue, Flow, Hours, QuickConnect)

DEFAULT_STATUSES = (
    AgentStatus(name=AVAILABLE, kind=StatusKind.ROUTABLE, code="*81"),
    AgentStatus(name=OFFLINE, kind=StatusKind.OFFLINE, code="*80"),
    AgentStatus(name="Lunch", kind=StatusKind.CUSTOM, code="*82"),
)


def _last_part(reference: str) -> str:
    """Reduce an ARN to the id at its end; ids and names stand for themselves."""
    if reference.startswith("arn:"):
        return reference.rsplit("/", 1)[-1].split(":", 1)[0]
    return reference


def _index(items: tuple[T, ...]) -> Mapping[str, T]:
    return {i.name: i for i in items} | {str(i.id): i for i in items}
