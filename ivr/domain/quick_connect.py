"""Quick connects: saved destinations, and the state machine of one transfer to them.

Three roles: the customer, the source (the agent who starts it) and the destination (an agent, the
next agent of a queue, or a phone number). The machine begins in a connected contact and is over
when the customer talks with one of the others or waits in a queue, or when nobody is left; the
contact then goes on by ``domain/serving.py``. Offers to the agents of a queue are routed as any
other: here a miss moves nobody. The shell picks the event that says what kind answered.

When all three talk, the source may start another: the destination becomes a party, whom the verbs
of the newer one do not touch. So a conference is one quick connect with the controls, and parties.

It is one table, and past 400 lines with what each state promises to the ear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NewType

from ivr.domain.ids import E164, AgentId, QueueId
from ivr.domain.table import row_of

QuickConnectId = NewType("QuickConnectId", str)


class QuickConnectKind(Enum):
    """What a quick connect leads to (Amazon Connect's values)."""

    AGENT = "USER"
    QUEUE = "QUEUE"
    NUMBER = "PHONE_NUMBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickConnect:
    """A saved destination; of agent, queue and number the one of its kind is set.

    Attributes:
        flow: The transfer flow by name; none = the default one, or no flow for a number.
        code: What an agent keys to start it.
    """

    id: QuickConnectId
    name: str
    kind: QuickConnectKind
    agent_id: AgentId | None = None
    queue_id: QueueId | None = None
    number: E164 | None = None
    flow: str | None = None
    code: str | None = None


class TransferState(Enum):
    """Where a quick connect stands; the comment says who hears what."""

    # The destination is not there yet; the customer is on hold, unless the flow says otherwise.
    SOURCE_FLOW = "source_flow"  # source hears the transfer flow; customer: hold
    CUSTOMER_FLOW = "customer_flow"  # customer hears the transfer flow; source: hold
    JOINT_FLOW = "joint_flow"  # source and customer hear each other and the transfer flow
    IN_QUEUE = "in_queue"  # source hears the queue flow; customer: hold; an agent's phone may ring
    RINGING = "ringing"  # source hears ringing; customer: hold; the destination's phone rings
    AGENT_WHISPER = "agent_whisper"  # destination hears a whisper; source: ringing; customer: hold
    SOURCE_WHISPER = "source_whisper"  # source: a whisper; destination: nothing; customer: hold
    # All three are there.
    CONSULTING = "consulting"  # source and destination hear each other; customer: hold
    JOINED = "joined"  # all three hear each other
    ALL_HELD = "all_held"  # customer and destination: hold, each alone; source hears nothing
    DESTINATION_HELD = "destination_held"  # source and customer hear each other; destination: hold
    # Another quick connect has the controls.
    PARTY = "party"  # all who are in the room hear each other
    # The destination is fetched while source and customer talk.
    ADDING_IN_QUEUE = "adding_in_queue"  # source and customer talk; an agent's phone may ring
    ADDING_RINGING = "adding_ringing"  # source and customer talk; the destination's phone rings
    ADDING_WHISPER = "adding_whisper"  # source and customer talk; destination hears a whisper
    # The source has left before the destination was there.
    COLD_RINGING = "cold_ringing"  # customer: hold; the destination's phone rings
    COLD_WHISPER = "cold_whisper"  # customer: hold; destination hears the agent whisper
    CUSTOMER_WHISPER = "customer_whisper"  # customer hears a whisper; destination hears nothing
    # The customer has left.
    CUSTOMER_GONE = "customer_gone"  # source and destination hear each other
    # Final.
    RETURNED = "returned"  # source and customer hear each other, as before
    HANDED_OVER = "handed_over"  # destination and customer hear each other
    QUEUED = "queued"  # customer hears the queue flow; an offer of that queue goes on
    ENDED = "ended"  # nobody is left


S = TransferState

FINAL: Final = frozenset({S.RETURNED, S.HANDED_OVER, S.QUEUED, S.ENDED})
"""States in which the quick connect is over; whoever is left follows the contact's machine."""


class Event(Enum):
    """What can happen to a quick connect."""

    TRANSFERRED_TO_AGENT = auto()  # the transfer flow has come to its agent
    TRANSFERRED_TO_QUEUE = auto()  # the transfer flow has come to its queue
    FLOW_TURNED_TO_SOURCE = auto()  # the transfer flow goes on with the source alone
    FLOW_TURNED_TO_CUSTOMER = auto()  # with the customer alone
    FLOW_TURNED_TO_BOTH = auto()
    FLOW_APART = auto()  # its leg does not hear those with whom it is in the room
    FLOW_ENDED = auto()  # the transfer flow, or what the source hears, disconnects
    QUEUE_FULL = auto()  # or closed to new contacts
    OFFER_WON = auto()  # routing reserved an agent of the queue
    AGENT_ANSWERED = auto()
    NUMBER_ANSWERED = auto()  # a phone number gets no whisper
    DESTINATION_FAILED = auto()  # missed, rejected, busy, unreachable, invalid
    DESTINATION_WHISPER_ENDED = auto()  # or its limit was reached; likewise the other two
    SOURCE_WHISPER_ENDED = auto()
    CUSTOMER_WHISPER_ENDED = auto()
    JOIN_ASKED = auto()
    HOLD_ALL_ASKED = auto()
    HOLD_DESTINATION_ASKED = auto()
    HOLD_CUSTOMER_ASKED = auto()
    SWAP_ASKED = auto()
    DROP_ASKED = auto()  # cancels a destination that is not there yet, else drops it
    LEAVE_ASKED = auto()  # by a verb, or by hanging up in good order
    CUSTOMER_HOLD_EXPIRED = auto()  # the limit of being on hold
    DESTINATION_HOLD_EXPIRED = auto()
    CUSTOMER_HUNG_UP = auto()  # or the line was lost
    SOURCE_LOST = auto()  # the phone is dead
    DESTINATION_HUNG_UP = auto()  # or its phone is dead
    TAKEN_OVER = auto()  # by a supervisor, who is the destination then
    STOPPED = auto()  # by a supervisor, the API or the command line
    ANOTHER_BEGAN = auto()  # the source has started another quick connect
    PROMOTED = auto()  # that one is over, and the controls are back


class Command(Enum):
    """What the shell does after the new state is committed, in roles.

    What a leg heard ends when it is moved. To talk is to be in the contact's one room, where all
    who are in it hear each other.
    """

    CUSTOMER_TO_HOLD = auto()  # customer hold flow
    CUSTOMER_TO_TALK = auto()
    CUSTOMER_TO_TRANSFER_FLOW = auto()
    CUSTOMER_TO_QUEUE = auto()  # the source's, or the one handed over to; at its original place
    PLAY_WHISPER_TO_CUSTOMER = auto()
    HANG_UP_CUSTOMER = auto()
    SOURCE_TO_TRANSFER_FLOW = auto()
    SOURCE_TO_QUEUE_FLOW = auto()  # customer queue flow of the destination's queue
    SOURCE_TO_RINGBACK = auto()
    SOURCE_TO_TALK = auto()
    SOURCE_TO_HOLD = auto()  # agent hold flow
    PLAY_WHISPER_TO_SOURCE = auto()
    TELL_SOURCE = auto()  # say why the customer is not there, then hang up the source's leg
    HANG_UP_SOURCE = auto()
    SOURCE_WRAPS_UP = auto()  # after-contact work
    FLOW_TO_TALK = auto()  # the transfer flow gets a leg of its own in the room
    FLOW_LEAVES = auto()  # and loses it
    ENTER_QUEUE = auto()  # with the contact's age; routing then offers it
    RING_DESTINATION = auto()  # offer it to the agent
    DIAL_DESTINATION = auto()  # with the caller ID of the contact's queue
    CANCEL_DESTINATION = auto()  # leave the queue, cancel the phone; an agent it rang is free
    PLAY_WHISPER_TO_DESTINATION = auto()
    DESTINATION_TO_QUIET = auto()
    DESTINATION_TO_TALK = auto()
    DESTINATION_TO_HOLD = auto()  # agent hold flow
    TELL_DESTINATION = auto()  # say why nobody is there, then hang up the destination's leg
    HANG_UP_DESTINATION = auto()
    DESTINATION_IS_FREE = auto()  # this and the next three: nothing to do for a phone number
    DESTINATION_MISSED = auto()  # unroutable until they choose Available again
    DESTINATION_ERRED = auto()  # likewise, shown as an error
    DESTINATION_WRAPS_UP = auto()  # after-contact work
    HAND_OVER = auto()  # the contact is the destination's; a queue's: in that queue, with its age
    REPORT_FAILURE = auto()  # show the source why the destination is not there; nobody moves
    REPORT_CUSTOMER_GONE = auto()  # to source and destination; nobody moves


@dataclass(frozen=True, slots=True)
class Row:
    """Where a transition leads and what is commanded, in order."""

    to: S
    commands: tuple[Command, ...] = ()


E, C, K = Event, Command, QuickConnectKind

# Whoever stays is together before anybody leaves, so that nobody hears a gap.
_LEAVES = (C.HAND_OVER, C.HANG_UP_SOURCE, C.SOURCE_WRAPS_UP)
_LOST = (C.HAND_OVER, C.SOURCE_WRAPS_UP)
_BACK = (C.SOURCE_TO_TALK, C.CUSTOMER_TO_TALK)
_FAIL_BACK = (*_BACK, C.REPORT_FAILURE)
_DROP_SOURCE = (C.HANG_UP_SOURCE, C.SOURCE_WRAPS_UP)
_DROP_DESTINATION = (C.HANG_UP_DESTINATION, C.DESTINATION_WRAPS_UP)
_SEND_SOURCE_AWAY = (C.TELL_SOURCE, C.SOURCE_WRAPS_UP)
_SEND_DESTINATION_AWAY = (C.TELL_DESTINATION, C.DESTINATION_IS_FREE)
_DROP_ALL = (C.HANG_UP_CUSTOMER, *_DROP_DESTINATION, *_DROP_SOURCE)
_ALL_TO_TALK = (C.SOURCE_TO_TALK, C.CUSTOMER_TO_TALK, C.DESTINATION_TO_TALK)

START: Final[Mapping[tuple[QuickConnectKind, bool], Row]] = {
    (K.AGENT, True): Row(S.SOURCE_FLOW, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_TRANSFER_FLOW)),
    (K.QUEUE, True): Row(S.SOURCE_FLOW, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_TRANSFER_FLOW)),
    (K.NUMBER, True): Row(
        S.RINGING, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_RINGBACK, C.DIAL_DESTINATION)
    ),
    (K.AGENT, False): Row(S.ADDING_RINGING, (C.RING_DESTINATION,)),
    (K.QUEUE, False): Row(S.ADDING_IN_QUEUE, (C.ENTER_QUEUE,)),
    (K.NUMBER, False): Row(S.ADDING_RINGING, (C.DIAL_DESTINATION,)),
}
"""How each kind begins, with the customer put on hold or not; without, no flow can be heard."""

