"""The AMI link against a far end that misbehaves: the cures of panoramisk 1.4's defects."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ivr.domain.errors import LinkDown
from ivr.telephony.ami import connection
from ivr.telephony.ami import link as ami_link
from ivr.telephony.ami.actions import AmiAction
from ivr.telephony.ami.link import AmiLink, LoginRefused
from ivr.telephony.ami.message import SafeMessage
from ivr.telephony.write_guard import Unsendable
from tests.peers.ami import AmiPeer, error, listing, message, silence, success

pytestmark = pytest.mark.integration


class Listener:
    """Keeps the names of events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.messages: list[SafeMessage] = []
        self._changed = asyncio.Event()

    def __call__(self, event: SafeMessage) -> None:
        self.messages.append(event)
        self._changed.set()
        self._changed = asyncio.Event()

    def names(self) -> list[str]:
        return [m.name for m in self.messages if m.name != "FullyBooted"]

    async def heard(self, name: str) -> SafeMessage:
        async with asyncio.timeout(5):
            while name not in self.names():
                await self._changed.wait()
        return next(m for m in self.messages if m.name == name)


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[AmiPeer]:
    async with AmiPeer() as far_end:
        yield far_end


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest_asyncio.fixture
async def link(peer: AmiPeer, listener: Listener) -> AsyncIterator[AmiLink]:
    the_link = a_link(peer, listener)
    await the_link.open()
    yield the_link
    the_link.close()


def a_link(peer: AmiPeer, listener: Listener, **watch: float) -> AmiLink:
    return AmiLink(
        "127.0.0.1", peer.port, username="ivr", secret="s3cret-s3cret", on_event=listener, **watch
    )


async def test_action_is_answered(peer: AmiPeer, link: AmiLink) -> None:
    answer = await link.action(AmiAction("Ping"))

    assert answer.ok
    assert answer.words == "Pong"
    assert answer.events == ()
    assert link.protocol.responses == {}
    assert link.protocol.version == "11.0.0"


async def test_error_is_an_answer(peer: AmiPeer, link: AmiLink) -> None:
    answer = await link.action(AmiAction("Frobnicate"))

    assert not answer.ok
    assert answer.words == "Invalid/unknown command"


async def test_list_is_what_says_so(peer: AmiPeer, link: AmiLink, listener: Listener) -> None:
    peer.replies["CoreShowChannels"] = listing("CoreShowChannel", {"Uniqueid": "1"}, {})

    answer = await link.action(AmiAction("CoreShowChannels"))

    assert [event.text("Uniqueid") for event in answer.events] == ["1", ""]
    assert listener.names() == []


async def test_added_to_queue_is_no_list(peer: AmiPeer, link: AmiLink) -> None:
    """PA1: "Added interface to queue" never resolved."""
    peer.replies["QueueAdd"] = success("Added interface to queue")

    answer = await link.action(AmiAction("QueueAdd"))

    assert answer.ok


async def test_successfully_queued_is_no_list(peer: AmiPeer, link: AmiLink) -> None:
    """PA2: "successfully queued" without Async aborted the connection."""
    peer.replies["Atxfer"] = success("Atxfer successfully queued")

    assert (await link.action(AmiAction("Atxfer"))).ok
    assert (await link.action(AmiAction("Ping"))).ok
    assert peer.connections == 1


async def test_error_to_a_list_action_is_its_answer(peer: AmiPeer, link: AmiLink) -> None:
    """PA13: an Error answer to a list action hung."""
    peer.replies["CoreShowChannels"] = error("Permission denied")

    assert (await link.action(AmiAction("CoreShowChannels"))).words == "Permission denied"


