"""What the service floor needs from the switch: legs, places, events, and a live participant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from ivr.domain.ids import E164, BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome


class PlaceKind(Enum):
    """What a leg does at a place."""

    ROOM = "room"  # talks with everybody in the same room
    LISTEN = "listen"  # hears what another leg hears and says
    COACH = "coach"  # likewise, and is heard by that leg alone
    SORRY = "sorry"  # hears that a key did nothing, then talks on in the room
    SORRY_RINGING = "sorry-ringing"  # hears that a key did nothing, then ringing again
    REMINDER = "reminder"  # hears that somebody is still on hold, then talks on in the room
    HOLD = "hold"  # hears music
    RINGBACK = "ringback"  # hears ringing
    QUIET = "quiet"  # hears nothing
    PROGRAM = "program"  # is handed to the controller, which plays and collects
    LOST = "lost"  # fell out of its place: hears music until it is moved
    REORDER = "reorder"  # hears fast busy, then is hung up
    GOODBYE = "goodbye"  # hears the goodbye sentence, then is hung up
    END = "end"  # is hung up


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leg is; every change in who hears whom moves one leg to a place.

    Attributes:
        room: Whose talking room, where the kind has one.
        leg: Which leg is listened to, where the kind has one.
    """

    kind: PlaceKind
    room: ContactId | None = None
    leg: LegId | None = None


HOLD = Place(PlaceKind.HOLD)
RINGBACK = Place(PlaceKind.RINGBACK)
SORRY_RINGING = Place(PlaceKind.SORRY_RINGING)
QUIET = Place(PlaceKind.QUIET)
PROGRAM = Place(PlaceKind.PROGRAM)
LOST = Place(PlaceKind.LOST)
REORDER = Place(PlaceKind.REORDER)
GOODBYE = Place(PlaceKind.GOODBYE)
END = Place(PlaceKind.END)


def room(contact_id: ContactId) -> Place:
    """The talking room of a contact."""
    return Place(PlaceKind.ROOM, contact_id)


def listen(leg_id: LegId) -> Place:
    """Where a supervisor hears what a leg hears and says."""
    return Place(PlaceKind.LISTEN, leg=leg_id)


def coach(leg_id: LegId) -> Place:
    """Where a supervisor is heard by a leg alone, and hears what it hears and says."""
    return Place(PlaceKind.COACH, leg=leg_id)


def sorry(contact_id: ContactId) -> Place:
    """An error tone on the way back to the talking room of a contact."""
    return Place(PlaceKind.SORRY, contact_id)