TRANSITIONS: Final[Mapping[tuple[S, Event], Row]] = {
    (S.SOURCE_FLOW, E.TRANSFERRED_TO_AGENT): Row(
        S.RINGING, (C.SOURCE_TO_RINGBACK, C.RING_DESTINATION)
    ),
    (S.SOURCE_FLOW, E.TRANSFERRED_TO_QUEUE): Row(
        S.IN_QUEUE, (C.SOURCE_TO_QUEUE_FLOW, C.ENTER_QUEUE)
    ),
    (S.SOURCE_FLOW, E.FLOW_TURNED_TO_CUSTOMER): Row(
        S.CUSTOMER_FLOW, (C.SOURCE_TO_HOLD, C.CUSTOMER_TO_TRANSFER_FLOW)
    ),
    (S.SOURCE_FLOW, E.FLOW_TURNED_TO_BOTH): Row(S.JOINT_FLOW, (*_BACK, C.FLOW_TO_TALK)),
    (S.SOURCE_FLOW, E.FLOW_ENDED): Row(S.RETURNED, _FAIL_BACK),
    (S.SOURCE_FLOW, E.QUEUE_FULL): Row(S.RETURNED, _FAIL_BACK),
    (S.SOURCE_FLOW, E.DROP_ASKED): Row(S.RETURNED, _BACK),
    (S.SOURCE_FLOW, E.LEAVE_ASKED): Row(S.COLD_RINGING, (C.RING_DESTINATION, *_LEAVES)),
    (S.SOURCE_FLOW, E.CUSTOMER_HOLD_EXPIRED): Row(S.RETURNED, _BACK),
    (S.SOURCE_FLOW, E.CUSTOMER_HUNG_UP): Row(S.ENDED, _SEND_SOURCE_AWAY),
    (S.SOURCE_FLOW, E.SOURCE_LOST): Row(S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)),
    (S.SOURCE_FLOW, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER, *_DROP_SOURCE)),
    #
    (S.CUSTOMER_FLOW, E.TRANSFERRED_TO_AGENT): Row(
        S.RINGING, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_RINGBACK, C.RING_DESTINATION)
    ),
    (S.CUSTOMER_FLOW, E.TRANSFERRED_TO_QUEUE): Row(
        S.IN_QUEUE, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_QUEUE_FLOW, C.ENTER_QUEUE)
    ),
    (S.CUSTOMER_FLOW, E.FLOW_TURNED_TO_SOURCE): Row(
        S.SOURCE_FLOW, (C.CUSTOMER_TO_HOLD, C.SOURCE_TO_TRANSFER_FLOW)
    ),
    (S.CUSTOMER_FLOW, E.FLOW_TURNED_TO_BOTH): Row(S.JOINT_FLOW, (*_BACK, C.FLOW_TO_TALK)),
    (S.CUSTOMER_FLOW, E.FLOW_ENDED): Row(S.RETURNED, _FAIL_BACK),
    (S.CUSTOMER_FLOW, E.QUEUE_FULL): Row(S.RETURNED, _FAIL_BACK),
    (S.CUSTOMER_FLOW, E.DROP_ASKED): Row(S.RETURNED, _BACK),
    (S.CUSTOMER_FLOW, E.LEAVE_ASKED): Row(
        S.COLD_RINGING, (C.CUSTOMER_TO_HOLD, C.RING_DESTINATION, *_LEAVES)
    ),
    (S.CUSTOMER_FLOW, E.CUSTOMER_HUNG_UP): Row(S.ENDED, _SEND_SOURCE_AWAY),
    (S.CUSTOMER_FLOW, E.SOURCE_LOST): Row(S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)),
    (S.CUSTOMER_FLOW, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER, *_DROP_SOURCE)),
    #
    (S.JOINT_FLOW, E.TRANSFERRED_TO_AGENT): Row(
        S.ADDING_RINGING, (C.FLOW_LEAVES, C.RING_DESTINATION)
    ),
    (S.JOINT_FLOW, E.TRANSFERRED_TO_QUEUE): Row(
        S.ADDING_IN_QUEUE, (C.FLOW_LEAVES, C.ENTER_QUEUE)
    ),
    (S.JOINT_FLOW, E.FLOW_TURNED_TO_SOURCE): Row(
        S.SOURCE_FLOW, (C.FLOW_LEAVES, C.CUSTOMER_TO_HOLD, C.SOURCE_TO_TRANSFER_FLOW)
    ),
    (S.JOINT_FLOW, E.FLOW_TURNED_TO_CUSTOMER): Row(
        S.CUSTOMER_FLOW, (C.FLOW_LEAVES, C.SOURCE_TO_HOLD, C.CUSTOMER_TO_TRANSFER_FLOW)
    ),
    (S.JOINT_FLOW, E.FLOW_APART): Row(S.JOINT_FLOW, (C.FLOW_LEAVES, C.FLOW_TO_TALK)),
    (S.JOINT_FLOW, E.FLOW_ENDED): Row(S.RETURNED, (C.FLOW_LEAVES, C.REPORT_FAILURE)),
    (S.JOINT_FLOW, E.QUEUE_FULL): Row(S.RETURNED, (C.FLOW_LEAVES, C.REPORT_FAILURE)),
    (S.JOINT_FLOW, E.DROP_ASKED): Row(S.RETURNED, (C.FLOW_LEAVES,)),
    (S.JOINT_FLOW, E.LEAVE_ASKED): Row(
        S.COLD_RINGING, (C.FLOW_LEAVES, C.CUSTOMER_TO_HOLD, C.RING_DESTINATION, *_LEAVES)
    ),
    (S.JOINT_FLOW, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.FLOW_LEAVES, *_DROP_SOURCE)),
    (S.JOINT_FLOW, E.SOURCE_LOST): Row(
        S.QUEUED, (C.FLOW_LEAVES, C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)
    ),
    (S.JOINT_FLOW, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, C.FLOW_LEAVES, *_DROP_SOURCE)
    ),
    #
    (S.IN_QUEUE, E.OFFER_WON): Row(S.IN_QUEUE, (C.RING_DESTINATION,)),
    (S.IN_QUEUE, E.AGENT_ANSWERED): Row(
        S.AGENT_WHISPER, (C.PLAY_WHISPER_TO_DESTINATION, C.SOURCE_TO_RINGBACK)
    ),
    (S.IN_QUEUE, E.DESTINATION_FAILED): Row(S.IN_QUEUE, (C.DESTINATION_MISSED,)),
    (S.IN_QUEUE, E.DESTINATION_HUNG_UP): Row(S.IN_QUEUE, (C.DESTINATION_MISSED,)),
    (S.IN_QUEUE, E.FLOW_ENDED): Row(S.RETURNED, (C.CANCEL_DESTINATION, *_FAIL_BACK)),
    (S.IN_QUEUE, E.QUEUE_FULL): Row(S.RETURNED, (C.CANCEL_DESTINATION, *_FAIL_BACK)),
    (S.IN_QUEUE, E.DROP_ASKED): Row(S.RETURNED, (C.CANCEL_DESTINATION, *_BACK)),
    (S.IN_QUEUE, E.LEAVE_ASKED): Row(S.QUEUED, (C.HAND_OVER, C.CUSTOMER_TO_QUEUE, *_DROP_SOURCE)),
    (S.IN_QUEUE, E.CUSTOMER_HOLD_EXPIRED): Row(S.ADDING_IN_QUEUE, _BACK),
    (S.IN_QUEUE, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.CANCEL_DESTINATION, *_SEND_SOURCE_AWAY)),
    (S.IN_QUEUE, E.SOURCE_LOST): Row(
        S.QUEUED, (C.CANCEL_DESTINATION, C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)
    ),
    (S.IN_QUEUE, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, C.CANCEL_DESTINATION, *_DROP_SOURCE)
    ),
    #
    (S.RINGING, E.AGENT_ANSWERED): Row(S.AGENT_WHISPER, (C.PLAY_WHISPER_TO_DESTINATION,)),
    (S.RINGING, E.NUMBER_ANSWERED): Row(S.CONSULTING, (C.SOURCE_TO_TALK, C.DESTINATION_TO_TALK)),
    (S.RINGING, E.DESTINATION_FAILED): Row(S.RETURNED, (*_FAIL_BACK, C.DESTINATION_MISSED)),
    (S.RINGING, E.DESTINATION_HUNG_UP): Row(S.RETURNED, (*_FAIL_BACK, C.DESTINATION_MISSED)),
    (S.RINGING, E.DROP_ASKED): Row(S.RETURNED, (C.CANCEL_DESTINATION, *_BACK)),
    (S.RINGING, E.LEAVE_ASKED): Row(S.COLD_RINGING, _LEAVES),
    (S.RINGING, E.CUSTOMER_HOLD_EXPIRED): Row(S.ADDING_RINGING, _BACK),
    (S.RINGING, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.CANCEL_DESTINATION, *_SEND_SOURCE_AWAY)),
    (S.RINGING, E.SOURCE_LOST): Row(
        S.QUEUED, (C.CANCEL_DESTINATION, C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)
    ),
    (S.RINGING, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, C.CANCEL_DESTINATION, *_DROP_SOURCE)
    ),
    #
    (S.AGENT_WHISPER, E.DESTINATION_WHISPER_ENDED): Row(
        S.SOURCE_WHISPER, (C.PLAY_WHISPER_TO_SOURCE, C.DESTINATION_TO_QUIET)
    ),
    (S.AGENT_WHISPER, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (*_FAIL_BACK, C.DESTINATION_ERRED)
    ),
    (S.AGENT_WHISPER, E.DROP_ASKED): Row(S.RETURNED, (*_BACK, *_SEND_DESTINATION_AWAY)),
    (S.AGENT_WHISPER, E.LEAVE_ASKED): Row(S.COLD_WHISPER, _LEAVES),
    (S.AGENT_WHISPER, E.CUSTOMER_HOLD_EXPIRED): Row(S.ADDING_WHISPER, _BACK),
    (S.AGENT_WHISPER, E.CUSTOMER_HUNG_UP): Row(
        S.ENDED, (*_SEND_DESTINATION_AWAY, *_SEND_SOURCE_AWAY)
    ),
    (S.AGENT_WHISPER, E.SOURCE_LOST): Row(S.COLD_WHISPER, _LOST),
    (S.AGENT_WHISPER, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, *_SEND_DESTINATION_AWAY, *_DROP_SOURCE)
    ),
    #
    (S.SOURCE_WHISPER, E.SOURCE_WHISPER_ENDED): Row(
        S.CONSULTING, (C.SOURCE_TO_TALK, C.DESTINATION_TO_TALK)
    ),
    (S.SOURCE_WHISPER, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (*_FAIL_BACK, C.DESTINATION_ERRED)
    ),
    (S.SOURCE_WHISPER, E.DROP_ASKED): Row(S.RETURNED, (*_BACK, *_SEND_DESTINATION_AWAY)),
    (S.SOURCE_WHISPER, E.LEAVE_ASKED): Row(
        S.CUSTOMER_WHISPER, (C.PLAY_WHISPER_TO_CUSTOMER, *_LEAVES)
    ),
    (S.SOURCE_WHISPER, E.CUSTOMER_HOLD_EXPIRED): Row(S.JOINED, _ALL_TO_TALK),
    (S.SOURCE_WHISPER, E.CUSTOMER_HUNG_UP): Row(
        S.ENDED, (*_SEND_DESTINATION_AWAY, *_SEND_SOURCE_AWAY)
    ),
    (S.SOURCE_WHISPER, E.SOURCE_LOST): Row(
        S.CUSTOMER_WHISPER, (C.PLAY_WHISPER_TO_CUSTOMER, *_LOST)
    ),
    (S.SOURCE_WHISPER, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, *_SEND_DESTINATION_AWAY, *_DROP_SOURCE)
    ),
    #
    (S.CONSULTING, E.JOIN_ASKED): Row(S.JOINED, (C.CUSTOMER_TO_TALK,)),
    (S.CONSULTING, E.HOLD_ALL_ASKED): Row(S.ALL_HELD, (C.DESTINATION_TO_HOLD,)),
    (S.CONSULTING, E.HOLD_DESTINATION_ASKED): Row(
        S.DESTINATION_HELD, (C.DESTINATION_TO_HOLD, C.CUSTOMER_TO_TALK)
    ),
    (S.CONSULTING, E.SWAP_ASKED): Row(
        S.DESTINATION_HELD, (C.DESTINATION_TO_HOLD, C.CUSTOMER_TO_TALK)
    ),
    (S.CONSULTING, E.DROP_ASKED): Row(S.RETURNED, (*_DROP_DESTINATION, C.CUSTOMER_TO_TALK)),
    (S.CONSULTING, E.LEAVE_ASKED): Row(S.HANDED_OVER, (C.CUSTOMER_TO_TALK, *_LEAVES)),
    (S.CONSULTING, E.CUSTOMER_HOLD_EXPIRED): Row(S.JOINED, (C.CUSTOMER_TO_TALK,)),
    (S.CONSULTING, E.CUSTOMER_HUNG_UP): Row(S.CUSTOMER_GONE, (C.REPORT_CUSTOMER_GONE,)),
    (S.CONSULTING, E.SOURCE_LOST): Row(S.HANDED_OVER, (C.CUSTOMER_TO_TALK, *_LOST)),
    (S.CONSULTING, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (C.CUSTOMER_TO_TALK, C.DESTINATION_WRAPS_UP)
    ),
    (S.CONSULTING, E.STOPPED): Row(S.ENDED, _DROP_ALL),
    #
    (S.JOINED, E.HOLD_ALL_ASKED): Row(S.ALL_HELD, (C.CUSTOMER_TO_HOLD, C.DESTINATION_TO_HOLD)),
    (S.JOINED, E.HOLD_DESTINATION_ASKED): Row(S.DESTINATION_HELD, (C.DESTINATION_TO_HOLD,)),
    (S.JOINED, E.HOLD_CUSTOMER_ASKED): Row(S.CONSULTING, (C.CUSTOMER_TO_HOLD,)),
    (S.JOINED, E.DROP_ASKED): Row(S.RETURNED, _DROP_DESTINATION),
    (S.JOINED, E.LEAVE_ASKED): Row(S.HANDED_OVER, _LEAVES),
    (S.JOINED, E.CUSTOMER_HUNG_UP): Row(S.CUSTOMER_GONE, (C.REPORT_CUSTOMER_GONE,)),
    (S.JOINED, E.SOURCE_LOST): Row(S.HANDED_OVER, _LOST),
    (S.JOINED, E.DESTINATION_HUNG_UP): Row(S.RETURNED, (C.DESTINATION_WRAPS_UP,)),
    (S.JOINED, E.TAKEN_OVER): Row(S.HANDED_OVER, _LEAVES),
    (S.JOINED, E.STOPPED): Row(S.ENDED, _DROP_ALL),
    (S.JOINED, E.ANOTHER_BEGAN): Row(S.PARTY),
    #
    (S.PARTY, E.PROMOTED): Row(S.JOINED),
    (S.PARTY, E.DROP_ASKED): Row(S.ENDED, _DROP_DESTINATION),
    (S.PARTY, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.TELL_DESTINATION, C.DESTINATION_WRAPS_UP)),
    (S.PARTY, E.DESTINATION_HUNG_UP): Row(S.ENDED, (C.DESTINATION_WRAPS_UP,)),
    (S.PARTY, E.STOPPED): Row(S.ENDED, _DROP_DESTINATION),
    #
    (S.ALL_HELD, E.JOIN_ASKED): Row(S.JOINED, (C.CUSTOMER_TO_TALK, C.DESTINATION_TO_TALK)),
    (S.ALL_HELD, E.HOLD_DESTINATION_ASKED): Row(S.DESTINATION_HELD, (C.CUSTOMER_TO_TALK,)),
    (S.ALL_HELD, E.HOLD_CUSTOMER_ASKED): Row(S.CONSULTING, (C.DESTINATION_TO_TALK,)),
    (S.ALL_HELD, E.DROP_ASKED): Row(S.RETURNED, (*_DROP_DESTINATION, C.CUSTOMER_TO_TALK)),
    (S.ALL_HELD, E.LEAVE_ASKED): Row(
        S.HANDED_OVER, (C.DESTINATION_TO_TALK, C.CUSTOMER_TO_TALK, *_LEAVES)
    ),
    (S.ALL_HELD, E.CUSTOMER_HOLD_EXPIRED): Row(S.DESTINATION_HELD, (C.CUSTOMER_TO_TALK,)),
    (S.ALL_HELD, E.DESTINATION_HOLD_EXPIRED): Row(S.CONSULTING, (C.DESTINATION_TO_TALK,)),
    (S.ALL_HELD, E.CUSTOMER_HUNG_UP): Row(
        S.CUSTOMER_GONE, (C.DESTINATION_TO_TALK, C.REPORT_CUSTOMER_GONE)
    ),
    (S.ALL_HELD, E.SOURCE_LOST): Row(
        S.HANDED_OVER, (C.DESTINATION_TO_TALK, C.CUSTOMER_TO_TALK, *_LOST)
    ),
    (S.ALL_HELD, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (C.CUSTOMER_TO_TALK, C.DESTINATION_WRAPS_UP)
    ),
    (S.ALL_HELD, E.STOPPED): Row(S.ENDED, _DROP_ALL),
    #
    (S.DESTINATION_HELD, E.JOIN_ASKED): Row(S.JOINED, (C.DESTINATION_TO_TALK,)),
    (S.DESTINATION_HELD, E.HOLD_ALL_ASKED): Row(S.ALL_HELD, (C.CUSTOMER_TO_HOLD,)),
    (S.DESTINATION_HELD, E.HOLD_CUSTOMER_ASKED): Row(
        S.CONSULTING, (C.CUSTOMER_TO_HOLD, C.DESTINATION_TO_TALK)
    ),
    (S.DESTINATION_HELD, E.SWAP_ASKED): Row(
        S.CONSULTING, (C.CUSTOMER_TO_HOLD, C.DESTINATION_TO_TALK)
    ),
    (S.DESTINATION_HELD, E.DROP_ASKED): Row(S.RETURNED, _DROP_DESTINATION),
    (S.DESTINATION_HELD, E.LEAVE_ASKED): Row(S.HANDED_OVER, (C.DESTINATION_TO_TALK, *_LEAVES)),
    (S.DESTINATION_HELD, E.DESTINATION_HOLD_EXPIRED): Row(S.JOINED, (C.DESTINATION_TO_TALK,)),
    (S.DESTINATION_HELD, E.CUSTOMER_HUNG_UP): Row(
        S.CUSTOMER_GONE, (C.DESTINATION_TO_TALK, C.REPORT_CUSTOMER_GONE)
    ),
    (S.DESTINATION_HELD, E.SOURCE_LOST): Row(S.HANDED_OVER, (C.DESTINATION_TO_TALK, *_LOST)),
    (S.DESTINATION_HELD, E.DESTINATION_HUNG_UP): Row(S.RETURNED, (C.DESTINATION_WRAPS_UP,)),
    (S.DESTINATION_HELD, E.STOPPED): Row(S.ENDED, _DROP_ALL),
    #
    (S.ADDING_IN_QUEUE, E.OFFER_WON): Row(S.ADDING_IN_QUEUE, (C.RING_DESTINATION,)),
    (S.ADDING_IN_QUEUE, E.AGENT_ANSWERED): Row(
        S.ADDING_WHISPER, (C.PLAY_WHISPER_TO_DESTINATION,)
    ),
    (S.ADDING_IN_QUEUE, E.DESTINATION_FAILED): Row(S.ADDING_IN_QUEUE, (C.DESTINATION_MISSED,)),
    (S.ADDING_IN_QUEUE, E.DESTINATION_HUNG_UP): Row(S.ADDING_IN_QUEUE, (C.DESTINATION_MISSED,)),
    (S.ADDING_IN_QUEUE, E.QUEUE_FULL): Row(S.RETURNED, (C.CANCEL_DESTINATION, C.REPORT_FAILURE)),
    (S.ADDING_IN_QUEUE, E.DROP_ASKED): Row(S.RETURNED, (C.CANCEL_DESTINATION,)),
    (S.ADDING_IN_QUEUE, E.LEAVE_ASKED): Row(
        S.QUEUED, (C.HAND_OVER, C.CUSTOMER_TO_QUEUE, *_DROP_SOURCE)
    ),
    (S.ADDING_IN_QUEUE, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.CANCEL_DESTINATION, *_DROP_SOURCE)),
    (S.ADDING_IN_QUEUE, E.SOURCE_LOST): Row(
        S.QUEUED, (C.CANCEL_DESTINATION, C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)
    ),
    (S.ADDING_IN_QUEUE, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, C.CANCEL_DESTINATION, *_DROP_SOURCE)
    ),
    #
    (S.ADDING_RINGING, E.AGENT_ANSWERED): Row(S.ADDING_WHISPER, (C.PLAY_WHISPER_TO_DESTINATION,)),
    (S.ADDING_RINGING, E.NUMBER_ANSWERED): Row(S.JOINED, (C.DESTINATION_TO_TALK,)),
    (S.ADDING_RINGING, E.DESTINATION_FAILED): Row(
        S.RETURNED, (C.REPORT_FAILURE, C.DESTINATION_MISSED)
    ),
    (S.ADDING_RINGING, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (C.REPORT_FAILURE, C.DESTINATION_MISSED)
    ),
    (S.ADDING_RINGING, E.DROP_ASKED): Row(S.RETURNED, (C.CANCEL_DESTINATION,)),
    (S.ADDING_RINGING, E.LEAVE_ASKED): Row(S.COLD_RINGING, (C.CUSTOMER_TO_HOLD, *_LEAVES)),
    (S.ADDING_RINGING, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.CANCEL_DESTINATION, *_DROP_SOURCE)),
    (S.ADDING_RINGING, E.SOURCE_LOST): Row(
        S.QUEUED, (C.CANCEL_DESTINATION, C.CUSTOMER_TO_QUEUE, C.SOURCE_WRAPS_UP)
    ),
    (S.ADDING_RINGING, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, C.CANCEL_DESTINATION, *_DROP_SOURCE)
    ),
    #
    (S.ADDING_WHISPER, E.DESTINATION_WHISPER_ENDED): Row(S.JOINED, (C.DESTINATION_TO_TALK,)),
    (S.ADDING_WHISPER, E.DESTINATION_HUNG_UP): Row(
        S.RETURNED, (C.REPORT_FAILURE, C.DESTINATION_ERRED)
    ),
    (S.ADDING_WHISPER, E.DROP_ASKED): Row(S.RETURNED, _SEND_DESTINATION_AWAY),
    (S.ADDING_WHISPER, E.LEAVE_ASKED): Row(S.COLD_WHISPER, (C.CUSTOMER_TO_HOLD, *_LEAVES)),
    (S.ADDING_WHISPER, E.CUSTOMER_HUNG_UP): Row(
        S.ENDED, (*_SEND_DESTINATION_AWAY, *_DROP_SOURCE)
    ),
    (S.ADDING_WHISPER, E.SOURCE_LOST): Row(S.COLD_WHISPER, (C.CUSTOMER_TO_HOLD, *_LOST)),
    (S.ADDING_WHISPER, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, *_SEND_DESTINATION_AWAY, *_DROP_SOURCE)
    ),
    #
    (S.COLD_RINGING, E.AGENT_ANSWERED): Row(S.COLD_WHISPER, (C.PLAY_WHISPER_TO_DESTINATION,)),
    (S.COLD_RINGING, E.NUMBER_ANSWERED): Row(
        S.HANDED_OVER, (C.CUSTOMER_TO_TALK, C.DESTINATION_TO_TALK)
    ),
    (S.COLD_RINGING, E.DESTINATION_FAILED): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.DESTINATION_MISSED)
    ),
    (S.COLD_RINGING, E.DESTINATION_HUNG_UP): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.DESTINATION_MISSED)
    ),
    (S.COLD_RINGING, E.CUSTOMER_HUNG_UP): Row(S.ENDED, (C.CANCEL_DESTINATION,)),
    (S.COLD_RINGING, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER, C.CANCEL_DESTINATION)),
    #
    (S.COLD_WHISPER, E.DESTINATION_WHISPER_ENDED): Row(
        S.CUSTOMER_WHISPER, (C.PLAY_WHISPER_TO_CUSTOMER, C.DESTINATION_TO_QUIET)
    ),
    (S.COLD_WHISPER, E.DESTINATION_HUNG_UP): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.DESTINATION_ERRED)
    ),
    (S.COLD_WHISPER, E.CUSTOMER_HUNG_UP): Row(S.ENDED, _SEND_DESTINATION_AWAY),
    (S.COLD_WHISPER, E.STOPPED): Row(S.ENDED, (C.HANG_UP_CUSTOMER, *_SEND_DESTINATION_AWAY)),
    #
    (S.CUSTOMER_WHISPER, E.CUSTOMER_WHISPER_ENDED): Row(
        S.HANDED_OVER, (C.CUSTOMER_TO_TALK, C.DESTINATION_TO_TALK)
    ),
    (S.CUSTOMER_WHISPER, E.DESTINATION_HUNG_UP): Row(
        S.QUEUED, (C.CUSTOMER_TO_QUEUE, C.DESTINATION_ERRED)
    ),
    (S.CUSTOMER_WHISPER, E.CUSTOMER_HUNG_UP): Row(S.ENDED, _SEND_DESTINATION_AWAY),
    (S.CUSTOMER_WHISPER, E.STOPPED): Row(
        S.ENDED, (C.HANG_UP_CUSTOMER, *_SEND_DESTINATION_AWAY)
    ),
    #
    (S.CUSTOMER_GONE, E.DROP_ASKED): Row(S.ENDED, (*_DROP_DESTINATION, *_DROP_SOURCE)),
    (S.CUSTOMER_GONE, E.LEAVE_ASKED): Row(S.ENDED, (*_DROP_DESTINATION, *_DROP_SOURCE)),
    (S.CUSTOMER_GONE, E.SOURCE_LOST): Row(S.ENDED, (*_DROP_DESTINATION, C.SOURCE_WRAPS_UP)),
    (S.CUSTOMER_GONE, E.DESTINATION_HUNG_UP): Row(S.ENDED, (C.DESTINATION_WRAPS_UP, *_DROP_SOURCE)),
    (S.CUSTOMER_GONE, E.STOPPED): Row(S.ENDED, (*_DROP_DESTINATION, *_DROP_SOURCE)),
}  # fmt: skip

