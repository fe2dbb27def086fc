"""What a flow may ask of the world, each effect with the type of its answer.

Effects are requests as data. A handler writes ``answer = yield from ask(Effect(...))``; whoever
drives the interpreter performs the effect and sends the answer in. An effect on the participant
whose leg is gone has no answer: the driver closes the run (``generator.close()``).

Numbers are ``timedelta``s and ints; texts that name things (queues, flows, hours, prompts) are as
the flow wrote them, references resolved: id, name or ARN.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Generic, TypeVar

from ivr.flow.context import FlowContext
from ivr.flow.prompt import Prompt
from ivr.flow.step import PinnedFlow

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Effect(Generic[R_co]):
    """A request whose answer is an ``R_co``."""

    __slots__ = ()


def ask(effect: Effect[R]) -> Generator[Effect[Any], Any, R]:
    """Ask for an effect and give back its answer, typed."""
    answer: R = yield effect
    return answer


# Effects on the participant


@dataclass(frozen=True, slots=True)
class Play(Effect[bool]):
    """Play a prompt to its end; keys pressed meanwhile are ignored.

    Answer: whether it could be played (an unknown prompt or an unspeakable text cannot).
    """

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Digits:
    """What was keyed.

    Attributes:
        pressed: The digits that stand, without the terminator.
        timed_out: The time was up and no digit stood (none keyed, or all cancelled).
    """

    pressed: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectDigits(Effect[Digits | None]):
    """Play a prompt and collect keys; the first key stops the prompt.

    The entry ends with the terminator, at ``max_digits``, or when no key came within
    ``inter_digit_timeout`` of the last one.

    Answer: the digits; none if the prompt cannot be played.

    Attributes:
        prompt: None = silence.
        first_digit_timeout: Counts from the end of the prompt to the first key.
        terminator: Up to five keys; empty = ``#`` is a key like any other.
        cancel_key: Clears what was keyed and the entry goes on; none = a key like any other.
    """

    prompt: Prompt | None
    max_digits: int
    first_digit_timeout: timedelta
    inter_digit_timeout: timedelta
    terminator: str = ""
    cancel_key: str | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The messages were interrupted as asked.

    Attributes:
        playing: Index of the message that was playing.
    """

    playing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayLoop(Effect[Interrupted | None]):
    """Play messages round and round until the interruption, or until the run is closed.

    Answer: the interruption; none if the messages cannot be played.

    Attributes:
        interrupt_after: Counts from the start of this effect; none = never.
        keep_playing: The interruption need not stop the sound: what follows may be silent.
        start_at: Index of the message to begin with.
        unbroken: Nothing was played since the interruption; a performer that kept the sound
            going lets it go on, any other begins at ``start_at``.
    """

    messages: tuple[Prompt, ...]
    interrupt_after: timedelta | None = None
    keep_playing: bool = False
    start_at: int = 0
    unbroken: bool = False


# Effects on the contact


class NumberAnswer(Enum):
    """What the number policy said of a callback number."""

    ACCEPTED = "accepted"
    NOT_A_NUMBER = "not_a_number"
    NOT_DIALABLE = "not_dialable"


@dataclass(frozen=True, slots=True)
class SetCallbackNumber(Effect[NumberAnswer]):
    """Set the number of callbacks that are created from here on; E.164, a missing ``+`` is added.

    Until it is asked for, the callback number is the caller's own.
    """

    number: str


class NumberFormat(Enum):
    """How a customer was told to key a phone number."""

    LOCAL = "Local"
    E164 = "E164"


@dataclass(frozen=True, slots=True)
class ParseNumber(Effect[str | None]):
    """Make a phone number of keyed digits.

    ``LOCAL`` is national form in the country; ``E164`` is country code first, where ``+``, ``00``
    and the country's international prefix are understood.

    Answer: E.164, or none if it is no valid number.

    Attributes:
        country: ISO 3166 code; none = the site's.
    """

    digits: str
    format: NumberFormat
    country: str | None


@dataclass(frozen=True, slots=True)
class QueueRef:
    """A queue by id, name or ARN."""

    ref: str


@dataclass(frozen=True, slots=True)
class AgentRef:
    """An agent's personal queue, by the agent's id, user name or ARN."""

    ref: str


@dataclass(frozen=True, slots=True)
class SetTargetQueue(Effect[bool]):
    """Set the working queue. Answer: whether there is such a queue."""

    target: QueueRef | AgentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCallback(Effect[bool]):
    """Create a callback to the contact's callback number; committed before the answer.

    Answer: whether it was created, or an open one kept. Not: no number, no queue, the queue is
    full, the number policy says no, or the call is being offered to an agent.

    Attributes:
        target: None = the working queue.
        delay: Before it enters the queue.
        maximum_connection_attempts: As the flow says; whether the first dial counts is a setting
            of the site.
        retry_delay: Least time between the end of one attempt and the start of the next.
        caller_id: A number of the site that is shown; none = the queue's.
        creation_flow: A flow that runs after the delay and queues the contact itself.
    """

    target: QueueRef | AgentRef | None
    delay: timedelta
    maximum_connection_attempts: int
    retry_delay: timedelta
    caller_id: str | None = None
    creation_flow: str | None = None


