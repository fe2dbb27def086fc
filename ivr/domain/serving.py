"""From first flow to the end: the state machine that every contact follows.

Calls and callbacks share it. What differs is whether a customer is on the line: without one the
agent whisper is followed by a dial, with one by the customer whisper. The shell picks the event
that says which; everything else is the table. Who hears whom stands beside each state in
``domain/contact.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ivr.domain.contact import ContactState as S
from ivr.domain.table import row_of


class Event(Enum):
    """What can happen to a contact."""

    ENTERED_QUEUE = auto()  # the flow put the call into a queue
    LEFT_QUEUE = auto()  # the customer asked for a callback instead
    FLOW_ENDED = auto()  # the customer's flow disconnects
    BECAME_DUE = auto()  # a callback's delay or spacing has passed
    OFFER_WON = auto()  # routing reserved an agent
    AGENT_ANSWERED = auto()
    AGENT_MISSED = auto()  # no answer, declined, busy, unreachable
    OFFER_LOST = auto()  # the offer was never made, or the switch lost it
    AGENT_HUNG_UP = auto()
    READY_TO_DIAL = auto()  # agent whisper over, nobody on the line yet
    READY_TO_JOIN = auto()  # agent whisper over, the customer is on the line
    CUSTOMER_ANSWERED = auto()
    ATTEMPT_POSTPONED = auto()  # not reached; tried again later
    ATTEMPT_FAILED = auto()  # not reached; never tried again
    CUSTOMER_WHISPER_ENDED = auto()
    CUSTOMER_HUNG_UP = auto()
    CALL_LOST = auto()  # the switch lost the customer's line
    STOPPED = auto()  # by a supervisor, the API or the command line
    EXPIRED = auto()  # a callback's lifetime is over


class Command(Enum):
    """What the shell does after the new state is committed, in roles."""

    RING_AGENT = auto()
    PLAY_AGENT_WHISPER = auto()
    DIAL_CUSTOMER = auto()
    AGENT_TO_RINGBACK = auto()
    AGENT_TO_QUIET = auto()
    PLAY_CUSTOMER_WHISPER = auto()
    JOIN = auto()
    CUSTOMER_TO_QUEUE_FLOW = auto()
    HANG_UP_CUSTOMER = auto()
    CANCEL_DIAL = auto()
    HANG_UP_AGENT = auto()
    TELL_AGENT = auto()  # say why the customer is not there, then hang up the agent's leg
    AGENT_IS_FREE = auto()
    AGENT_MISSED = auto()  # unroutable until they choose Available again
    AGENT_FAILED = auto()  # likewise, shown as an error
    AGENT_WRAPS_UP = auto()  # after-contact work
    AGENT_AFTER_ATTEMPT = auto()  # free, or after-contact work where the site wants it


@dataclass(frozen=True, slots=True)
class Row:
    """Where a transition leads and what is commanded, in order."""

    to: S
    commands: tuple[Command, ...] = ()


E, C = Event, Command

_SEND_AWAY = (C.HANG_UP_CUSTOMER, C.TELL_AGENT, C.AGENT_IS_FREE)
_DROP_BOTH = (C.HANG_UP_CUSTOMER, C.HANG_UP_AGENT)

TRANSITIONS: Final[Mapping[tuple[S, Event], Row]] = {
    (S.IN_FLOW, E.ENTERED_QUEUE): Row(S.QUEUED),
    (S.IN_FLOW, E.FLOW_ENDED): Row(S.ENDED, (C.HANG_UP_CUSTOMER,)),
    (S.IN_FLOW, E.CUSTOMER_HUNG_UP): Row(S.ENDED),
    (S.IN_FLOW, E.CALL_LOST): Row(S.ENDED),
    (S.IN_FLOW, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER,)),
    #
    (S.SCHEDULED, E.BECAME_DUE): Row(S.QUEUED),
    (S.SCHEDULED, E.STOPPED): Row(S.ENDED),
    (S.SCHEDULED, E.EXPIRED): Row(S.ENDED),
    #
    (S.WAITING_FOR_RETRY, E.BECAME_DUE): Row(S.QUEUED),
    (S.WAITING_FOR_RETRY, E.STOPPED): Row(S.ENDED),
    (S.WAITING_FOR_RETRY, E.EXPIRED): Row(S.ENDED),
    #
    (S.QUEUED, E.OFFER_WON): Row(S.OFFERED, (C.RING_AGENT,)),
    (S.QUEUED, E.LEFT_QUEUE): Row(S.IN_FLOW),
    (S.QUEUED, E.FLOW_ENDED): Row(S.ENDED, (C.HANG_UP_CUSTOMER,)),
    (S.QUEUED, E.CUSTOMER_HUNG_UP): Row(S.ENDED),
    (S.QUEUED, E.CALL_LOST): Row(S.ENDED),
    (S.QUEUED, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER,)),
    (S.QUEUED, E.EXPIRED): Row(S.ENDED),
    #
    (S.OFFERED, E.AGENT_ANSWERED): Row(S.AGENT_WHISPER, (C.PLAY_AGENT_WHISPER,)),
    (S.OFFERED, E.AGENT_MISSED): Row(S.QUEUED, (C.AGENT_MISSED,)),
    (S.OFFERED, E.AGENT_HUNG_UP): Row(S.QUEUED, (C.AGENT_MISSED,)),
    (S.OFFERED, E.OFFER_LOST): Row(S.QUEUED, (C.HANG_UP_AGENT, C.AGENT_IS_FREE)),
    (S.OFFERED, E.FLOW_ENDED): Row(S.ENDED, (*_DROP_BOTH, C.AGENT_IS_FREE)),
    (S.OFFERED, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.HANG_UP_AGENT, C.AGENT_IS_FREE)),
    (S.OFFERED, E.CALL_LOST): Row(S.ENDED, (C.HANG_UP_AGENT, C.AGENT_IS_FREE)),
    (S.OFFERED, E.STOPPED): Row(S.ENDED, (*_DROP_BOTH, C.AGENT_IS_FREE)),
    #
    (S.AGENT_WHISPER, E.READY_TO_DIAL): Row(S.DIALLING, (C.DIAL_CUSTOMER, C.AGENT_TO_RINGBACK)),
    (S.AGENT_WHISPER, E.READY_TO_JOIN): Row(
        S.CUSTOMER_WHISPER, (C.PLAY_CUSTOMER_WHISPER, C.AGENT_TO_QUIET)
    ),
    (S.AGENT_WHISPER, E.AGENT_HUNG_UP): Row(S.QUEUED, (C.AGENT_FAILED,)),
    (S.AGENT_WHISPER, E.OFFER_LOST): Row(S.QUEUED, (C.HANG_UP_AGENT, C.AGENT_IS_FREE)),
    (S.AGENT_WHISPER, E.FLOW_ENDED): Row(S.ENDED, _SEND_AWAY),
    (S.AGENT_WHISPER, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_IS_FREE)),
    (S.AGENT_WHISPER, E.CALL_LOST): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_IS_FREE)),
    (S.AGENT_WHISPER, E.STOPPED): Row(S.ENDED, _SEND_AWAY),
    #
    (S.CUSTOMER_WHISPER, E.CUSTOMER_WHISPER_ENDED): Row(S.CONNECTED, (C.JOIN,)),
    (S.CUSTOMER_WHISPER, E.AGENT_HUNG_UP): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE_FLOW, C.AGENT_FAILED)
    ),
    (S.CUSTOMER_WHISPER, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_IS_FREE)),
    (S.CUSTOMER_WHISPER, E.CALL_LOST): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_IS_FREE)),
    (S.CUSTOMER_WHISPER, E.STOPPED): Row(S.ENDED, _SEND_AWAY),
    #
    (S.DIALLING, E.CUSTOMER_ANSWERED): Row(S.OUTBOUND_WHISPER, (C.PLAY_CUSTOMER_WHISPER,)),
    (S.DIALLING, E.ATTEMPT_POSTPONED): Row(
        S.WAITING_FOR_RETRY, (C.CANCEL_DIAL, C.TELL_AGENT, C.AGENT_AFTER_ATTEMPT)
    ),
    (S.DIALLING, E.ATTEMPT_FAILED): Row(
        S.ENDED, (C.CANCEL_DIAL, C.TELL_AGENT, C.AGENT_AFTER_ATTEMPT)
    ),
    (S.DIALLING, E.STOPPED): Row(S.ENDED, (C.CANCEL_DIAL, C.TELL_AGENT, C.AGENT_IS_FREE)),
    #
    (S.OUTBOUND_WHISPER, E.CUSTOMER_WHISPER_ENDED): Row(S.CONNECTED, (C.JOIN,)),
    (S.OUTBOUND_WHISPER, E.AGENT_HUNG_UP): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE_FLOW, C.AGENT_FAILED)
    ),
    (S.OUTBOUND_WHISPER, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_FAILED)),
    (S.OUTBOUND_WHISPER, E.CALL_LOST): Row(S.ENDED, (C.TELL_AGENT, C.AGENT_FAILED)),
    (S.OUTBOUND_WHISPER, E.STOPPED): Row(S.ENDED, _SEND_AWAY),
    #
    (S.CONNECTED, E.AGENT_HUNG_UP): Row(S.ENDED, (C.HANG_UP_CUSTOMER, C.AGENT_WRAPS_UP)),
    (S.CONNECTED, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.HANG_UP_AGENT, C.AGENT_WRAPS_UP)),
    (S.CONNECTED, E.CALL_LOST): Row(S.ENDED, (C.HANG_UP_AGENT, C.AGENT_WRAPS_UP)),
    (S.CONNECTED, E.STOPPED): Row(S.ENDED, (*_DROP_BOTH, C.AGENT_WRAPS_UP)),
}  # fmt: skip

_UNSERVED = (S.IN_FLOW, S.SCHEDULED, S.WAITING_FOR_RETRY, S.QUEUED)
_SERVED = tuple(state for state in S if state not in (*_UNSERVED, S.ENDED))
_LATE_OF_AGENT = (E.AGENT_ANSWERED, E.AGENT_MISSED, E.AGENT_HUNG_UP, E.OFFER_LOST)
_LATE_OF_DIAL = (E.CUSTOMER_ANSWERED, E.ATTEMPT_POSTPONED, E.ATTEMPT_FAILED)
_LATE_OF_WHISPER = (E.READY_TO_DIAL, E.READY_TO_JOIN, E.CUSTOMER_WHISPER_ENDED)

IGNORED: Final[frozenset[tuple[S, Event]]] = frozenset(
    {
        # Everybody who was there still reports their end.
        *((S.ENDED, event) for event in Event),
        # A phone that was cancelled, or whose agent was released, reports its own.
        *((state, event) for state in _UNSERVED for event in _LATE_OF_AGENT),
        *((state, event) for state in _UNSERVED for event in _LATE_OF_DIAL),
        *((state, event) for state in _UNSERVED for event in _LATE_OF_WHISPER),
        *((state, E.CUSTOMER_HUNG_UP) for state in (S.SCHEDULED, S.WAITING_FOR_RETRY)),
        *((state, E.CALL_LOST) for state in (S.SCHEDULED, S.WAITING_FOR_RETRY)),
        # What ran on a leg ended while it was being moved on.
        *((state, E.FLOW_ENDED) for state in _SERVED),
        *((state, event) for state in _SERVED for event in _LATE_OF_WHISPER),
        # The lifetime of a callback that an agent serves ends with the service.
        *((state, E.EXPIRED) for state in _SERVED),
    }
) - frozenset(TRANSITIONS)
"""May arrive late; changes nothing."""

IMPOSSIBLE: Final[frozenset[tuple[S, Event]]] = frozenset(
    {
        # Only a flow enters and leaves a queue; one that runs no flow does neither.
        *((state, E.ENTERED_QUEUE) for state in S if state not in (S.IN_FLOW, S.ENDED)),
        *((state, E.LEFT_QUEUE) for state in S if state not in (S.QUEUED, S.ENDED)),
        *((state, E.FLOW_ENDED) for state in (S.SCHEDULED, S.WAITING_FOR_RETRY)),
        # Only what waits becomes due, and only what is queued is offered.
        *((state, E.BECAME_DUE) for state in (S.IN_FLOW, S.QUEUED, *_SERVED)),
        *((state, E.OFFER_WON) for state in S if state not in (S.QUEUED, S.ENDED)),
        # An offer is answered once, and lost or missed before that.
        *((state, E.AGENT_ANSWERED) for state in _SERVED if state is not S.OFFERED),
        *((state, E.AGENT_MISSED) for state in _SERVED if state is not S.OFFERED),
        *((state, E.OFFER_LOST) for state in _SERVED if state not in (S.OFFERED, S.AGENT_WHISPER)),
        # Nobody is dialled but in DIALLING; there the customer is on no line yet.
        *(
            (state, event)
            for state in _SERVED
            if state is not S.DIALLING
            for event in _LATE_OF_DIAL
        ),
        (S.DIALLING, E.CUSTOMER_HUNG_UP),
        (S.DIALLING, E.CALL_LOST),
        # The shell closes the attempt first and sends what became of it.
        (S.DIALLING, E.AGENT_HUNG_UP),
        # A contact in its flow has no lifetime.
        (S.IN_FLOW, E.EXPIRED),
    }
)
"""The shell never sends these; one that appears is logged and changes nothing."""


def advance(state: S, event: Event) -> Row:
    """Where an event leads, and what is to be done.

    Raises:
        UnexpectedEvent: The table does not list the pair; the shell logs it and goes on.
    """
    return row_of(TRANSITIONS, IGNORED, state, event) or Row(state)