VERBS: Final = frozenset(
    {
        E.JOIN_ASKED,
        E.HOLD_ALL_ASKED,
        E.HOLD_DESTINATION_ASKED,
        E.HOLD_CUSTOMER_ASKED,
        E.SWAP_ASKED,
        E.DROP_ASKED,
        E.LEAVE_ASKED,
    }
)
"""What the source may ask for; a verb that makes no sense in a state changes nothing there."""

FLOWS: Final = frozenset({S.SOURCE_FLOW, S.CUSTOMER_FLOW, S.JOINT_FLOW})
"""States in which the transfer flow runs."""

MET_BY_ALL: Final = frozenset({E.CUSTOMER_HUNG_UP, E.STOPPED})
"""What happens to every quick connect of a conference: first to the parties."""

MOST_PARTIES: Final = 6
"""Customer, source and destinations who can be in a conference."""

_OPEN = tuple(state for state in S if state not in FINAL)
_QUEUES = (S.IN_QUEUE, S.ADDING_IN_QUEUE)
_FETCHING = (*FLOWS, *_QUEUES, S.RINGING, S.ADDING_RINGING, S.COLD_RINGING)
_WHISPERS = (S.AGENT_WHISPER, S.ADDING_WHISPER, S.COLD_WHISPER)
_TALKS = (S.CONSULTING, S.JOINED, S.PARTY, S.ALL_HELD, S.DESTINATION_HELD, S.CUSTOMER_GONE)
_ADDING = (S.ADDING_IN_QUEUE, S.ADDING_RINGING, S.ADDING_WHISPER)
_COLD = (S.COLD_RINGING, S.COLD_WHISPER, S.CUSTOMER_WHISPER)

