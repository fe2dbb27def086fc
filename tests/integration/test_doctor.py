"""The second client and what it finds, against a hand-written far end: the cures of pyst2 0.5.1."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import pytest
import pytest_asyncio
from asterisk.manager import ManagerAuthException, ManagerException, ManagerSocketException

from ivr.domain.ids import Endpoint, LegId
from ivr.ports.telephony import HOLD, LiveLeg
from ivr.telephony.dialplan import FIXED_PLACES
from ivr.telephony.doctor import NEEDED_ACTIONS, Finding, SwitchOracle, examine
from ivr.telephony.second_client import SecondClient
from ivr.telephony.write_guard import Unsendable
from tests.peers.ami import AmiPeer, error, listing, message, silence, success

pytestmark = pytest.mark.integration

T = TypeVar("T")


def variables(values: Mapping[str, str]) -> Callable[[Mapping[str, str]], str]:
    return lambda action: message(
        {
            "Response": "Success",
            "ActionID": action["ActionID"],
            "Variable": action["Variable"],
            "Value": values.get(action["Variable"], ""),
        }
    )


def fields(**headers: str) -> Callable[[Mapping[str, str]], str]:
    return lambda action: message(
        {"Response": "Success", "ActionID": action["ActionID"], **headers}
    )


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as far_end:
        far_end.replies |= {
            "Login": success("Authentication accepted"),
            "CoreSettings": fields(AsteriskVersion="22.10.1"),
            "ListCommands": fields(**dict.fromkeys(NEEDED_ACTIONS, "allowed")),
            "ShowDialPlan": listing(
                "ListDialplan",
                *({"Extension": name} for name in (*FIXED_PLACES, "_room-.", "_agi-.")),
            ),
            "Getvar": variables({"IVR_HEARTBEAT": "1000", "EPOCH": "1004"}),
            "DeviceStateList": listing(
                "DeviceStateChange",
                {"Device": "PJSIP/anna", "State": "NOT_INUSE"},
                {"Device": "PJSIP/bob", "State": "UNAVAILABLE"},
            ),
            "PJSIPShowRegistrationsOutbound": listing(
                "OutboundRegistrationDetail", {"ObjectName": "line", "Status": "Registered"}
            ),
        }
        yield far_end


async def with_client(peer: AmiPeer, work: Callable[[SecondClient], T], **options: float) -> T:
    """Let the blocking client work in a thread."""

    def run() -> T:
        with SecondClient(**options) as client:
            client.connect("127.0.0.1", peer.port)
            client.login("ivr", "s3cret")
            return work(client)

    return await asyncio.to_thread(run)


async def look(peer: AmiPeer, *phones: str) -> dict[str, Finding]:
    found = await asyncio.to_thread(
        examine,
        "127.0.0.1",
        peer.port,
        username="ivr",
        secret="s3cret",
        phones=[Endpoint(phone) for phone in phones],
        timeout_seconds=1,
    )
    return {finding.subject: finding for finding in found}


async def test_variables_of_channels_are_read(peer: AmiPeer) -> None:
    """PY1: a ChanVariable ended the reading thread, and every later action hung."""
    item = {"Uniqueid": "1", "ChanVariable": "CONTACT=k1"}
    peer.replies["Status"] = listing("Status", item, {"Uniqueid": "2", "ChanVariable": "A=b=c"})

    answer = await with_client(peer, lambda client: client.status())

    assert [event.text("ChanVariable") for event in answer.events] == ["CONTACT=k1", "A=b=c"]


async def test_answers_are_found_by_their_action(peer: AmiPeer) -> None:
    """PY2: answers went to whoever waited longest, with events in between."""
    stray = {"Response": "Success", "ActionID": "someone-else", "Message": "not yours"}
    event = {"Event": "Hangup", "Uniqueid": "1"}
    peer.replies["Ping"] = lambda action: message(stray) + message(event) + success("Pong")(action)

    answer = await with_client(peer, lambda client: client.ping())

    assert answer.text("Message") == "Pong"


async def test_silence_is_given_up_in_time(peer: AmiPeer) -> None:
    """PY2: no timeout anywhere, and after one everything was one off."""
    peer.replies["Ping"] = silence

    def ping(client: SecondClient) -> bool:
        with pytest.raises(ManagerSocketException):
            client.ping()
        return client.connected()

    assert await with_client(peer, ping, timeout_seconds=0.1) is False


async def test_answer_in_drops_is_given_up_in_time(peer: AmiPeer) -> None:
    """PY2: the time is for the whole answer, not for each line of it."""
    peer.replies["Ping"] = silence

    def ping(client: SecondClient) -> float:
        began = time.monotonic()
        with pytest.raises(ManagerSocketException):
            client.ping()
        return time.monotonic() - began

    asked = asyncio.create_task(with_client(peer, ping, timeout_seconds=0.3))
    await peer.until(lambda: len(peer.named("Ping")) == 1)
    while not asked.done():
        peer.say({"Event": "Drop"})
        await asyncio.wait({asked}, timeout=0.05)

    assert await asked < 1


async def test_actions_share_no_headers(peer: AmiPeer) -> None:
    """PY3: the default argument kept the headers and the ActionID of the action before."""

    def act(client: SecondClient) -> None:
        client.send_action(Action="Ping", Extra="1")
        client.send_action(Action="Ping")

    await with_client(peer, act)

    first, second = peer.named("Ping")
    assert "Extra" not in second
    assert first["ActionID"] != second["ActionID"]


async def test_list_that_says_will_follow_is_a_list(peer: AmiPeer) -> None:
    """PY4: "Channel status will follow" made one blob of everything until a marker."""

    def reply(action: Mapping[str, str]) -> str:
        whole = listing("Status", {"Uniqueid": "1"}, {"Uniqueid": "2"})(action)
        return whole.replace("Message: will", "Message: Channel status will")

    peer.replies["Status"] = reply
    answers = await with_client(peer, lambda client: (client.status(), client.ping()))

    assert [event.text("Uniqueid") for event in answers[0].events] == ["1", "2"]
    assert answers[1].text("Message") == "Pong"


async def test_every_line_of_a_commands_output_is_kept(peer: AmiPeer) -> None:
    """PY5: on Asterisk 14 and later only the last Output line survived."""
    peer.replies["Command"] = lambda action: message(
        {"Response": "Success", "ActionID": action["ActionID"]}
    ).replace("\r\n\r\n", "\r\nOutput: one\r\nOutput: two\r\n\r\n")

    answer = await with_client(peer, lambda client: client.command("core show uptime"))

    assert answer.data == "one\ntwo"
    assert answer.all("Output") == ["one", "two"]


async def test_stream_is_read_in_blocks(peer: AmiPeer) -> None:
    """PY6: one read per byte, nearly a millisecond per event."""
    noise = message({"Event": "VarSet", **{f"Header{n}": "x" * 20 for n in range(19)}}) * 5000
    peer.replies["Ping"] = lambda action: noise + success("Pong")(action)

    began = time.monotonic()
    answer = await with_client(peer, lambda client: client.ping())

    assert answer.ok
    assert time.monotonic() - began < 3


async def test_close_asks_nobody(peer: AmiPeer) -> None:
    """PY8: close and the destructor logged off, which waits for ever on a silent peer."""
    peer.replies["Logoff"] = silence

    def leave(client: SecondClient) -> None:
        client.close()
        client.close()
        client.connect("127.0.0.1", peer.port)

    await with_client(peer, leave)
    forgotten = SecondClient()
    del forgotten
    gc.collect()

    assert peer.named("Logoff") == []
    assert peer.connections == 2


async def test_connect_again_needs_a_close(peer: AmiPeer) -> None:
    """PY8: a closed object could not be connected again."""

    def again(client: SecondClient) -> None:
        with pytest.raises(ManagerException, match="already"):
            client.connect("127.0.0.1", peer.port)

    await with_client(peer, again)


async def test_line_break_is_refused(peer: AmiPeer) -> None:
    """PY9: CR and LF in a value were another action."""

    def inject(client: SecondClient) -> None:
        with pytest.raises(Unsendable):
            client.hangup("x\r\n\r\nAction: Command\r\nCommand: core stop now")

    await with_client(peer, inject)

    assert b"core stop" not in peer.raw


async def test_lost_connection_is_an_error(peer: AmiPeer) -> None:
    def lose(client: SecondClient) -> None:
        with pytest.raises(ManagerSocketException):
            client.ping()
        with pytest.raises(ManagerException, match="not connected"):
            client.ping()

    def cut(_: Mapping[str, str]) -> str:
        peer.cut()
        return ""

    peer.replies["Ping"] = cut
    await with_client(peer, lose)


async def test_peer_that_is_no_asterisk_is_told(peer: AmiPeer) -> None:
    peer.greeting = "220 mail ready\r\n"

    with pytest.raises(ManagerException, match="no Asterisk"):
        await with_client(peer, lambda client: client.ping())


async def test_refused_login_is_told(peer: AmiPeer) -> None:
    peer.replies["Login"] = error("Authentication failed")

    with pytest.raises(ManagerAuthException):
        await with_client(peer, lambda client: client.ping())


# --- findings -----------------------------------------------------------------------------------


async def test_healthy_switch_has_no_complaint(peer: AmiPeer) -> None:
    found = await look(peer, "anna")

    assert [finding.words for finding in found.values() if not finding.ok] == []
    assert set(found) == {
        "connection",
        "version",
        "permissions",
        "dialplan",
        "heartbeat",
        "phone",
        "registration",
        "legs",
    }
    assert found["heartbeat"].words == "a controller gave a sign of life 4 s ago"


@pytest.mark.parametrize(
    ("subject", "action", "reply", "words"),
    [
        ("version", "CoreSettings", fields(AsteriskVersion="20.9.1"), "22.10 is needed"),
        ("version", "CoreSettings", fields(AsteriskVersion=""), "22.10 is needed"),
        ("permissions", "ListCommands", fields(Originate="x"), "may not: CoreShowChannels"),
        ("dialplan", "ShowDialPlan", listing("ListDialplan", {"Extension": "hold"}), "lacks"),
        ("heartbeat", "Getvar", variables({"EPOCH": "1004"}), "no controller"),
        (
            "heartbeat",
            "Getvar",
            variables({"EPOCH": "1100", "IVR_HEARTBEAT": "1000"}),
            "100 s ago",
        ),
        (
            "registration",
            "PJSIPShowRegistrationsOutbound",
            listing("OutboundRegistrationDetail", {"ObjectName": "line", "Status": "Rejected"}),
            "trunk line is not registered",
        ),
        (
            "legs",
            "CoreShowChannels",
            listing(
                "CoreShowChannel",
                {"Channel": "PJSIP/a-1", "Context": "places", "Exten": "lost", "Uniqueid": "1"}
                | {"ChannelStateDesc": "Up"},
            ),
            "1 of them at no place",
        ),
        ("connection", "CoreSettings", error("Permission denied"), "Permission denied"),
        ("connection", "CoreSettings", silence, "failed"),
        ("connection", "Login", error("Authentication failed"), "refuses the user 'ivr'"),
    ],
)
async def test_complaint_says_what_is_wrong(
    peer: AmiPeer,
    subject: str,
    action: str,
    reply: Callable[[Mapping[str, str]], str],
    words: str,
) -> None:
    peer.replies[action] = reply

    finding = (await look(peer, "anna"))[subject]

    assert not finding.ok
    assert words in finding.words
    assert "s3cret" not in finding.words


@pytest.mark.parametrize(
    ("phone", "words"), [("bob", "not reachable"), ("nobody", "has never registered")]
)
async def test_phone_that_is_not_there_is_told(peer: AmiPeer, phone: str, words: str) -> None:
    finding = (await look(peer, phone))["phone"]

    assert not finding.ok
    assert words in finding.words


async def test_switch_that_is_not_there_is_one_finding(peer: AmiPeer) -> None:
    await peer.vanish()

    found = await look(peer)

    assert list(found) == ["connection"]
    assert not found["connection"].ok


async def test_oracle_reads_legs_at_their_places(peer: AmiPeer) -> None:
    peer.replies["CoreShowChannels"] = listing(
        "CoreShowChannel",
        {
            "Channel": "PJSIP/a-1",
            "Context": "places",
            "Exten": "hold",
            "Uniqueid": "1",
            "ChannelStateDesc": "Up",
        },
        {"Channel": "CBAnn/x", "Uniqueid": "2"},
    )

    def ask() -> list[LiveLeg]:
        with SwitchOracle("127.0.0.1", peer.port, username="ivr", secret="s3cret") as oracle:
            return oracle.legs()

    assert await asyncio.to_thread(ask) == [LiveLeg(leg_id=LegId("1"), place=HOLD, up=True)]
