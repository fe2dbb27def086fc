from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.ids import ContactId, LegId
from ivr.ports.telephony import (
    END,
    GOODBYE,
    HOLD,
    LOST,
    PROGRAM,
    QUIET,
    REORDER,
    RINGBACK,
    SORRY_RINGING,
    Place,
    PlaceKind,
    coach,
    listen,
    reminder,
    sorry,
)
from ivr.ports.telephony import room as room_of
from ivr.telephony import dialplan

pytestmark = pytest.mark.unit

PLACES = (
    *(HOLD, RINGBACK, SORRY_RINGING, QUIET, PROGRAM, LOST, REORDER, GOODBYE, END),
    *(room_of(ContactId("k1")), sorry(ContactId("k1")), reminder(ContactId("k1"))),
    *(listen(LegId("k1-a1")), coach(LegId("1795268924.3"))),
)


def test_every_kind_of_place_has_a_name() -> None:
    assert {place.kind for place in PLACES} == set(PlaceKind)


@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_found_again_by_its_name(place: Place) -> None:
    assert dialplan.place_named(dialplan.name_of(place)) == place


@pytest.mark.parametrize("script", dialplan.Script)
def test_a_leg_at_any_script_is_in_the_controllers_hands(script: dialplan.Script) -> None:
    assert dialplan.place_named(dialplan.agi(script)) == PROGRAM


@pytest.mark.parametrize("name", ["i", "", "s", "+493012345", "*81"])
def test_a_leg_elsewhere_is_at_no_place(name: str) -> None:
    assert dialplan.place_named(name) is None


def test_a_room_needs_a_contact() -> None:
    with pytest.raises(ValueError, match="contact"):
        dialplan.name_of(Place(PlaceKind.ROOM))


def test_a_supervisor_needs_a_leg_to_listen_to() -> None:
    with pytest.raises(ValueError, match="nobody to listen to"):
        dialplan.name_of(Place(PlaceKind.LISTEN))


def test_no_letter_of_a_pattern_means_a_digit() -> None:
    names = {dialplan.name_of(place).split("-")[0] for place in PLACES if place.leg or place.room}

    assert not [name for name in names if set(name) & set("nxz")]


@pytest.mark.parametrize(
    "text", ["", "hold,1", "hold\n", "room-k1@places", "a b", "${X}", "ä", "x" * 80]
)
def test_a_name_that_could_be_read_as_more_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a place"):
        dialplan.place_name(text)


@given(st.text())
def test_a_room_holds_nothing_that_the_dialplan_reads_as_more(contact: str) -> None:
    try:
        name = dialplan.room(ContactId(contact))
    except ValueError:
        return

    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