IGNORED: Final[frozenset[tuple[S, Event]]] = frozenset(
    {
        # Everybody who was there still reports their end.
        *((state, event) for state in FINAL for event in Event),
        (S.CUSTOMER_GONE, E.CUSTOMER_HUNG_UP),
        *((state, E.SOURCE_LOST) for state in _COLD),
        # A verb may be asked for at any time.
        *((state, verb) for state in _OPEN for verb in VERBS),
        # A timer that was cancelled may have run out; a ring or whisper has a limit of its own.
        *((state, E.CUSTOMER_HOLD_EXPIRED) for state in _OPEN),
        *((state, E.DESTINATION_HOLD_EXPIRED) for state in (*_TALKS, *_ADDING)),
        # What ran on a leg ended while it was being moved on.
        *((state, E.FLOW_ENDED) for state in _OPEN),
        *((state, E.FLOW_TURNED_TO_SOURCE) for state in _OPEN),
        *((state, E.FLOW_TURNED_TO_CUSTOMER) for state in _OPEN),
        *((state, E.FLOW_TURNED_TO_BOTH) for state in _OPEN),
        *((state, E.TRANSFERRED_TO_AGENT) for state in _OPEN),
        *((state, E.TRANSFERRED_TO_QUEUE) for state in _OPEN),
        *(
            (state, E.DESTINATION_WHISPER_ENDED)
            for state in (S.SOURCE_WHISPER, S.CUSTOMER_WHISPER, *_TALKS)
        ),
        *((state, E.SOURCE_WHISPER_ENDED) for state in (S.CUSTOMER_WHISPER, *_TALKS)),
    }
) - frozenset(TRANSITIONS)
"""May arrive late; changes nothing."""

