"""Names shared with ``asterisk-conf/``: contexts, places, scripts, variables, user events.

Asterisk's configuration is the original; ``tests/integration/test_asterisk_conf.py`` compares the
two. A place is an extension of the context ``places``; what a leg does there is said in
``extensions.conf``.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NewType

from ivr.domain.ids import ContactId, LegId
from ivr.ports.telephony import Place, PlaceKind

PlaceName = NewType("PlaceName", str)
"""The extension of a place. Built here only, so that none can carry anything but a name."""


class Context(StrEnum):
    """Contexts of the dialplan."""

    PLACES = "places"
    INBOUND = "inbound"  # what trunks and caller accounts may dial: the site's numbers
    AGENTS = "agents"  # what agents' own phones may dial: feature codes
    CODES = "codes"  # what an agent's keys in a room run, named by the menu of the same name
    NOWHERE = "nowhere"  # where a redirecting far end (302) looks for its new destination


class Script(StrEnum):
    """Why a leg is handed to the controller; FastAGI's script name."""

    INBOUND = "inbound"  # a call to one of the site's numbers
    FEATURE = "feature"  # an agent's phone dialled a feature code
    LEG = "leg"  # a leg that the controller originated or moved there itself


class ScriptArgument(StrEnum):
    """FastAGI's ``agi_arg_N`` headers, in order; empty where they do not apply."""

    DIALLED = "agi_arg_1"  # the site's number in E.164; inbound only
    CODE = "agi_arg_2"  # the feature code with its star; feature only
    TRIES = "agi_arg_3"  # how often the leg came back in vain; 0 at first
    MENU = "agi_arg_4"  # the menu of an agent's keys


class Variable(StrEnum):
    """Channel variables, and globals where said."""

    DIALLED = "IVR_DID"
    CODE = "IVR_CODE"
    MENU = "IVR_MENU"  # the menu of an agent's keys: ``codes``; empty for everybody else
    NEXT = "IVR_NEXT"  # the place a script sends its leg to, set as its last command
    HEARTBEAT = "IVR_HEARTBEAT"  # global: the controller's last sign of life, seconds since 1970


class UserEvent(StrEnum):
    """User events that the dialplan raises."""

    LEG_LOST = "LegLost"  # the leg fell out of its place
    FEATURE_CODE = "FeatureCode"  # an agent's leg has keyed a code; headers Leg and Code


SYSTEM_SOUNDS: Final = ("system/one-moment", "system/goodbye")
"""Sentences that the dialplan itself plays, below the folder of rendered sounds."""

HEARTBEAT_SECONDS: Final = 5
"""How often the controller renews the heartbeat; after 60 s waiting legs hear a goodbye."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,79}", re.ASCII)
_ROOM: Final = "room-"
_AGI: Final = "agi-"


def place_name(text: str) -> PlaceName:
    """Check a place's name.

    Raises:
        ValueError: It holds anything but letters, digits, ``_``, ``.`` and ``-``, or is longer than
            an extension may be (``AST_MAX_EXTENSION`` is 80 with its closing NUL).
    """
    if not _NAME.fullmatch(text):
        message = f"not a place: {text!r}"
        raise ValueError(message)
    return PlaceName(text)


def room(contact_id: ContactId) -> PlaceName:
    """The talking room of a contact."""
    return place_name(_ROOM + contact_id)


def agi(script: Script) -> PlaceName:
    """The place that hands a leg to the controller."""
    return place_name(_AGI + script)


HOLD: Final = PlaceName("hold")
RING: Final = PlaceName("ring")
SORRY: Final = PlaceName("sorry")
QUIET: Final = PlaceName("quiet")
LOST: Final = PlaceName("lost")
REORDER: Final = PlaceName("reorder")
GOODBYE: Final = PlaceName("goodbye")
BYE: Final = PlaceName("bye")

FIXED_PLACES: Final = frozenset({HOLD, RING, SORRY, QUIET, LOST, REORDER, GOODBYE, BYE})
"""Every place that is not one per contact, per leg or per script."""

_NAMES: Final = {
    PlaceKind.HOLD: HOLD,
    PlaceKind.RINGBACK: RING,
    PlaceKind.SORRY_RINGING: SORRY,
    PlaceKind.QUIET: QUIET,
    PlaceKind.PROGRAM: agi(Script.LEG),
    PlaceKind.LOST: LOST,
    PlaceKind.REORDER: REORDER,
    PlaceKind.GOODBYE: GOODBYE,
    PlaceKind.END: BYE,
}
# A pattern of the dialplan takes the letters n, x and z for digits.
_OF_ROOMS: Final = {
    PlaceKind.ROOM: _ROOM,
    PlaceKind.SORRY: "sorry-",
    PlaceKind.REMINDER: "recall-",
}
_OF_LEGS: Final = {PlaceKind.LISTEN: "hear-", PlaceKind.COACH: "coach-"}
_KINDS: Final = {name: kind for kind, name in _NAMES.items()}


def name_of(place: Place) -> PlaceName:
    """The name under which the dialplan knows a place.

    Raises:
        ValueError: It lacks its contact or leg, or has one with an id that no extension can carry.
    """
    if place.kind in _OF_ROOMS:
        if not place.room:
            message = "a room belongs to a contact"
            raise ValueError(message)
        return place_name(_OF_ROOMS[place.kind] + place.room)
    if place.kind in _OF_LEGS:
        if not place.leg:
            message = "nobody to listen to"
            raise ValueError(message)
        return place_name(_OF_LEGS[place.kind] + place.leg)
    return _NAMES[place.kind]


def place_named(name: str) -> Place | None:
    """The place that a channel's extension means; none where a leg is not in a place."""
    for kind, prefix in _OF_ROOMS.items():
        if name.startswith(prefix):
            return Place(kind, ContactId(name.removeprefix(prefix)))
    for kind, prefix in _OF_LEGS.items():
        if name.startswith(prefix):
            return Place(kind, leg=LegId(name.removeprefix(prefix)))
    if name.startswith(_AGI):
        return Place(PlaceKind.PROGRAM)
    fixed = _KINDS.get(PlaceName(name))
    return None if fixed is None else Place(fixed)
