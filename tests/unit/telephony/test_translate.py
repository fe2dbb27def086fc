"""Asterisk's events in our own words, from text as Asterisk wrote it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.errors import TelephonyError
from ivr.domain.ids import BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import (
    LOST,
    PROGRAM,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegHeld,
    LegJoined,
    LegKeyed,
    LegMerged,
    LegRang,
    LegReferred,
    LegStranded,
    LiveLeg,
    PhoneChanged,
    SwitchEvent,
    room,
)
from ivr.telephony.ami import snapshot, translate
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.ami.translate import Dialled, Legs, legs_dialling, read

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "ami"


def recorded(name: str) -> list[SafeMessage]:
    """What Asterisk 22 wrote, message by message."""
    raw = (FIXTURES / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    messages = [SafeMessage.parse(block) for block in raw.split(b"\r\n\r\n")]
    return [message for message in messages if message is not None]


def tell(*messages: SafeMessage, began: str | None = None) -> list[SwitchEvent]:
    legs = Legs()
    if began:
        legs.begin(LegId(began))
    told: list[SwitchEvent] = []
    for message in messages:
        sighting = read(message)
        if sighting is not None:
            told += legs.take(sighting)
    if began and legs.is_waiting(LegId(began)):
        told += legs.wait_over(LegId(began))
    return told


def an_event(name: str, **headers: str) -> SafeMessage:
    return SafeMessage({"Event": name, **headers})


def test_recorded_answer_is_told_in_order() -> None:
    leg = LegId("rec-answered-c1")

    assert tell(*recorded("answered"), began=leg) == [
        LegRang(leg),
        LegAnswered(leg),
        LegJoined(leg, ContactId("k1"), BridgeId("2f9f568d-7612-4abd-bf75-0e6ad5faa0ed")),
        LegEnded(leg, normal=True),
    ]


@pytest.mark.parametrize(
    ("name", "outcome", "rang"),
    [
        ("busy", LegOutcome.BUSY, False),
        ("declined", LegOutcome.REJECTED, True),
        ("unknown", LegOutcome.INVALID_NUMBER, False),
        ("rang_out", LegOutcome.NO_ANSWER, True),
        ("early_media_rang_out", LegOutcome.NO_ANSWER, True),
        ("silent", LegOutcome.NETWORK_FAILURE, False),
        ("unreachable", LegOutcome.NETWORK_FAILURE, False),
    ],
)
def test_recorded_failures_in_every_order(name: str, outcome: LegOutcome, rang: bool) -> None:
    leg = LegId(f"rec-{name}-c1")
    story = recorded(name)
    ringing = [m for m in story if m.name in {"Newstate", "DialState"}]
    rest = [m for m in story if m not in ringing]

    for order in itertools.permutations(rest):
        told = tell(*ringing, *order, began=leg)
        failed = told[-1]
        assert isinstance(failed, LegFailed)
        assert (failed.leg_id, failed.outcome, failed.rang) == (leg, outcome, rang)
        assert told[:-1] == ([LegRang(leg)] if rang else [])


def test_recorded_redirect_to_a_device_is_a_refusal_though_a_stranger_answers() -> None:
    leg = LegId("rec-redirected-c1")

    told = tell(*recorded("redirected"), began=leg)

    assert told == [LegFailed(leg, LegOutcome.REJECTED, False, "redirected")]
    dialled = [s for s in map(read, recorded("redirected")) if isinstance(s, Dialled)]
    assert [d.leg_id == leg for d in dialled] == [True, False]


def test_recorded_phone_comes_and_goes() -> None:
    assert tell(*recorded("contact_status")) == [
        PhoneChanged(Endpoint("anna"), True),
        PhoneChanged(Endpoint("anna"), False),
    ]


def test_a_phone_at_a_new_address_is_there_though_the_old_one_goes() -> None:
    def reports(status: str, address: str) -> SafeMessage:
        return an_event("ContactStatus", ContactStatus=status, EndpointName="anna", URI=address)

    old, new = "sip:anna@127.0.0.1:5070", "sip:anna@127.0.0.1:5071"
    there, gone = PhoneChanged(Endpoint("anna"), True), PhoneChanged(Endpoint("anna"), False)
    came = reports("Reachable", new)

    assert tell(came, reports("Removed", old)) == [there]
    assert tell(reports("Removed", old), came) == [gone, there]
    assert tell(came, reports("Unreachable", new)) == [there, gone]


def test_leg_that_falls_out_of_its_place_is_stranded() -> None:
    event = an_event("UserEvent", UserEvent="LegLost", Leg="k1-c1", Uniqueid="k1-c1")

    assert tell(event) == [LegStranded(LegId("k1-c1"))]
    assert tell(an_event("UserEvent", UserEvent="Other", Leg="k1-c1")) == []


def test_a_feature_code_is_a_star_and_digits() -> None:
    keyed = {"UserEvent": "FeatureCode", "Leg": "k1-a1", "Uniqueid": "k1-a1"}

    assert tell(an_event("UserEvent", Code="*71", **keyed)) == [LegKeyed(LegId("k1-a1"), "*71")]
    for code in ("", "1", "*", "*12345", "*1#"):
        assert tell(an_event("UserEvent", Code=code, **keyed)) == []


def test_the_hold_key_and_a_blind_transfer_of_a_phone_are_told() -> None:
    leg = {"Channel": "PJSIP/agent-anna-00000003", "Uniqueid": "k1-a1"}
    transfer = {"TransfererUniqueid": "k1-a1", "Extension": "*71", "Result": "Invalid"}

    assert tell(
        an_event("Hold", **leg), an_event("Unhold", **leg), an_event("BlindTransfer", **transfer)
    ) == [
        LegHeld(LegId("k1-a1"), held=True),
        LegHeld(LegId("k1-a1"), held=False),
        LegReferred(LegId("k1-a1"), "*71"),
    ]
    assert tell(an_event("Hold", Channel="CBAnn/k1", Uniqueid="7.1")) == []


def test_an_attended_transfer_is_told_with_both_lines() -> None:
    lines = {"OrigTransfererUniqueid": "k1-a1", "SecondTransfererUniqueid": "1795268924.4"}

    told = tell(an_event("AttendedTransfer", Result="Invalid", DestType="Fail", **lines))

    assert told == [LegMerged(LegId("k1-a1"), LegId("1795268924.4"))]
    assert tell(an_event("AttendedTransfer", OrigTransfererUniqueid="k1-a1")) == []


def test_inbound_leg_only_ends() -> None:
    inbound = {"Channel": "PJSIP/line-1", "Uniqueid": "17.1"}

    assert tell(
        an_event("Newstate", ChannelState="4", **inbound),
        an_event("Newstate", ChannelState="6", **inbound),
        an_event("Hangup", Cause="16", **inbound),
    ) == [LegEnded(LegId("17.1"), normal=True)]


def test_end_of_a_leg_to_a_room_is_told() -> None:
    near = {"Channel": "Local/room-k1@places-00000001;1", "Uniqueid": "k1-f1"}

    assert tell(an_event("Hangup", Cause="16", **near)) == [LegEnded(LegId("k1-f1"), normal=True)]


def test_leg_to_a_room_joins_by_its_far_half() -> None:
    far = {"Channel": "Local/room-k1@places-00000001;2", "Uniqueid": "k1-f1;2"}
    join = {"Conference": "k1", "BridgeUniqueid": "b1"}

    assert tell(an_event("ConfbridgeJoin", **join, **far)) == [
        LegJoined(LegId("k1-f1"), ContactId("k1"), BridgeId("b1"))
    ]
    assert tell(an_event("Hangup", Cause="16", **far)) == []


@pytest.mark.parametrize(
    "channel",
    [
        "CBAnn/k1-00000001;2",
        "Surrogate/PJSIP/x-1",
        "Local/x@y-1;1",
    ],
)
def test_channels_that_are_no_legs_are_not_told(channel: str) -> None:
    other = {"Channel": channel, "Uniqueid": "17.1"}

    assert (
        tell(
            an_event("Hangup", Cause="16", **other),
            an_event("ConfbridgeJoin", Conference="k1", **other),
        )
        == []
    )


def test_originates_of_others_are_not_told() -> None:
    response = {"Response": "Failure", "Reason": "0"}

    assert tell(an_event("OriginateResponse", ActionID="someone/1", **response)) == []
    assert tell(an_event("OriginateResponse", **response)) == []


def test_leg_from_before_a_restart_has_its_fate_told() -> None:
    event = an_event("OriginateResponse", ActionID="leg/k1-c1", Response="Success", Reason="4")

    assert tell(event) == [LegAnswered(LegId("k1-c1"))]


@pytest.mark.parametrize("tech_cause", ["486", "SIP 486 Busy Here", "486 Busy"])
def test_sip_code_is_found_in_the_tech_cause(tech_cause: str) -> None:
    told = tell(
        an_event("OriginateResponse", ActionID="leg/x", Response="Failure", Reason="0"),
        an_event("Hangup", Channel="PJSIP/a-1", Uniqueid="x", Cause="17", TechCause=tech_cause),
        began="x",
    )

    assert [e.outcome for e in told if isinstance(e, LegFailed)] == [LegOutcome.BUSY]


def test_leg_is_followed_under_one_name_once() -> None:
    legs = Legs()
    legs.begin(LegId("x"))

    with pytest.raises(TelephonyError):
        legs.begin(LegId("x"))
    legs.withdraw(LegId("x"))
    legs.begin(LegId("x"))


def test_after_a_gap_only_what_still_dials_is_followed() -> None:
    legs = Legs()
    for name in ("dials", "gone"):
        legs.begin(LegId(name))
    legs.cancel(LegId("dials"))
    channels = [
        an_event("CoreShowChannel", Channel="PJSIP/a-1", Uniqueid="dials", ChannelState="5"),
        an_event("CoreShowChannel", Channel="PJSIP/b-1", Uniqueid="new", ChannelState="0"),
        an_event("CoreShowChannel", Channel="PJSIP/c-1", Uniqueid="up", ChannelState="6"),
        an_event("CoreShowChannel", Channel="PJSIP/d-1", Uniqueid="inbound", ChannelState="4"),
    ]

    assert legs_dialling(channels) == {"dials": True, "new": False}
    legs.adopt(legs_dialling(channels))

    assert legs.is_dialling(LegId("dials"))
    assert legs.is_dialling(LegId("new"))
    assert not legs.is_dialling(LegId("gone"))
    hangup = an_event("Hangup", Channel="PJSIP/a-1", Uniqueid="dials", Cause="16")
    sighting = read(hangup)
    assert sighting is not None
    assert legs.take(sighting) == ()
    (failed,) = legs.wait_over(LegId("dials"))
    assert isinstance(failed, LegFailed)
    assert (failed.outcome, failed.rang) == (LegOutcome.CANCELLED, True)


def test_legs_that_were_never_sent_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "_FORGET_AFTER", 3)
    legs = Legs()
    for number in range(10):
        leg = LegId(str(number))
        legs.begin(leg)
        sighting = read(
            an_event("OriginateResponse", ActionID=f"leg/{leg}", Response="Failure", Reason="0")
        )
        assert sighting is not None
        legs.take(sighting)
        legs.wait_over(leg)

    assert len(legs._legs) <= 3


def test_live_legs_are_read_with_their_places() -> None:
    def channel(**headers: str) -> SafeMessage:
        return an_event("CoreShowChannel", **headers)

    up = {"ChannelState": "6", "Context": "places"}
    assert snapshot.live_legs(
        [
            channel(Channel="PJSIP/a-1", Uniqueid="1", Exten="room-k1", BridgeId="b1", **up),
            channel(Channel="PJSIP/b-1", Uniqueid="2", Exten="lost", BridgeId="", **up),
            channel(Channel="PJSIP/c-1", Uniqueid="3", Context="inbound", Exten="s"),
            channel(Channel="CBAnn/k1;1", Uniqueid="4", Exten="room-k1", **up),
            channel(Channel="Local/room-k1@places-1;1", Uniqueid="k1-f1", Exten="agi-leg", **up),
            channel(Channel="Local/room-k1@places-1;2", Uniqueid="k1-f1;2", BridgeId="b1", **up),
        ]
    ) == [
        LiveLeg(leg_id=LegId("1"), place=room(ContactId("k1")), up=True, bridge=BridgeId("b1")),
        LiveLeg(leg_id=LegId("2"), place=LOST, up=True),
        LiveLeg(leg_id=LegId("3"), place=None, up=False),
        LiveLeg(leg_id=LegId("k1-f1"), place=PROGRAM, up=True, bridge=BridgeId("b1")),
    ]


def test_start_of_the_switch_is_compared_as_text() -> None:
    status = SafeMessage({"CoreStartupDate": "2026-01-05", "CoreStartupTime": "09:00:00"})

    assert snapshot.started_at(status) == "2026-01-05 09:00:00"


NAMES = [
    *("OriginateResponse", "Newstate", "DialBegin", "DialState", "DialEnd", "Hangup"),
    *("ConfbridgeJoin", "UserEvent"),
]
HEADERS = ["Channel", "Uniqueid", "ActionID", "Cause", "TechCause", "Reason", "ChannelState"]


@given(
    st.sampled_from([*NAMES, "ContactStatus", "Other"]),
    st.dictionaries(
        st.sampled_from(HEADERS), st.text() | st.lists(st.text(), min_size=1, max_size=2)
    ),
)
def test_any_event_is_read(name: str, headers: dict[str, str | list[str]]) -> None:
    sighting = read(SafeMessage({"Event": name, **headers}))

    if sighting is not None:
        for event in Legs().take(sighting):
            assert isinstance(event, SwitchEvent)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    message = SafeMessage.parse(raw)

    assert message is None or isinstance(message.name, str)