IMPOSSIBLE: Final[frozenset[tuple[S, Event]]] = frozenset(
    {
        # Only what is in a queue, or about to be, finds it full; only that is offered.
        *((state, E.QUEUE_FULL) for state in _OPEN),
        *((state, E.OFFER_WON) for state in _OPEN),
        # Only a leg of its own can be apart.
        *((state, E.FLOW_APART) for state in _OPEN),
        # A supervisor takes over what has just begun with all three there.
        *((state, E.TAKEN_OVER) for state in _OPEN),
        # A phone is answered once, fails before that, and hangs up when it was called.
        *((state, E.AGENT_ANSWERED) for state in _OPEN),
        *((state, E.NUMBER_ANSWERED) for state in _OPEN),
        *((state, E.DESTINATION_FAILED) for state in _OPEN),
        *((state, E.DESTINATION_HUNG_UP) for state in FLOWS),
        # No whisper ends before it began, and no hold of one who was never there.
        *((state, E.DESTINATION_WHISPER_ENDED) for state in _FETCHING),
        *((state, E.SOURCE_WHISPER_ENDED) for state in (*_FETCHING, *_WHISPERS)),
        *((state, E.CUSTOMER_WHISPER_ENDED) for state in _OPEN),
        *(
            (state, E.DESTINATION_HOLD_EXPIRED)
            for state in _OPEN
            if state not in (*_TALKS, *_ADDING)
        ),
        # Another begins only when all talk; who leaves leaves the one with the controls.
        *((state, E.ANOTHER_BEGAN) for state in _OPEN),
        *((state, E.PROMOTED) for state in _OPEN),
        (S.PARTY, E.SOURCE_LOST),
    }
) - frozenset(TRANSITIONS)
"""The shell never sends these; one that appears is logged and changes nothing."""