def reminder(contact_id: ContactId) -> Place:
    """A tone that somebody is on hold, on the way back to the talking room of a contact."""
    return Place(PlaceKind.REMINDER, contact_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToEndpoint:
    """A SIP account on our switch: an agent's phone or a caller account."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class ToNumber:
    """A phone number through a trunk; the adapter writes it in the trunk's format."""

    number: E164
    trunk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToRoom:
    """The talking room of a contact: whatever the leg plays is heard there, and it hears all."""

    contact_id: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """One outbound leg to be made.

    Attributes:
        leg_id: Our name for the channel; never used twice.
        caller_number: What the called phone shows; none = anonymous.
        answer_at: Where the leg goes when it answers.
        auto_answer: Whether the phone is asked to answer by itself (``answer-after=0``).
        contact_id: Sent in the INVITE as ``X-Contact-Id``.
        keys_codes: Whether its keys may be feature codes.
    """

    leg_id: LegId
    to: ToEndpoint | ToNumber | ToRoom
    caller_number: str | None
    caller_name: str | None
    ring: timedelta
    answer_at: Place
    contact_id: ContactId
    auto_answer: bool = False
    keys_codes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLeg:
    """A leg as the switch sees it now (after a reconnect the switch is the truth).

    Attributes:
        up: Whether it has answered.
        bridge: Where it is mixed with others; none while it is in no room.
    """

    leg_id: LegId
    place: Place | None
    up: bool
    bridge: BridgeId | None = None


# --- events, past tense -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LegRang:
    """An outbound leg's phone rings (a 180 or 183 was seen)."""

    leg_id: LegId


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """An outbound leg was answered and is on its way to its first place."""

    leg_id: LegId


@dataclass(frozen=True, slots=True)
class LegFailed:
    """An outbound leg ended without an answer.

    Attributes:
        detail: The switch's own words, for the journal: cause and SIP code, no numbers.
    """

    leg_id: LegId
    outcome: LegOutcome
    rang: bool
    detail: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """An answered or inbound leg is gone.

    Attributes:
        normal: False where the network or the phone failed rather than somebody hanging up.
    """

    leg_id: LegId
    normal: bool


@dataclass(frozen=True, slots=True)
class LegJoined:
    """A leg entered a talking room.

    Attributes:
        bridge: Which of the room's, should the switch have made more than one.
    """

    leg_id: LegId
    contact_id: ContactId
    bridge: BridgeId


@dataclass(frozen=True, slots=True)
class LegKeyed:
    """An agent's leg has keyed a feature code, such as ``*1``.

    Codes of two digits, such as ``*71``, are heard in a talking room only.
    """

    leg_id: LegId
    code: str


@dataclass(frozen=True, slots=True)
class LegHeld:
    """A phone's own hold key was pressed, or pressed again (``held`` false)."""

    leg_id: LegId
    held: bool


@dataclass(frozen=True, slots=True)
class LegReferred:
    """A phone asked to transfer its call to an extension (blind REFER); the switch did nothing."""

    leg_id: LegId
    extension: str


@dataclass(frozen=True, slots=True)
class LegMerged:
    """A phone asked to connect the far ends of two of its calls (attended REFER).

    The switch did nothing: whoever talks is in a room, which it does not transfer.
    """

    leg_id: LegId
    other: LegId


@dataclass(frozen=True, slots=True)
class LegStranded:
    """A leg fell out of its place; it hears music until somebody moves it."""

    leg_id: LegId


@dataclass(frozen=True, slots=True)
class PhoneChanged:
    """A SIP account became reachable or unreachable."""

    endpoint: Endpoint
    reachable: bool


@dataclass(frozen=True, slots=True)
class SwitchUp:
    """The link to the switch is ready; compare the store with ``CallControl.live_legs``.

    Attributes:
        restarted: Whether the switch itself is new since the last time (all legs are gone).
    """

    restarted: bool


@dataclass(frozen=True, slots=True)
class SwitchDown:
    """The link to the switch is lost; calls go on, events are missed."""


LegEvent = (
    LegRang
    | LegAnswered
    | LegFailed
    | LegEnded
    | LegJoined
    | LegKeyed
    | LegHeld
    | LegReferred
    | LegMerged
    | LegStranded
)
SwitchEvent = LegEvent | PhoneChanged | SwitchUp | SwitchDown
EventSink = Callable[[SwitchEvent], None]
"""Called in order, on the event loop; must only put the event into an inbox."""


class CallControl(Protocol):
    """Commands to the switch."""

    async def call(self, order: CallOrder) -> None:
        """Make an outbound leg; its fate arrives as events, exactly one of answered or failed.

        Raises:
            LinkDown: With ``maybe_done`` False nothing was sent; never repeated by itself.
        """
        ...

    async def move(self, leg_id: LegId, place: Place) -> None:
        """Send a live leg to a place.

        Raises:
            LegGone: The leg is no longer there.
            LinkDown: The switch cannot be reached.
        """
        ...

    async def hang_up(self, leg_id: LegId) -> None:
        """End a leg; one that is already gone is no error.

        Raises:
            LinkDown: The switch cannot be reached.
        """
        ...

    async def live_legs(self) -> Sequence[LiveLeg]:
        """Every leg on the switch now.

        Raises:
            LinkDown: The switch cannot be reached.
        """
        ...

    async def reachable_phones(self) -> frozenset[Endpoint]:
        """SIP accounts that answer now.

        Raises:
            LinkDown: The switch cannot be reached.
        """
        ...


# --- a live participant -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a leg came to be handed to the controller.

    Attributes:
        script: ``inbound`` (a new or returning call), ``leg`` (moved or originated to PROGRAM)
            or ``feature`` (an agent's phone dialled a feature code).
        dialled: The site's number that was called; inbound only.
        caller: The caller's number as received; none when withheld.
        endpoint: The SIP account or trunk the leg came through.
        code: The feature code; feature only.
        tries: How often this leg came back after the controller was away; 0 at first.
        keys_codes: Whether its keys may be feature codes.
    """

    script: str
    dialled: str | None
    caller: str | None
    caller_name: str | None
    endpoint: str
    code: str | None
    tries: int
    keys_codes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Keys pressed by a participant.

    Attributes:
        pressed: Without the terminator.
        timed_out: The time for the first or a further key was up; otherwise the terminator or the
            last key asked for ended the entry.
    """

    pressed: str
    timed_out: bool


class Participant(Protocol):
    """A live leg that plays and collects; every method raises ``LegGone`` once it has left."""

    @property
    def leg_id(self) -> LegId:
        """The leg."""
        ...

    @property
    def entry(self) -> Entry:
        """How it came here."""
        ...

    async def answer(self) -> None:
        """Answer the call if it is not answered yet."""
        ...

    async def play(self, sounds: Sequence[str]) -> None:
        """Play sounds one after the other to their end; keys but feature codes are ignored."""
        ...

    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_keys: int,
        first: timedelta,
        between: timedelta,
        terminator: str,
    ) -> Keys:
        """Play sounds and take keys at once; the first key stops the sounds.

        Keys that begin with the star of a feature code are none: the sounds begin again.

        Args:
            sounds: Sound ids, possibly none.
            max_keys: Entry ends with this many keys.
            first: Time for the first key after the sounds.
            between: Time for each further key.
            terminator: The key that ends entry and is not part of it; empty = every key counts.
        """
        ...

    async def music(self, duration: timedelta) -> None:
        """Play music on hold for so long; keys but feature codes are ignored."""
        ...

    def code_answered(self, code: str, *, accepted: bool) -> None:
        """Say whether a feature code that was keyed here did something; if not, a tone is heard.

        An answer that comes late, or to a code of another place, changes nothing.
        """
        ...

    async def leave(self, place: Place) -> None:
        """Send the leg to its next place; the participant is over."""
        ...

    async def refuse(self) -> None:
        """Refuse a call that was never answered: no such number here (404)."""
        ...

    async def reorder(self) -> None:
        """Play fast busy to the caller and hang up."""
        ...


ParticipantHandler = Callable[[Participant], "object"]
"""Awaited for each leg handed over; the leg re-enters the dialplan when it returns."""