class QueueEntry(Enum):
    """What became of a contact that wants to enter its working queue."""

    ENTERED = "entered"
    FULL = "full"
    REFUSED = "refused"
    """No working queue, already queued, or connected to an agent."""


@dataclass(frozen=True, slots=True)
class EnterQueue(Effect[QueueEntry]):
    """Put the contact into its working queue."""


class Hook(Enum):
    """Moments of a contact that a flow of its own can be set for."""

    CUSTOMER_QUEUE = "CustomerQueue"
    CUSTOMER_HOLD = "CustomerHold"
    CUSTOMER_WHISPER = "CustomerWhisper"
    CUSTOMER_REMAINING = "CustomerRemaining"
    AGENT_HOLD = "AgentHold"
    AGENT_WHISPER = "AgentWhisper"


@dataclass(frozen=True, slots=True)
class SetHook(Effect[bool]):
    """Set the flow of a hook; the last setting wins. Answer: whether there is such a flow.

    Attributes:
        flow: None = no flow at all, not even the default one.
    """

    hook: Hook
    flow: str | None


@dataclass(frozen=True, slots=True)
class SetAttributes(Effect[bool]):
    """Set attributes of the contact, all or none. Answer: whether they were set.

    Attributes:
        on_related: On the contact this one is related to, instead of this one.
    """

    attributes: Mapping[str, str]
    on_related: bool = False


class PreviousOnHold(Enum):
    """Who of the previous contact is on hold while a transfer flow runs."""

    AGENT = "AgentOnHold"
    CUSTOMER = "CustomerOnHold"
    NOBODY = "OffHold"


@dataclass(frozen=True, slots=True)
class HoldPrevious(Effect[bool]):
    """Hold one side of the contact that this one was transferred from; the other hears the flow.

    Held by nobody, both sides and the flow's participant are together.

    Answer: whether it was done; not without a previous contact, or with one that is over.
    """

    who: PreviousOnHold


# Questions


@dataclass(frozen=True, slots=True)
class ReadContext(Effect[FlowContext]):
    """Read what the flow may see, at this moment.

    ``stored_input`` and ``flow_attributes`` are filled in by the interpreter.
    """


@dataclass(frozen=True, slots=True)
class IsOpen(Effect[bool | None]):
    """Ask whether it is within hours of operation; none if there are no such hours.

    Attributes:
        hours: None = those of the working queue.
    """

    hours: str | None


class Metric(Enum):
    """What can be asked of a queue, or of an agent."""

    AGENTS_AVAILABLE = "NumberOfAgentsAvailable"
    AGENTS_STAFFED = "NumberOfAgentsStaffed"
    AGENTS_ONLINE = "NumberOfAgentsOnline"
    OLDEST_CONTACT = "OldestContactInQueueAgeSeconds"
    CONTACTS = "NumberOfContactsInQueue"


@dataclass(frozen=True, slots=True)
class ReadMetric(Effect[int | None]):
    """Ask for a metric at this moment; none if there is no such queue or agent.

    An age is in milliseconds, and 0 where nothing waits.

    Attributes:
        target: None = the working queue.
    """

    metric: Metric
    target: QueueRef | AgentRef | None


@dataclass(frozen=True, slots=True)
class FindFlow(Effect[PinnedFlow | None]):
    """Find the published version of a flow; none if there is none."""

    ref: str


# Things told, to be written in the contact's journal


@dataclass(frozen=True, slots=True)
class Moved(Effect[None]):
    """The run leaves an action.

    Attributes:
        branch: ``NextAction``, an ``ErrorType``, or a condition such as ``Equals 1``. It repeats
            what the flow's author wrote, which may be a key the customer pressed.
        target: The next action; none if the flow ends.
    """

    action_id: str
    action_type: str
    branch: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Warned(Effect[None]):
    """Something a flow's author should know; holds no numbers and no digits."""

    action_id: str
    message: str


WorldEffect = (
    Play
    | CollectDigits
    | PlayLoop
    | SetCallbackNumber
    | ParseNumber
    | SetTargetQueue
    | CreateCallback
    | EnterQueue
    | SetHook
    | SetAttributes
    | HoldPrevious
    | ReadContext
    | IsOpen
    | ReadMetric
    | FindFlow
    | Moved
    | Warned
)
"""Every effect that leaves the interpreter: a driver matches on it exhaustively."""
