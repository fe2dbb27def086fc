"""One quick connect as a row of truth: where it stands, and which contacts it links.

The destination has a contact of its own (E11). Until the source leaves, the session of the
source's contact drives both; afterwards the customer is the destination contact's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ivr.domain.contact import ContactState
from ivr.domain.ids import ContactId, LegId
from ivr.domain.leg import Role, outbound_leg_id
from ivr.domain.quick_connect import (
    FINAL,
    Event,
    Hears,
    Party,
    QuickConnectId,
    QuickConnectKind,
    Sound,
    TransferState,
    hearing,
)

S = TransferState


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A quick connect under way, or how one ended.

    Attributes:
        contact_id: The destination's contact.
        source_id: The contact whose agent started it.
        kind: What it leads to; a site may change a quick connect of that name meanwhile.
        handed_over: Whether the source has left, so that the customer is the destination's.
        flow_legs: How often the transfer flow got a leg of its own.
    """

    contact_id: ContactId
    source_id: ContactId
    quick_connect_id: QuickConnectId
    kind: QuickConnectKind
    state: TransferState
    handed_over: bool = False
    flow_legs: int = 0
    began_at: datetime
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still decides who hears whom."""
        return self.state not in FINAL

    @property
    def is_party(self) -> bool:
        """Whether another quick connect of its source has the controls."""
        return self.state is S.PARTY

    @property
    def flow_leg(self) -> LegId:
        """The leg by which the transfer flow takes part in the talk."""
        return outbound_leg_id(self.contact_id, Role.FLOW, self.flow_legs)


class Verb(Enum):
    """What an agent may ask of a quick connect they have started."""

    JOIN = "join"
    HOLD_ALL = "hold-all"
    HOLD_DESTINATION = "hold-destination"
    HOLD_CUSTOMER = "hold-customer"
    RESUME_DESTINATION = "resume-destination"
    RESUME_CUSTOMER = "resume-customer"
    SWAP = "swap"
    DROP = "drop"
    CANCEL = "cancel"
    LEAVE = "leave"


_EVENT_OF_VERB = {
    Verb.JOIN: Event.JOIN_ASKED,
    Verb.HOLD_ALL: Event.HOLD_ALL_ASKED,
    Verb.HOLD_DESTINATION: Event.HOLD_DESTINATION_ASKED,
    Verb.HOLD_CUSTOMER: Event.HOLD_CUSTOMER_ASKED,
    Verb.SWAP: Event.SWAP_ASKED,
    Verb.DROP: Event.DROP_ASKED,
    Verb.CANCEL: Event.DROP_ASKED,
    Verb.LEAVE: Event.LEAVE_ASKED,
}


def event_of(verb: Verb, state: TransferState) -> Event:
    """What a verb asks for in a state: one who is taken off hold joins whoever talks."""
    if verb is Verb.RESUME_DESTINATION:
        return Event.HOLD_CUSTOMER_ASKED if state is S.ALL_HELD else Event.JOIN_ASKED
    if verb is Verb.RESUME_CUSTOMER:
        return Event.HOLD_DESTINATION_ASKED if state is S.ALL_HELD else Event.JOIN_ASKED
    return _EVENT_OF_VERB[verb]


_STATE_OF_CONTACT = {
    S.SOURCE_FLOW: ContactState.IN_FLOW,
    S.CUSTOMER_FLOW: ContactState.IN_FLOW,
    S.JOINT_FLOW: ContactState.IN_FLOW,
    S.AGENT_WHISPER: ContactState.AGENT_WHISPER,
    S.ADDING_WHISPER: ContactState.AGENT_WHISPER,
    S.COLD_WHISPER: ContactState.AGENT_WHISPER,
    S.SOURCE_WHISPER: ContactState.CUSTOMER_WHISPER,
    S.CUSTOMER_WHISPER: ContactState.CUSTOMER_WHISPER,
    S.CONSULTING: ContactState.CONNECTED,
    S.JOINED: ContactState.CONNECTED,
    S.PARTY: ContactState.CONNECTED,
    S.ALL_HELD: ContactState.CONNECTED,
    S.DESTINATION_HELD: ContactState.CONNECTED,
    S.CUSTOMER_GONE: ContactState.CONNECTED,
    S.HANDED_OVER: ContactState.CONNECTED,
    S.RETURNED: ContactState.ENDED,
    S.ENDED: ContactState.ENDED,
}


def state_of_destination(state: TransferState) -> ContactState | None:
    """The state of the destination's contact; none where the queue and its offers decide it."""
    return _STATE_OF_CONTACT.get(state)


_DETAILS = {
    S.SOURCE_FLOW: "transferring",
    S.CUSTOMER_FLOW: "transferring",
    S.JOINT_FLOW: "transferring",
    S.IN_QUEUE: "queued",
    S.ADDING_IN_QUEUE: "queued",
    S.RINGING: "ringing",
    S.ADDING_RINGING: "ringing",
    S.COLD_RINGING: "ringing",
    S.AGENT_WHISPER: "whispering",
    S.ADDING_WHISPER: "whispering",
    S.COLD_WHISPER: "whispering",
    S.SOURCE_WHISPER: "whispering",
    S.CUSTOMER_WHISPER: "whispering",
}


@dataclass(frozen=True, slots=True)
class Banner:
    """What the source sees of the destination.

    Attributes:
        state: Amazon Connect's words: an agent reads *connected* from the start, a queue
            *connecting* until its agent is there.
        detail: What is so: ``transferring``, ``queued``, ``ringing``, ``whispering``, ``talking``,
            ``hold`` or ``ended``.
    """

    state: str
    detail: str


def banner(kind: QuickConnectKind, state: TransferState) -> Banner:
    """What the source sees of the destination in a state."""
    if state in FINAL:
        return Banner("disconnected", "ended")
    if Sound.HOLD in hearing(state)[Party.DESTINATION]:
        return Banner("hold", "hold")
    detail = _DETAILS.get(state, "talking")
    early = kind is not QuickConnectKind.AGENT and detail != "talking"
    return Banner("connecting" if early else "connected", detail)


def is_held(state: TransferState) -> bool:
    """Whether the customer is on hold."""
    return Sound.HOLD in hearing(state)[Party.CUSTOMER]


def talks(hears: Hears) -> bool:
    """Whether who hears this is in the room with somebody."""
    return any(isinstance(each, Party) for each in hears)