async def test_failing_callback_harms_nobody(
    peer: AmiPeer, link: AmiLink, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """PA3: an exception in a callback aborted the connection and lost the rest of the chunk."""

    def fail(_: object, event: SafeMessage) -> None:
        raise RuntimeError(event.name)

    link.register_event("First", fail)
    peer.say({"Event": "First"}, {"Event": "Second"})
    await listener.heard("Second")

    assert listener.names() == ["First", "Second"]
    assert (await link.action(AmiAction("Ping"))).ok
    assert "event callback failed" in caplog.text


async def test_unanswered_action_is_never_sent_again(peer: AmiPeer, link: AmiLink) -> None:
    """PA4: an unanswered Originate was sent again after a reconnect: the customer called twice."""
    peer.replies["Originate"] = silence
    asked = asyncio.create_task(link.action(AmiAction("Originate")))
    await peer.until(lambda: len(peer.named("Originate")) == 1)

    peer.cut()
    with pytest.raises(LinkDown) as caught:
        await asked
    await link.open()
    await link.action(AmiAction("Ping"))

    assert caught.value.maybe_done
    assert peer.logins == 2
    assert len(peer.named("Originate")) == 1
    assert not link.awaiting_actions


async def test_action_while_down_is_refused_and_forgotten(peer: AmiPeer, link: AmiLink) -> None:
    """PA4: what was sent while the link was down ran whenever it returned."""
    peer.cut()
    await link.until_lost()

    with pytest.raises(LinkDown) as caught:
        await link.action(AmiAction("Originate"))
    with pytest.raises(LinkDown):
        link.send_action(AmiAction("Originate"))
    await link.open()
    await link.action(AmiAction("Ping"))

    assert not caught.value.maybe_done
    assert peer.named("Originate") == []


async def test_list_cut_in_the_middle_fails(peer: AmiPeer, link: AmiLink) -> None:
    """PA5: futures of lists that had begun, of pings and of logins never resolved."""
    whole = listing("CoreShowChannel", {"Uniqueid": "1"})
    peer.replies["CoreShowChannels"] = lambda action: whole(action)[:120]
    asked = asyncio.create_task(link.action(AmiAction("CoreShowChannels")))
    await peer.until(lambda: len(peer.named("CoreShowChannels")) == 1)

    peer.cut()

    with pytest.raises(LinkDown) as caught:
        await asked
    assert caught.value.maybe_done


async def test_silent_peer_is_noticed(peer: AmiPeer, listener: Listener) -> None:
    """PA6: a silent peer was never noticed, and each ping leaked an entry."""
    link = a_link(peer, listener, ping_after=0.1, dead_after=0.4)
    await link.open()
    peer.replies["Ping"] = silence

    async with asyncio.timeout(2):
        await link.until_lost()

    assert peer.named("Ping")
    assert link.protocol.responses == {}
    assert not link.is_up
    link.close()


async def test_peer_that_answers_pings_is_kept(peer: AmiPeer, listener: Listener) -> None:
    link = a_link(peer, listener, ping_after=0.05, dead_after=0.4)
    await link.open()

    await peer.until(lambda: len(peer.named("Ping")) >= 12)

    assert link.is_up
    assert peer.connections == 1
    link.close()


def test_shipped_watch_notices_within_ten_seconds() -> None:
    assert ami_link.DEAD_AFTER_SECONDS * 9 / 8 <= 10
    assert ami_link.PING_AFTER_SECONDS * 2 < ami_link.DEAD_AFTER_SECONDS


@pytest.mark.parametrize("evil", ["a\r\n\r\nAction: Command", "a\nb", "a\rb", "a\0b"])
async def test_line_break_in_a_value_is_refused(peer: AmiPeer, link: AmiLink, evil: str) -> None:
    """PA7: CR and LF in a value were another action."""
    before = len(peer.raw)

    with pytest.raises(Unsendable) as caught:
        await link.action(AmiAction("Setvar", (("Variable", "X"), ("Value", evil))))
    await link.action(AmiAction("Ping"))

    assert "evil" not in str(caught.value)
    assert b"Setvar" not in peer.raw[before:]
    assert link.protocol.responses == {}


async def test_refused_login_surfaces_after_three_tries(peer: AmiPeer, listener: Listener) -> None:
    """PA8: a refused login raised nothing and was repeated every two seconds for ever."""
    peer.replies["Login"] = error("Authentication failed")
    link = a_link(peer, listener)

    with pytest.raises(LoginRefused, match="Authentication failed"):
        await link.open()

    assert peer.logins == 3
    assert not link.is_up


async def test_close_while_it_waits_to_reconnect_is_final(
    peer: AmiPeer, listener: Listener
) -> None:
    """PA9: close() during the reconnect wait reconnected and logged in afterwards."""
    await peer.vanish()
    link = a_link(peer, listener)
    opening = asyncio.create_task(link.open())
    await asyncio.wait({opening}, timeout=0.3)

    link.close()
    with pytest.raises(LinkDown, match="closed"):
        await opening
    await peer.listen()
    with pytest.raises(LinkDown, match="closed"):
        await link.open()

    assert peer.connections == 0


async def test_every_split_of_a_stream_reads_the_same(peer: AmiPeer, link: AmiLink) -> None:
    """PA10: a UTF-8 character split over two TCP segments vanished ("José" became "Jos")."""
    raw = message({"Event": "A", "Name": "Ünï"}) + message({"Event": "B", "Empty": ""})
    got: list[str] = []
    link.callbacks["*"] = [lambda _, event: got.append(f"{event.name}{event.text('Name')}")]

    for split in range(1, len(raw.encode())):
        link.protocol.data_received(raw.encode()[:split])
        link.protocol.data_received(raw.encode()[split:])

    assert got == ["AÜnï", "B"] * (len(raw.encode()) - 1)


async def test_wrong_bytes_are_replaced(peer: AmiPeer, link: AmiLink, listener: Listener) -> None:
    peer.say_raw(b"Event: Latin\r\nName: Jos\xe9\r\n\r\n")

    assert (await listener.heard("Latin")).text("Name") == "Jos\ufffd"


async def test_events_arrive_in_order(peer: AmiPeer, link: AmiLink, listener: Listener) -> None:
    """PA11: coroutine callbacks ran out of order; only plain functions are taken."""

    async def later(*_: object) -> None: ...

    with pytest.raises(TypeError, match="coroutine"):
        link.register_event("*", later)
    peer.say(*({"Event": f"E{number}"} for number in range(500)))
    await listener.heard("E499")

    assert listener.names() == [f"E{number}" for number in range(500)]


async def test_originate_response_is_always_dispatched(
    peer: AmiPeer, link: AmiLink, listener: Listener
) -> None:
    """PA12: an event with the id of a pending action was swallowed."""
    response = {"Event": "OriginateResponse", "ActionID": "leg/k1-c1", "Response": "Success"}
    peer.replies["Originate"] = lambda action: (
        message(response) + success("Originate successfully queued")(action) + message(response)
    )

    answer = await link.action(AmiAction("Originate", action_id="leg/k1-c1"))
    await listener.heard("OriginateResponse")

    assert answer.ok
    assert listener.names() == ["OriginateResponse"] * 2


async def test_slow_action_leaves_nothing_behind(
    peer: AmiPeer, link: AmiLink, listener: Listener
) -> None:
    """PA14: timed-out actions stayed pending; a late answer goes to nobody."""
    peer.replies["Slow"] = silence

    with pytest.raises(LinkDown) as caught:
        await link.action(AmiAction("Slow", action_id="slow"), within=0.05)
    peer.say({"Response": "Success", "ActionID": "slow"}, {"Event": "After"})
    await listener.heard("After")

    assert caught.value.maybe_done
    assert link.protocol.responses == {}


async def test_peer_that_does_not_read_is_not_filled_up(peer: AmiPeer, link: AmiLink) -> None:
    """PA14: no back-pressure."""
    link.protocol.transport = StuffedTransport(link.protocol.transport)
    with pytest.raises(LinkDown) as caught:
        await link.action(AmiAction("Ping"))

    assert not caught.value.maybe_done


class StuffedTransport:
    """A transport whose peer reads nothing."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def get_write_buffer_size(self) -> int:
        return connection.UNSENT_LIMIT + 1

    def is_closing(self) -> bool:
        return False

    def write(self, _: bytes) -> None:
        raise AssertionError("nothing may be written")

    def abort(self) -> None:
        self._transport.abort()


async def test_action_before_the_first_session_is_link_down(
    peer: AmiPeer, listener: Listener
) -> None:
    """PA15: AttributeError on None."""
    with pytest.raises(LinkDown) as caught:
        await a_link(peer, listener).action(AmiAction("Ping"))

    assert not caught.value.maybe_done


async def test_callbacks_are_found_by_exact_name(
    peer: AmiPeer, link: AmiLink, listener: Listener
) -> None:
    """PA16: each event was matched against every pattern."""
    got: list[str] = []
    link.register_event("Hangup", lambda _, event: got.append(event.name))
    link.register_event("Hang*", lambda _, event: got.append("a pattern"))
    peer.say({"Event": "Hangup"}, {"Event": "HangupRequest"})
    await listener.heard("HangupRequest")

    assert got == ["Hangup"]


def test_message_says_what_it_does_not_have() -> None:
    """PA18: every attribute existed and was empty, so that copying raised TypeError."""
    event = SafeMessage({"Event": "Hangup", "Values": "2"})

    with pytest.raises(AttributeError):
        _ = event.evnet
    assert copy.copy(event).text("event") == "Hangup"
    assert event.text("VALUES") == "2"
    assert event.text("absent") == ""


def test_output_of_a_command_is_its_content() -> None:
    """PA19: since Asterisk 14 the text is in Output lines, and content was empty."""
    one = SafeMessage.parse(b"Response: Success\r\nOutput: one\r\nOutput: two\r\nOutput: three")

    assert one is not None
    assert one.content == "one\ntwo\nthree"


async def test_wrong_greeting_is_no_switch(peer: AmiPeer, listener: Listener) -> None:
    peer.greeting = "SSH-2.0-OpenSSH_9.2\r\n"
    link = a_link(peer, listener)
    opening = asyncio.create_task(link.open())
    await peer.until(lambda: peer.connections >= 2)

    assert peer.actions == [] or not link.is_up
    link.close()
    with pytest.raises(LinkDown):
        await opening


async def test_endless_message_ends_the_session(peer: AmiPeer, link: AmiLink) -> None:
    peer.say_raw(b"Event: Endless\r\n" + b"X: " + b"x" * (connection.MESSAGE_LIMIT + 10))

    async with asyncio.timeout(5):
        await link.until_lost()

    assert not link.is_up


async def test_link_is_back_within_five_seconds(peer: AmiPeer, link: AmiLink) -> None:
    loop = asyncio.get_running_loop()
    await peer.vanish()
    await link.until_lost()
    opening = asyncio.create_task(link.open())
    await asyncio.wait({opening}, timeout=1.0)
    await peer.listen()
    started = loop.time()

    await opening

    assert loop.time() - started < ami_link.RETRY_CAP_SECONDS + 0.5
    assert link.is_up


async def test_first_try_after_a_good_session_is_at_once(
    peer: AmiPeer, link: AmiLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami_link, "PROVEN_SECONDS", 0.0)
    loop = asyncio.get_running_loop()
    peer.cut()
    await link.until_lost()
    started = loop.time()

    await link.open()

    assert loop.time() - started < 0.1


async def test_sessions_that_die_young_come_ever_slower(
    peer: AmiPeer, link: AmiLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.telephony.ami.link.random.uniform", lambda low, high: high)
    loop = asyncio.get_running_loop()
    took = []
    for _ in range(4):
        peer.cut()
        await link.until_lost()
        started = loop.time()
        await link.open()
        took.append(loop.time() - started)

    assert took == sorted(took)
    assert took[-1] >= 0.8