class Party(Enum):
    """Who takes part in a quick connect."""

    CUSTOMER = "customer"
    SOURCE = "source"
    DESTINATION = "destination"


class Sound(Enum):
    """What a party can hear besides the others."""

    HOLD = "hold"
    TRANSFER_FLOW = "transfer_flow"
    QUEUE_FLOW = "queue_flow"
    RINGING = "ringing"
    WHISPER = "whisper"


class HoldOwner(Enum):
    """Who takes a customer off hold, or what does so in time."""

    SOURCE = "source"
    RING_LIMIT = "ring_limit"
    WHISPER_LIMIT = "whisper_limit"


Hears = frozenset[Party | Sound]
"""What one party hears; empty if nothing, or if it has no line."""

_NONE: Hears = frozenset()
_HOLD: Hears = frozenset({Sound.HOLD})
_FLOW: Hears = frozenset({Sound.TRANSFER_FLOW})
_QUEUE: Hears = frozenset({Sound.QUEUE_FLOW})
_RING: Hears = frozenset({Sound.RINGING})
_WHISPER: Hears = frozenset({Sound.WHISPER})
_C: Hears = frozenset({Party.CUSTOMER})
_S: Hears = frozenset({Party.SOURCE})
_D: Hears = frozenset({Party.DESTINATION})

