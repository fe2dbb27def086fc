"""What Asterisk's events mean, in our own words: one table in, and the legs under way.

``read`` is stateless: one message, at most one sighting. ``Legs`` joins the sightings of outbound
legs into exactly one fate each and passes the rest on. SIP channels are legs, and those to a room:
a conference's announcer and the stand-ins of a move have channels too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ivr.domain.errors import TelephonyError
from ivr.domain.ids import BridgeId, ContactId, Endpoint, LegId
from ivr.ports.telephony import (
    LegEnded,
    LegEvent,
    LegHeld,
    LegJoined,
    LegKeyed,
    LegMerged,
    LegReferred,
    LegStranded,
    PhoneChanged,
    SwitchEvent,
)
from ivr.telephony.ami.actions import originated_leg
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.ami.outbound_leg import (
    CancelAsked,
    Gone,
    LegReport,
    LegState,
    OutboundLeg,
    Redirected,
    Responded,
    Ringing,
    WaitOver,
    advance,
)
from ivr.telephony.dialplan import UserEvent

LEG_CHANNEL: Final = "PJSIP/"
_ROOM_CHANNEL = re.compile(r"Local/room-.*;(?P<half>[12])", re.ASCII)
"""A leg to a room is one half of a pair of channels; the other half, ``;2``, is in the room."""
_FAR_HALF: Final = ";2"
_FORGET_AFTER: Final = 1000
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_SIP_CODE = re.compile(r"\b[1-6]\d\d\b", re.ASCII)
_NAMED_BY_ASTERISK = re.compile(r"[0-9]+\.[0-9]+", re.ASCII)
_CODE = re.compile(r"\*[0-9]{1,3}", re.ASCII)
_RINGING_STATES: Final = frozenset({"5"})
_RINGING_DIAL_STATES: Final = frozenset({"RINGING", "PROGRESS"})
_REACHABLE: Final[Mapping[str, bool]] = {
    "Reachable": True,
    "Unreachable": False,
    "Removed": False,
}


@dataclass(frozen=True, slots=True)
class LegSighting:
    """A report about one leg."""

    leg_id: LegId
    report: LegReport


@dataclass(frozen=True, slots=True)
class Dialled:
    """Asterisk dials a leg, ordered or not."""

    leg_id: LegId


@dataclass(frozen=True, slots=True)
class PhoneSighting:
    """A report about one address at which a SIP account registered."""

    endpoint: Endpoint
    address: str
    reachable: bool


Sighting = (
    LegSighting
    | Dialled
    | PhoneSighting
    | LegJoined
    | LegKeyed
    | LegHeld
    | LegReferred
    | LegMerged
    | LegStranded
)


def read(message: SafeMessage) -> Sighting | None:
    """What an event says; none if it is none of ours."""
    reader = _READERS.get(message.name)
    return reader(message) if reader else None


def _originate_response(message: SafeMessage) -> Sighting | None:
    leg_id = originated_leg(message.action_id)
    if leg_id is None:
        return None
    answered = message.text("Response").casefold() == "success"
    return LegSighting(leg_id, Responded(answered, _number(message.text("Reason"))))


def _newstate(message: SafeMessage) -> Sighting | None:
    if message.text("ChannelState") not in _RINGING_STATES or not _is_leg(message):
        return None
    return LegSighting(LegId(message.text("Uniqueid")), Ringing())


def _dial_begin(message: SafeMessage) -> Sighting | None:
    leg_id = message.text("DestUniqueid")
    if not leg_id or not message.text("DestChannel").startswith(LEG_CHANNEL):
        return None
    return Dialled(LegId(leg_id))


def _dial_end(message: SafeMessage) -> Sighting | None:
    leg_id = message.text("DestUniqueid")
    if not leg_id or not message.text("Forward"):
        return None
    return LegSighting(LegId(leg_id), Redirected())


def _dial_state(message: SafeMessage) -> Sighting | None:
    leg_id = message.text("DestUniqueid")
    if message.text("DialStatus") not in _RINGING_DIAL_STATES or not leg_id:
        return None
    return LegSighting(LegId(leg_id), Ringing())


def _hangup(message: SafeMessage) -> Sighting | None:
    if not _is_leg(message):
        return None
    code = _SIP_CODE.search(message.text("TechCause"))
    gone = Gone(_number(message.text("Cause")), int(code.group()) if code else None)
    return LegSighting(LegId(message.text("Uniqueid")), gone)


def _confbridge_join(message: SafeMessage) -> Sighting | None:
    leg_id = leg_in_room(message)
    if leg_id is None:
        return None
    contact_id = ContactId(message.text("Conference"))
    bridge = BridgeId(message.text("BridgeUniqueid"))
    return LegJoined(leg_id, contact_id, bridge)


def _user_event(message: SafeMessage) -> Sighting | None:
    leg_id = message.text("Leg") or message.text("Uniqueid")
    code = message.text("Code")
    match message.text("UserEvent"):
        case UserEvent.LEG_LOST if leg_id:
            return LegStranded(LegId(leg_id))
        case UserEvent.FEATURE_CODE if leg_id and _CODE.fullmatch(code):
            return LegKeyed(LegId(leg_id), code)
        case _:
            return None


def _hold(message: SafeMessage) -> Sighting | None:
    if not _is_leg(message):
        return None
    return LegHeld(LegId(message.text("Uniqueid")), message.name == "Hold")


def _blind_transfer(message: SafeMessage) -> Sighting | None:
    leg_id, extension = message.text("TransfererUniqueid"), message.text("Extension")
    return LegReferred(LegId(leg_id), extension) if leg_id and extension else None


def _attended_transfer(message: SafeMessage) -> Sighting | None:
    first = message.text("OrigTransfererUniqueid")
    second = message.text("SecondTransfererUniqueid")
    return LegMerged(LegId(first), LegId(second)) if first and second else None


def _contact_status(message: SafeMessage) -> Sighting | None:
    endpoint = message.text("EndpointName")
    reachable = _REACHABLE.get(message.text("ContactStatus"))
    if reachable is None or not endpoint:
        return None
    return PhoneSighting(Endpoint(endpoint), message.text("URI"), reachable)


_READERS: Final[Mapping[str, Callable[[SafeMessage], Sighting | None]]] = {
    "OriginateResponse": _originate_response,
    "Newstate": _newstate,
    "DialBegin": _dial_begin,
    "DialState": _dial_state,
    "DialEnd": _dial_end,
    "Hangup": _hangup,
    "ConfbridgeJoin": _confbridge_join,
    "UserEvent": _user_event,
    "Hold": _hold,
    "Unhold": _hold,
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "ContactStatus": _contact_status,
}


def _is_leg(message: SafeMessage) -> bool:
    return bool(message.text("Uniqueid")) and is_leg_channel(message.text("Channel"))


def is_leg_channel(name: str) -> bool:
    """Whether a channel is a leg: a phone's, or the near half of one to a room."""
    pair = _ROOM_CHANNEL.fullmatch(name)
    return name.startswith(LEG_CHANNEL) or (pair is not None and pair["half"] == "1")


