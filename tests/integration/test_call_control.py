"""Commands and events over a link, against a hand-written far end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta

import pytest
import pytest_asyncio

from ivr.domain.errors import LegGone, LinkDown, TelephonyError
from ivr.domain.ids import E164, BridgeId, ContactId, Endpoint, LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import (
    HOLD,
    PROGRAM,
    QUIET,
    CallOrder,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegJoined,
    LegRang,
    LegStranded,
    LiveLeg,
    PhoneChanged,
    SwitchDown,
    SwitchEvent,
    SwitchUp,
    ToEndpoint,
    ToNumber,
    ToRoom,
    room,
)
from ivr.telephony import call_control
from ivr.telephony.ami.link import LoginRefused
from ivr.telephony.call_control import AsteriskCallControl, TrunkLine
from tests.peers.ami import AmiPeer, core_status, error, listing, message, silence, success

pytestmark = pytest.mark.integration

LEG = LegId("k1-c1")
PJSIP = {"Channel": "PJSIP/line-00000001", "Uniqueid": LEG}


class House:
    """A call control on a far end, and what it told."""

    def __init__(self, peer: AmiPeer) -> None:
        self.peer = peer
        self.events: list[SwitchEvent] = []
        self.pauses: list[float] = []
        self._changed = asyncio.Event()
        self.control = AsteriskCallControl(
            "127.0.0.1",
            peer.port,
            username="ivr",
            secret="s3cret-s3cret",
            sink=self._take,
            trunks={"line": TrunkLine(Endpoint("line"), lambda number: number.removeprefix("+"))},
            pause=self._pause,
            epoch=lambda: 1_700_000_000.5,
        )

    def _take(self, event: SwitchEvent) -> None:
        self.events.append(event)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(8):
            while not so():
                await self._changed.wait()

    async def saw(self, event: SwitchEvent) -> None:
        await self.until(lambda: event in self.events)


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as far_end:
        far_end.replies["Originate"] = success("Originate successfully queued")
        far_end.replies["Redirect"] = success("Redirect successful")
        far_end.replies["Hangup"] = success("Channel Hungup")
        yield far_end


@pytest_asyncio.fixture
async def house(peer: AmiPeer) -> AsyncIterator[House]:
    the_house = House(peer)
    running = asyncio.create_task(the_house.control.run())
    await the_house.saw(SwitchUp(restarted=False))
    yield the_house
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()


def an_order(*, leg: str = LEG, to: ToEndpoint | ToNumber | ToRoom | None = None) -> CallOrder:
    return CallOrder(
        leg_id=LegId(leg),
        to=to or ToNumber(number=E164("+4930111111"), trunk="line"),
        caller_number="+4930999999",
        caller_name='Shop "Blue"',
        ring=timedelta(seconds=30),
        answer_at=PROGRAM,
        contact_id=ContactId("k1"),
    )


async def test_switch_is_announced_after_a_heartbeat(peer: AmiPeer, house: House) -> None:
    assert house.events == [SwitchUp(restarted=False)]
    (beat,) = peer.named("Setvar")
    assert (beat["Variable"], beat["Value"]) == ("IVR_HEARTBEAT", "1700000000")


async def test_order_is_written_as_asterisk_wants_it(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())

    (sent,) = peer.named("Originate")
    assert sent == {
        "Action": "Originate",
        "ActionID": "leg/k1-c1",
        "Channel": "PJSIP/4930111111@line",
        "Context": "places",
        "Exten": "agi-leg",
        "Priority": "1",
        "Timeout": "30000",
        "CallerID": '"Shop \\"Blue\\"" <+4930999999>',
        "Async": "true",
        "ChannelId": "k1-c1",
        "Variable": "PJSIP_HEADER(add,X-Contact-Id)=k1",
    }


async def test_order_to_a_room_is_a_pair_of_channels_without_sip_headers(
    peer: AmiPeer, house: House
) -> None:
    await house.control.call(an_order(to=ToRoom(contact_id=ContactId("k1"))))

    (sent,) = peer.named("Originate")
    assert sent["Channel"] == "Local/room-k1@places/n"
    assert sent["ChannelId"] == LEG
    assert "Variable" not in sent


async def test_answered_leg_is_told_once(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())
    peer.say(
        {"Event": "Newstate", "ChannelState": "5", **PJSIP},
        {"Event": "Newstate", "ChannelState": "6", **PJSIP},
        {"Event": "OriginateResponse", "ActionID": "leg/k1-c1", "Response": "Success"},
        {"Event": "ConfbridgeJoin", "Conference": "k1", "BridgeUniqueid": "b1", **PJSIP},
        {"Event": "UserEvent", "UserEvent": "LegLost", "Leg": LEG},
        {"Event": "Hangup", "Cause": "16", **PJSIP},
    )
    await house.saw(LegEnded(LEG, normal=True))

    assert house.events[1:] == [
        LegRang(LEG),
        LegAnswered(LEG),
        LegJoined(LEG, ContactId("k1"), BridgeId("b1")),
        LegStranded(LEG),
        LegEnded(LEG, normal=True),
    ]


async def test_failure_waits_for_its_reason(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())
    peer.say(
        {"Event": "OriginateResponse", "ActionID": "leg/k1-c1", "Response": "Failure"},
        {"Event": "Hangup", "Cause": "17", "TechCause": "486", **PJSIP},
    )
    await house.until(lambda: len(house.events) == 2)

    assert house.events[1] == LegFailed(
        LEG, LegOutcome.BUSY, rang=False, detail="reason 0, cause 17, SIP 486"
    )


async def test_failure_without_any_channel_is_decided_after_a_second(
    peer: AmiPeer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_control, "GRACE_SECONDS", 0.05)
    await house.control.call(an_order())
    peer.say({"Event": "OriginateResponse", "ActionID": "leg/k1-c1", "Response": "Failure"})
    await house.until(lambda: len(house.events) == 2)

    assert house.events[1] == LegFailed(
        LEG, LegOutcome.NETWORK_FAILURE, rang=False, detail="reason 0, nothing sent"
    )


async def test_leg_that_nobody_ordered_is_hung_up_at_once(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())
    ours = {"DestChannel": "PJSIP/line-00000001", "DestUniqueid": LEG}
    stranger = {"DestChannel": "PJSIP/line-00000002", "DestUniqueid": "1700000000.2"}
    announcer = {"DestChannel": "CBAnn/k1-00000001;1", "DestUniqueid": "1700000000.3"}
    from_before = {"DestChannel": "PJSIP/line-00000004", "DestUniqueid": "k9-c1"}
    peer.say(
        {"Event": "DialBegin", **ours},
        {"Event": "DialBegin", **announcer},
        {"Event": "DialBegin", **from_before},
        {"Event": "DialBegin", **stranger},
        {"Event": "DialEnd", "DialStatus": "CANCEL", "Forward": "PJSIP/+1@line", **ours},
    )
    await house.until(lambda: len(house.events) == 2)
    await peer.until(lambda: bool(peer.named("Hangup")))

    assert house.events[1] == LegFailed(LEG, LegOutcome.REJECTED, rang=False, detail="redirected")
    assert [each["Channel"] for each in peer.named("Hangup")] == ["1700000000.2"]


async def test_leg_name_is_never_dialled_twice(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())

    with pytest.raises(TelephonyError, match="dialled before"):
        await house.control.call(an_order())

    assert len(peer.named("Originate")) == 1


async def test_refused_order_may_be_tried_under_its_name_again(peer: AmiPeer, house: House) -> None:
    peer.replies["Originate"] = error("Channel not specified")
    with pytest.raises(TelephonyError, match="took no order"):
        await house.control.call(an_order())
    peer.replies["Originate"] = success()

    await house.control.call(an_order())


@pytest.mark.parametrize(
    "to",
    [
        ToNumber(number=E164("+49"), trunk="line"),
        ToNumber(number=E164("4930111111"), trunk="line"),
        ToNumber(number=E164("+4930111111@evil"), trunk="line"),
        ToNumber(number=E164("+49301111\u0661"), trunk="line"),
        ToNumber(number=E164("+4930111111\n"), trunk="line"),
        ToNumber(number=E164("+1234567890123456"), trunk="line"),
        ToNumber(number=E164("+4930111111"), trunk="other"),
        ToEndpoint(endpoint=Endpoint("alice/sip:evil@example.com")),
        ToEndpoint(endpoint=Endpoint("alice&bob")),
        ToEndpoint(endpoint=Endpoint("")),
    ],
)
async def test_what_is_no_number_and_no_endpoint_is_never_sent(
    peer: AmiPeer, house: House, to: ToNumber | ToEndpoint
) -> None:
    with pytest.raises(TelephonyError):
        await house.control.call(an_order(to=to))

    assert peer.named("Originate") == []


async def test_move_is_one_redirect(peer: AmiPeer, house: House) -> None:
    await house.control.move(LEG, room(ContactId("k1")))

    (sent,) = peer.named("Redirect")
    del sent["ActionID"]
    assert sent == {
        "Action": "Redirect",
        "Channel": "k1-c1",
        "Context": "places",
        "Exten": "room-k1",
        "Priority": "1",
    }


async def test_move_of_a_leg_on_its_way_is_tried_again(peer: AmiPeer, house: House) -> None:
    """Redirect fails while the one before has not been consumed: 6 to 10 % of moves were lost."""
    replies = iter([*[error("Redirect failed, channel not up.")] * 3, success()])
    peer.replies["Redirect"] = lambda action: next(replies)(action)

    await house.control.move(LEG, HOLD)

    assert len(peer.named("Redirect")) == 4
    assert house.pauses == [0.02] * 3


@pytest.mark.parametrize(
    ("words", "tries"),
    [("Redirect failed, channel not up.", 10), ("Channel does not exist: k1-c1", 1)],
)
async def test_move_of_a_leg_that_is_gone(
    peer: AmiPeer, house: House, words: str, tries: int
) -> None:
    peer.replies["Redirect"] = error(words)

    with pytest.raises(LegGone):
        await house.control.move(LEG, HOLD)

    assert len(peer.named("Redirect")) == tries


async def test_moves_of_one_leg_wait_for_each_other(peer: AmiPeer, house: House) -> None:
    held: list[Mapping[str, str]] = []

    def hold_back(action: Mapping[str, str]) -> str:
        held.append(action)
        return ""

    peer.replies["Redirect"] = hold_back
    first = asyncio.create_task(house.control.move(LEG, HOLD))
    second = asyncio.create_task(house.control.move(LEG, QUIET))
    other = asyncio.create_task(house.control.move(LegId("k2-c1"), QUIET))
    await peer.until(lambda: len(held) == 2)
    assert [action["Exten"] for action in held if action["Channel"] == LEG] == ["hold"]

    for action in list(held):
        peer.say_raw(success()(action).encode())
    await peer.until(lambda: len(held) == 3)
    peer.say_raw(success()(held[2]).encode())
    await asyncio.gather(first, second, other)

    assert [action["Exten"] for action in held if action["Channel"] == LEG] == ["hold", "quiet"]
    assert len(house.control._locks) == 0


async def test_hang_up_while_it_rings_is_cancelled_by_us(peer: AmiPeer, house: House) -> None:
    await house.control.call(an_order())
    await house.control.hang_up(LEG)
    peer.say(
        {"Event": "Hangup", "Cause": "16", **PJSIP},
        {"Event": "OriginateResponse", "ActionID": "leg/k1-c1", "Response": "Failure"},
    )
    await house.until(lambda: len(house.events) == 2)

    assert house.events[1] == LegFailed(
        LEG, LegOutcome.CANCELLED, rang=False, detail="reason 0, cause 16, no SIP code"
    )


async def test_hang_up_of_a_leg_that_is_gone_is_no_error(peer: AmiPeer, house: House) -> None:
    peer.replies["Hangup"] = error("No such channel")

    await house.control.hang_up(LEG)


async def test_hang_up_that_is_refused_is_an_error(peer: AmiPeer, house: House) -> None:
    peer.replies["Hangup"] = error("Permission denied")

    with pytest.raises(TelephonyError, match="Permission denied"):
        await house.control.hang_up(LEG)


async def test_live_legs_and_phones_are_read_from_the_switch(peer: AmiPeer, house: House) -> None:
    peer.replies["CoreShowChannels"] = listing(
        "CoreShowChannel",
        {**PJSIP, "ChannelState": "6", "Context": "places", "Exten": "room-k1"},
        {"Channel": "CBAnn/k1-00000001;1", "Uniqueid": "x", "ChannelState": "6"},
    )
    peer.replies["DeviceStateList"] = listing(
        "DeviceStateChange",
        {"Device": "PJSIP/alice", "State": "NOT_INUSE"},
        {"Device": "PJSIP/bob-two", "State": "INUSE"},
        {"Device": "PJSIP/carla", "State": "UNAVAILABLE"},
        {"Device": "Queue:x", "State": "NOT_INUSE"},
    )

    assert await house.control.live_legs() == [
        LiveLeg(leg_id=LEG, place=room(ContactId("k1")), up=True)
    ]
    assert await house.control.reachable_phones() == {"alice", "bob-two"}


async def test_phone_that_goes_and_comes_is_told(peer: AmiPeer, house: House) -> None:
    for status in ("Unreachable", "Reachable", "Removed"):
        peer.say({"Event": "ContactStatus", "ContactStatus": status, "EndpointName": "alice"})
    await house.until(lambda: len(house.events) == 4)

    assert house.events[1:] == [
        PhoneChanged(Endpoint("alice"), reachable) for reachable in (False, True, False)
    ]


async def test_lost_link_is_told_and_comes_back(peer: AmiPeer, house: House) -> None:
    peer.cut()
    await house.until(lambda: len(house.events) == 3)

    assert house.events == [
        SwitchUp(restarted=False),
        SwitchDown(),
        SwitchUp(restarted=False),
    ]


async def test_new_switch_is_told_from_the_old_one(peer: AmiPeer, house: House) -> None:
    peer.replies["CoreStatus"] = core_status("10:00:00")
    peer.cut()
    await house.saw(SwitchUp(restarted=True))

    assert house.events[1] == SwitchDown()


async def test_commands_while_the_switch_is_down_send_nothing(peer: AmiPeer, house: House) -> None:
    await peer.vanish()
    await house.saw(SwitchDown())

    for command in (
        house.control.call(an_order()),
        house.control.move(LEG, HOLD),
        house.control.hang_up(LEG),
        house.control.live_legs(),
        house.control.reachable_phones(),
    ):
        with pytest.raises(LinkDown) as caught:
            await command
        assert not caught.value.maybe_done


async def test_order_lost_with_the_link_may_have_been_carried_out(
    peer: AmiPeer, house: House
) -> None:
    peer.replies["Originate"] = silence
    asked = asyncio.create_task(house.control.call(an_order()))
    await peer.until(lambda: len(peer.named("Originate")) == 1)
    peer.cut()

    with pytest.raises(LinkDown) as caught:
        await asked
    await house.until(lambda: house.events.count(SwitchUp(restarted=False)) == 2)

    assert caught.value.maybe_done
    assert len(peer.named("Originate")) == 1


async def test_leg_that_dials_over_a_gap_is_followed_to_its_fate(
    peer: AmiPeer, house: House
) -> None:
    await house.control.call(an_order())
    peer.replies["CoreShowChannels"] = listing("CoreShowChannel", {**PJSIP, "ChannelState": "5"})
    peer.cut()
    await house.until(lambda: house.events.count(SwitchUp(restarted=False)) == 2)

    peer.say(
        {
            "Event": "OriginateResponse",
            "ActionID": "leg/k1-c1",
            "Response": "Failure",
            "Reason": "3",
        },
        {"Event": "Hangup", "Cause": "19", "TechCause": "480", **PJSIP},
        {"Event": "Hangup", "Cause": "16", **PJSIP, "Uniqueid": "1700000000.1"},
    )
    await house.saw(LegEnded(LegId("1700000000.1"), normal=True))

    assert house.events[3:] == [
        LegFailed(LEG, LegOutcome.NO_ANSWER, rang=True, detail="reason 3"),
        LegEnded(LegId("1700000000.1"), normal=True),
    ]


async def test_events_of_a_session_come_after_its_announcement(peer: AmiPeer, house: House) -> None:
    hangup = {"Event": "Hangup", "Cause": "16", **PJSIP}
    status = core_status("09:00:00")
    peer.replies["CoreStatus"] = lambda action: message(hangup) + status(action)
    peer.cut()
    await house.saw(LegEnded(LEG, normal=True))

    assert house.events[-2:] == [SwitchUp(restarted=False), LegEnded(LEG, normal=True)]


async def test_switch_that_does_not_boot_is_tried_again(
    peer: AmiPeer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_control, "BOOT_SECONDS", 0.05)
    booting, peer.replies["Login"] = peer.replies["Login"], success("Authentication accepted")
    peer.cut()
    await peer.until(lambda: peer.logins >= 3)
    assert house.events == [SwitchUp(restarted=False), SwitchDown()]
    peer.replies["Login"] = booting
    await house.until(lambda: len(house.events) == 3)

    assert house.events[2] == SwitchUp(restarted=False)


async def test_heart_beats_while_the_link_lives(
    peer: AmiPeer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_control, "HEARTBEAT_SECONDS", 0.05)
    peer.cut()
    await peer.until(lambda: len(peer.named("Setvar")) >= 6)

    assert house.control.is_up


async def test_login_refused_for_good_ends_the_pillar(peer: AmiPeer) -> None:
    peer.replies["Login"] = error("Authentication failed")

    with pytest.raises(LoginRefused):
        await House(peer).control.run()


async def test_user_without_permissions_ends_the_pillar(peer: AmiPeer) -> None:
    peer.replies["CoreStatus"] = error("Permission denied")
    peer.replies["CoreShowChannels"] = error("Permission denied")

    with pytest.raises(TelephonyError, match="Permission denied"):
        await House(peer).control.run()