# By state: what the customer hears, the source, the destination.
_HEARD: Final[Mapping[S, tuple[Hears, Hears, Hears]]] = {
    S.SOURCE_FLOW: (_HOLD, _FLOW, _NONE),
    S.CUSTOMER_FLOW: (_FLOW, _HOLD, _NONE),
    S.JOINT_FLOW: (_S | _FLOW, _C | _FLOW, _NONE),
    S.IN_QUEUE: (_HOLD, _QUEUE, _NONE),
    S.RINGING: (_HOLD, _RING, _NONE),
    S.AGENT_WHISPER: (_HOLD, _RING, _WHISPER),
    S.SOURCE_WHISPER: (_HOLD, _WHISPER, _NONE),
    S.CONSULTING: (_HOLD, _D, _S),
    S.JOINED: (_S | _D, _C | _D, _C | _S),
    S.PARTY: (_S | _D, _C | _D, _C | _S),
    S.ALL_HELD: (_HOLD, _NONE, _HOLD),
    S.DESTINATION_HELD: (_S, _C, _HOLD),
    S.ADDING_IN_QUEUE: (_S, _C, _NONE),
    S.ADDING_RINGING: (_S, _C, _NONE),
    S.ADDING_WHISPER: (_S, _C, _WHISPER),
    S.COLD_RINGING: (_HOLD, _NONE, _NONE),
    S.COLD_WHISPER: (_HOLD, _NONE, _WHISPER),
    S.CUSTOMER_WHISPER: (_WHISPER, _NONE, _NONE),
    S.CUSTOMER_GONE: (_NONE, _D, _S),
    S.RETURNED: (_S, _C, _NONE),
    S.HANDED_OVER: (_D, _NONE, _C),
    S.QUEUED: (_QUEUE, _NONE, _NONE),
    S.ENDED: (_NONE, _NONE, _NONE),
}