def leg_in_room(message: SafeMessage) -> LegId | None:
    """The leg that a channel in a room is; of a leg to a room it is the far half."""
    name, leg_id = message.text("Channel"), message.text("Uniqueid")
    pair = _ROOM_CHANNEL.fullmatch(name)
    if pair is not None and pair["half"] == "2":
        return LegId(leg_id.removesuffix(_FAR_HALF))
    return LegId(leg_id) if leg_id and is_leg_channel(name) else None


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


class Legs:
    """The outbound legs under way.

    A leg that nobody began here (an inbound one, or one from before a restart of the controller)
    has an end and nothing else; one that still dials is adopted by ``adopt``.
    """

    def __init__(self) -> None:
        self._legs: dict[LegId, OutboundLeg] = {}
        self._address_of: dict[Endpoint, str] = {}

    def begin(self, leg_id: LegId) -> None:
        """Follow a leg that is about to be dialled.

        Raises:
            TelephonyError: A leg of this name is followed already.
        """
        if leg_id in self._legs:
            message = f"leg {leg_id} was dialled before"
            raise TelephonyError(message)
        if len(self._legs) >= _FORGET_AFTER:
            self._forget_the_failed()
        self._legs[leg_id] = OutboundLeg(leg_id)

    def withdraw(self, leg_id: LegId) -> None:
        """Forget a leg whose order was not taken."""
        self._legs.pop(leg_id, None)

    def is_dialling(self, leg_id: LegId) -> bool:
        """Whether this leg has no fate yet."""
        leg = self._legs.get(leg_id)
        return leg is not None and leg.state is LegState.DIALLING

    def is_stranger(self, leg_id: LegId) -> bool:
        """Whether nobody ordered this outbound leg: it has a name that Asterisk gave it."""
        return leg_id not in self._legs and _NAMED_BY_ASTERISK.fullmatch(leg_id) is not None

    def is_waiting(self, leg_id: LegId) -> bool:
        """Whether ``wait_over`` is to be called for it after a second."""
        leg = self._legs.get(leg_id)
        return leg is not None and leg.is_waiting

    def cancel(self, leg_id: LegId) -> None:
        """Note that we are about to hang this leg up."""
        self._advance(leg_id, CancelAsked())

    def wait_over(self, leg_id: LegId) -> tuple[LegEvent, ...]:
        """Decide on a leg without the piece that did not come."""
        return self._advance(leg_id, WaitOver())

    def take(self, sighting: Sighting) -> tuple[SwitchEvent, ...]:
        """What a sighting means to the service floor."""
        if isinstance(sighting, Dialled):
            return ()
        if isinstance(sighting, PhoneSighting):
            return self._phone(sighting)
        if not isinstance(sighting, LegSighting):
            return (sighting,)
        leg_id, report = sighting.leg_id, sighting.report
        if leg_id not in self._legs:
            match report:
                case Gone():
                    return (LegEnded(leg_id, report.normal),)
                case Responded():
                    self._legs[leg_id] = OutboundLeg(leg_id)
                case _:
                    return ()
        return self._advance(leg_id, report)

    def _phone(self, seen: PhoneSighting) -> tuple[SwitchEvent, ...]:
        """What a sighting means to the account; its phone may be at another address already.

        Asterisk may report a new address as reachable before it removes the one it replaces.
        """
        if seen.reachable:
            self._address_of[seen.endpoint] = seen.address
        elif self._address_of.get(seen.endpoint, seen.address) != seen.address:
            return ()
        return (PhoneChanged(seen.endpoint, seen.reachable),)

    def adopt(self, dialling: Mapping[LegId, bool]) -> None:
        """Start over after a gap: what dials now is followed, with whether it rings.

        What became of the others while nobody listened is for the store to settle.
        """
        self._address_of.clear()
        self._legs = {
            leg_id: OutboundLeg(
                leg_id,
                rang=rings or self._had_rung(leg_id),
                cancelled=leg_id in self._legs and self._legs[leg_id].cancelled,
            )
            for leg_id, rings in dialling.items()
        }

    def _had_rung(self, leg_id: LegId) -> bool:
        leg = self._legs.get(leg_id)
        return leg is not None and leg.rang

    def _advance(self, leg_id: LegId, report: LegReport) -> tuple[LegEvent, ...]:
        leg = self._legs.get(leg_id)
        if leg is None:
            return ()
        leg, events = advance(leg, report)
        if leg.state is LegState.OVER:
            del self._legs[leg_id]
        else:
            self._legs[leg_id] = leg
        return events

    def _forget_the_failed(self) -> None:
        self._legs = {
            leg_id: leg for leg_id, leg in self._legs.items() if leg.state is not LegState.FAILED
        }


def legs_dialling(channels: Iterable[SafeMessage]) -> dict[LegId, bool]:
    """The legs that are being dialled, each with whether it rings, from ``CoreShowChannels``."""
    return {
        LegId(c.text("Uniqueid")): c.text("ChannelState") in _RINGING_STATES
        for c in channels
        if _is_leg(c) and c.text("ChannelState") in _DIALLED_STATES
    }


_DIALLED_STATES: Final = frozenset({"0", "1", "2", "3", "5"})
"""Down, reserved, off hook, dialling, ringing; an inbound leg before its answer is 4 (ring)."""