def start(kind: QuickConnectKind, *, hold: bool) -> Row:
    """How a quick connect begins for a source and customer who hear each other.

    Args:
        kind: What it leads to.
        hold: Whether the customer is put on hold; else the destination joins the talk.
    """
    return START[kind, hold]


def advance(state: S, event: Event) -> Row:
    """Where an event leads, and what is to be done.

    Raises:
        UnexpectedEvent: The table does not list the pair; the shell logs it and goes on.
    """
    return row_of(TRANSITIONS, IGNORED, state, event) or Row(state)


def allowed_verbs(state: S) -> frozenset[Event]:
    """Verbs that the source can use in a state; any other is refused and changes nothing."""
    return frozenset(verb for verb in VERBS if (state, verb) in TRANSITIONS)


def can_add(state: S) -> bool:
    """Whether the source may start another quick connect beside one that stands there."""
    return (state, E.ANOTHER_BEGAN) in TRANSITIONS


def gives_up(state: S, event: Event) -> bool:
    """Whether a source who goes gives up whom they fetch, if a party stays with the customer."""
    return state in _ADDING and event in (E.LEAVE_ASKED, E.SOURCE_LOST)


def hearing(state: S) -> Mapping[Party, Hears]:
    """What each party hears in a state.

    Of a party's, what customer and source hear is up to the quick connect that has the controls.
    """
    return dict(zip(Party, _HEARD[state], strict=True))


def reminds_of_hold(state: S) -> bool:
    """Whether the source could forget somebody on hold: its ear is not with a flow or a ringing."""
    _, source, destination = _HEARD[state]
    held = owner_of_hold(state) is HoldOwner.SOURCE or Sound.HOLD in destination
    return held and not any(isinstance(sound, Sound) for sound in source)


def owner_of_hold(state: S) -> HoldOwner | None:
    """Who or what ends the hold of a customer; none if the customer is not on hold."""
    customer, _, _ = _HEARD[state]
    if Sound.HOLD not in customer:
        return None
    if state is S.COLD_RINGING:
        return HoldOwner.RING_LIMIT
    if state is S.COLD_WHISPER:
        return HoldOwner.WHISPER_LIMIT
    return HoldOwner.SOURCE
