"""The FastAGI door against legs that misbehave: the cures of panoramisk 1.4's defects."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import pytest_asyncio
import uvloop

from ivr.domain.errors import LegGone, TelephonyError
from ivr.ports.telephony import HOLD, Entry, Keys, Participant
from ivr.telephony.agi import server as agi_server
from ivr.telephony.agi.errors import (
    AGIAppError,
    AGIConnectionLost,
    AGIDeadChannel,
    AGIHangup,
    AGIInvalidCommand,
    AGIResultHangup,
    AGIUsageError,
)
from ivr.telephony.agi.server import AgiApplication, AgiRequest, FastAgiServer
from ivr.telephony.ami.actions import AmiAction
from ivr.telephony.ami.link import AmiLink
from ivr.telephony.write_guard import Unsendable
from tests.listener import Listener
from tests.peers.agi import HEADERS, AgiPeer, header
from tests.peers.ami import AmiPeer

pytestmark = pytest.mark.integration

Script = Callable[[AgiRequest], Awaitable[None]]


class Door:
    """A listening application whose one script the test writes."""

    def __init__(self) -> None:
        self.application = AgiApplication(header_seconds=0.3)
        self.outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.port = 0

    async def listen(self) -> Listener:
        listener = Listener(self.application.handler, limit=agi_server.LINE_LIMIT)
        await listener.listen()
        self.port = listener.port
        return listener

    def runs(self, script: Callable[[AgiRequest], Awaitable[object]]) -> None:
        async def endpoint(request: AgiRequest) -> None:
            try:
                result = await script(request)
            except Exception as error:
                self.outcome.set_result(error)
                raise
            self.outcome.set_result(result)

        self.application.add_route("inbound", endpoint)

    def leg(self) -> AgiPeer:
        return AgiPeer(self.port)

    async def result(self) -> object:
        async with asyncio.timeout(5):
            return await self.outcome


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    the_door = Door()
    listener = await the_door.listen()
    yield the_door
    await the_door.application.end_all()
    await listener.close()


async def ask_name(request: AgiRequest) -> str | None:
    return (await request.send_command("GET VARIABLE NAME")).data


async def test_command_is_answered(door: Door) -> None:
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo (sales))"))

        assert await door.result() == "Jo (sales)"
        assert await leg.ended()


@pytest.mark.parametrize("start", [b"", b"agi_network: yes\n", header()[:-1]])
async def test_connection_closed_before_its_header_stops_nobody(door: Door, start: bytes) -> None:
    """PF1: connect and close stopped the whole event loop, for ever."""
    door.runs(ask_name)
    for _ in range(20):
        async with door.leg() as stranger:
            stranger.send(start)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"


async def test_hangup_is_nobodys_answer(door: Door) -> None:
    """PF2: HANGUP was taken for the next command's answer, every later one being one behind."""

    async def script(request: AgiRequest) -> list[object]:
        first = await request.send_command('EXEC Playback "a"')
        await request.hung_up.wait()
        with pytest.raises(AGIHangup):
            await request.send_command("GET VARIABLE X")
        return [first.result]

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(('EXEC Playback "a"', "200 result=0"))
        leg.say("HANGUP")

        assert await door.result() == ["0"]
        assert await leg.ended()


async def test_hangup_in_mid_command_leaves_the_answer_to_it(door: Door) -> None:
    """PF2: the command's own answer comes first or last."""

    async def script(request: AgiRequest) -> str:
        return (await request.send_command("GET VARIABLE X")).data or ""

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()
        leg.say("HANGUP", "200 result=1 (late)")

        assert await door.result() == "late"


async def test_answer_of_a_cancelled_command_is_dropped(door: Door) -> None:
    """PF3: the answer of a command that timed out was the next command's: a digit as a name."""

    async def script(request: AgiRequest) -> str | None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await request.send_command("WAIT FOR DIGIT 5000")
        return await ask_name(request)

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        assert await leg.command() == "WAIT FOR DIGIT 5000"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await leg.command()
        leg.say("200 result=53")
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"


@pytest.mark.parametrize("evil", ["A\nEXEC System rm", "A\rB", "A\0B", "x" * 8192])
async def test_command_that_is_more_than_one_line_is_refused(door: Door, evil: str) -> None:
    """PF4: a line break in a command was another command; above 8191 bytes Asterisk cuts it."""

    async def script(request: AgiRequest) -> str | None:
        with pytest.raises(Unsendable):
            await request.send_command(evil)
        return await ask_name(request)

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"


@pytest.mark.parametrize(
    "lines",
    [
        (
            "520-Invalid command syntax.  Proper usage follows:",
            "Usage: SAY DIGITS <number>",
            "200 result=1 (not an answer)",
            "520 End of proper usage.",
        ),
        ("520 Invalid command syntax.  Proper usage not available.",),
    ],
)
async def test_usage_error_keeps_the_stream_in_step(door: Door, lines: tuple[str, ...]) -> None:
    """PF5: of a usage text one line was read, and of a one-line text two."""

    async def script(request: AgiRequest) -> str | None:
        with pytest.raises(AGIUsageError):
            await request.send_command("SAY DIGITS")
        return await ask_name(request)

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()
        leg.say(*lines)
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"


async def test_end_of_connection_is_a_hang_up(door: Door) -> None:
    """PF6: the end of the connection was a ValueError."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()

    assert type(await door.result()) is AGIConnectionLost


async def test_latin_1_in_the_header_ends_no_call(door: Door) -> None:
    """PF7: a caller's name in Latin-1 killed the handler."""

    async def script(request: AgiRequest) -> str:
        return request.headers["agi_calleridname"]

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header().replace(b"Jo\n", b"Jos\xe9\n"))

        assert await door.result() == "Jos\ufffd"


async def test_latin_1_in_an_answer_ends_no_call(door: Door) -> None:
    """PF8: UnicodeDecodeError out of send_command."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()
        leg.send(b"200 result=1 (Jos\xe9)\n")

        assert await door.result() == "Jos\ufffd"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("200 result=-1 (hangup)", AGIResultHangup),
        ("200 result=-1 endpos=1234", AGIAppError),
        ("200 result=-2", AGIAppError),
        ("510 Invalid or unknown command", AGIInvalidCommand),
        ("511 Command Not Permitted on a dead channel or intercept routine", AGIDeadChannel),
    ],
)
async def test_failures_have_their_own_words(
    door: Door, answer: str, error: type[Exception]
) -> None:
    """PF10, PF11: a hang-up is result -1 with the word; 511 is a dead channel."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()
        leg.say(answer)

        assert type(await door.result()) is error


async def test_variable_that_says_hangup_is_a_variable(door: Door) -> None:
    """PF10: a variable whose value is "hangup" was reported as a hang-up."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (hangup)"))

        assert await door.result() == "hangup"


async def test_plain_function_is_no_endpoint(door: Door) -> None:
    """PF13: a plain function raised AttributeError on Python 3.11."""
    with pytest.raises(TypeError):
        door.application.add_route("x", lambda request: request)


async def test_cancelled_request_ends_as_cancelled(door: Door) -> None:
    """PF14: cancellation was swallowed, so that nothing could be drained at the end."""
    ended: list[str] = []
    begun = asyncio.Event()

    async def script(_: AgiRequest) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    door.application.add_route("inbound", script)
    async with door.leg() as leg:
        leg.send(header())
        await begun.wait()
        (task,) = door.application._requests

        await door.application.end_all()

        assert ended == ["cancelled"]
        assert task.cancelled()
        assert await leg.ended()


@pytest.mark.parametrize("script", ["inbound?x=1", "inbound"])
async def test_what_stands_behind_a_question_mark_is_no_route(door: Door, script: str) -> None:
    """PF15: agi://host/flow?x=1 had no route."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header({"agi_network_script": script}))

        assert await leg.command() == "GET VARIABLE NAME"


async def test_unknown_script_is_closed(door: Door) -> None:
    async with door.leg() as leg:
        leg.send(header({"agi_network_script": "elsewhere"}))

        assert await leg.ended()


async def test_header_that_never_ends_is_closed_in_time(door: Door) -> None:
    """PF16: a header had no timeout."""
    async with door.leg() as leg:
        leg.send(b"agi_network: yes\n")

        assert await leg.ended()


async def test_header_of_a_megabyte_is_closed(door: Door) -> None:
    """PF16: a header had no limit."""
    async with door.leg() as leg:
        with contextlib.suppress(ConnectionError):
            leg.send(b"agi_x: " + b"x" * 1024 * 1024)
            await leg.writer.drain()

        assert await leg.ended()


async def test_hangup_right_behind_the_header_is_not_lost(door: Door) -> None:
    """PF16: bytes behind the blank line were lost."""

    async def script(request: AgiRequest) -> bool:
        async with asyncio.timeout(2):
            return await request.hung_up.wait()

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header() + b"HANGUP\n")

        assert await door.result() is True


async def test_endless_answer_ends_the_request(door: Door) -> None:
    """PF17: an answer of more than 64 KiB was a ValueError."""
    door.runs(ask_name)
    async with door.leg() as leg:
        leg.send(header())
        await leg.command()
        leg.send(b"200 result=1 (" + b"x" * 100_000)

        assert type(await door.result()) is AGIConnectionLost


async def test_two_commands_at_once_take_turns(door: Door) -> None:
    """PF17: two commands at once were a RuntimeError."""

    async def script(request: AgiRequest) -> list[str | None]:
        replies = await asyncio.gather(
            request.send_command("GET VARIABLE A"), request.send_command("GET VARIABLE B")
        )
        return [reply.data for reply in replies]

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(
            ("GET VARIABLE A", "200 result=1 (a)"), ("GET VARIABLE B", "200 result=1 (b)")
        )

        assert await door.result() == ["a", "b"]


async def test_answer_nobody_asked_for_is_nobodys(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """PF18: a crafted value forges an answer; one that comes unasked is dropped."""

    async def script(request: AgiRequest) -> str | None:
        await request.hung_up.wait()
        request.hung_up.clear()
        return await ask_name(request)

    door.runs(script)
    async with door.leg() as leg:
        leg.send(header() + b"200 result=1 (forged)\nHANGUP\n")
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"
    assert "answer without a command" in caplog.text


async def test_header_that_stands_twice_is_refused(door: Door) -> None:
    """PF18: a line break in a caller's name would begin another header."""
    async with door.leg() as leg:
        leg.send(header().replace(b"Jo\n", b"Jo\nagi_arg_1: +4930000000\n"))

        assert await leg.ended()


async def test_one_connection_too_many_is_closed_at_once() -> None:
    application = AgiApplication(max_requests=1)
    begun = asyncio.Event()

    async def script(_: AgiRequest) -> None:
        begun.set()
        await asyncio.Event().wait()

    application.add_route("inbound", script)
    listener = Listener(application.handler)
    await listener.listen()
    async with AgiPeer(listener.port) as first, AgiPeer(listener.port) as second:
        first.send(header())
        await begun.wait()
        second.send(header())

        assert await second.ended()
    await application.end_all()
    await listener.close()


async def test_fuzz_at_the_door_leaves_it_open(door: Door) -> None:
    """Design rule 4: connect and close, half headers, Latin-1, a megabyte; then a good call."""
    door.runs(ask_name)
    noise = [
        b"",
        b"\n\n",
        b"\0" * 100,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"agi_network_script: \n\n",
        b"agi_network_script: inbound",
        "agi_calleridname: Jos\xe9\n\n".encode("latin-1"),
        b"a" * 1024 * 1024,
        b"a: b\n" * 5000 + b"\n",
        bytes(range(256)) * 8,
        b"HANGUP\n\n",
    ]
    for data in noise:
        with contextlib.suppress(ConnectionError):
            async with door.leg() as stranger:
                stranger.send(data)
                await stranger.writer.drain()
    async with door.leg() as leg:
        leg.send(header())
        await leg.serve(("GET VARIABLE NAME", "200 result=1 (Jo)"))

        assert await door.result() == "Jo"


# --- the server, with participants --------------------------------------------------------------


class House:
    """A running server whose handler the test writes."""

    def __init__(self, handler: Callable[[Participant], Awaitable[None]]) -> None:
        self.server = FastAgiServer("127.0.0.1", 0, handler)

    async def __aenter__(self) -> House:
        self._running = asyncio.create_task(self.server.run())
        await self.server.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait({self._running})
        assert self._running.cancelled()

    def leg(self) -> AgiPeer:
        return AgiPeer(self.server.port)


async def test_participant_says_how_it_came() -> None:
    entries: list[Entry] = []

    async def handler(participant: Participant) -> None:
        entries.append(participant.entry)
        assert participant.leg_id == HEADERS["agi_uniqueid"]
        await participant.leave(HOLD)

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.serve(('SET VARIABLE IVR_NEXT "hold"', "200 result=1"))
        assert await leg.ended()

    assert entries == [
        Entry(
            script="inbound",
            dialled="+4930999999",
            caller="+4930111111",
            caller_name="Jo",
            endpoint="line-one",
            code=None,
            tries=0,
        )
    ]


async def test_participant_plays_and_collects() -> None:
    got: list[Keys] = []

    async def handler(participant: Participant) -> None:
        await participant.answer()
        await participant.play(["welcome", "again", "queue-music", "bye"])
        for _ in range(2):
            got.append(
                await participant.collect(
                    ["menu", "now"],
                    max_keys=11,
                    first=timedelta(seconds=5),
                    between=timedelta(seconds=2.5),
                    terminator="#",
                )
            )

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.serve(
            ("ANSWER", "200 result=0"),
            ('EXEC Playback "welcome&again"', "200 result=0"),
            ('EXEC MusicOnHold "default,30"', "200 result=0"),
            ('EXEC Playback "bye"', "200 result=0"),
            ('SET VARIABLE TIMEOUT(response) "5.000"', "200 result=1"),
            ('SET VARIABLE TIMEOUT(digit) "2.500"', "200 result=1"),
            ('EXEC Read "IVR_KEYS,menu&now,11,t(#)"', "200 result=0"),
            ('GET FULL VARIABLE "${READSTATUS}:${IVR_KEYS}"', "200 result=1 (OK:030*1)"),
            ('EXEC Read "IVR_KEYS,menu&now,11,t(#)"', "200 result=0"),
            ('GET FULL VARIABLE "${READSTATUS}:${IVR_KEYS}"', "200 result=1 (TIMEOUT:)"),
        )
        assert await leg.ended()

    assert got == [Keys(pressed="030*1", timed_out=False), Keys(pressed="", timed_out=True)]


STAR, ZERO, SEVEN = "200 result=42 endpos=800", "200 result=48", "200 result=55"
TONE = (
    ('EXEC Playtones "code"', "200 result=0"),
    ("WAIT FOR DIGIT 150", "200 result=0"),
    ('EXEC StopPlaytones ""', "200 result=0"),
)
SORRY_TONE = (
    ('EXEC Playtones "sorry"', "200 result=0"),
    ("WAIT FOR DIGIT 500", "200 result=0"),
    ('EXEC StopPlaytones ""', "200 result=0"),
)
TELLS = ('EXEC UserEvent "FeatureCode,Leg: 1700000000.7,Code: *0"', "200 result=0")


async def refuse_code(leg: AgiPeer, participant: Participant) -> None:
    """Take a leg through a code that does nothing."""
    await leg.serve(*TONE, TELLS)
    participant.code_answered("*0", accepted=False)
    await leg.serve(*SORRY_TONE)


async def test_codes_of_an_agent_are_told_while_sounds_play() -> None:
    arrived: list[Participant] = []

    async def handler(participant: Participant) -> None:
        arrived.append(participant)
        await participant.play(["missing", "welcome", "again"])

    async with House(handler) as house, house.leg() as leg:
        leg.send(header({"agi_arg_4": "codes"}))
        await leg.serve(('STREAM FILE "missing" "*" 0', "200 result=-1 endpos=0"))
        await leg.serve(
            ('STREAM FILE "welcome" "*" 0', STAR),
            ("WAIT FOR DIGIT 2000", ZERO),
        )
        await refuse_code(leg, arrived[0])
        await leg.serve(
            ('STREAM FILE "welcome" "*" 800', "200 result=42 endpos=1600"),
            ("WAIT FOR DIGIT 2000", "200 result=0"),
            ('STREAM FILE "welcome" "*" 1600', "200 result=0 endpos=8000"),
            ('STREAM FILE "again" "*" 0', "200 result=0 endpos=0"),
        )
        assert await leg.ended()


async def test_codes_of_an_agent_are_told_while_music_plays() -> None:
    arrived: list[Participant] = []

    async def handler(participant: Participant) -> None:
        arrived.append(participant)
        await participant.music(timedelta(seconds=1))

    async with House(handler) as house, house.leg() as leg:
        leg.send(header({"agi_arg_4": "codes"}))
        await leg.serve(('EXEC StartMusicOnHold "default"', "200 result=0"))
        waits, _, milliseconds = (await leg.command()).rpartition(" ")
        assert (waits, int(milliseconds) <= 1000) == ("WAIT FOR DIGIT", True)
        leg.say("200 result=42")
        await leg.serve(("WAIT FOR DIGIT 2000", ZERO))
        await refuse_code(leg, arrived[0])
        await leg.serve(('EXEC StartMusicOnHold "default"', "200 result=0"))
        while (command := await leg.command()).startswith("WAIT FOR DIGIT "):
            assert int(command.rpartition(" ")[2]) <= 1000
            leg.say(SEVEN)
        assert command == 'EXEC StopMusicOnHold ""'
        leg.say("200 result=0")
        assert await leg.ended()


async def test_codes_of_an_agent_are_no_input() -> None:
    got: list[Keys] = []
    arrived: list[Participant] = []

    async def handler(participant: Participant) -> None:
        arrived.append(participant)
        got.append(
            await participant.collect(
                ["menu"],
                max_keys=2,
                first=timedelta(seconds=5),
                between=timedelta(seconds=2),
                terminator="#",
            )
        )

    async with House(handler) as house, house.leg() as leg:
        leg.send(header({"agi_arg_4": "codes"}))
        await leg.serve(
            ('SET VARIABLE TIMEOUT(response) "5.000"', "200 result=1"),
            ('SET VARIABLE TIMEOUT(digit) "2.000"', "200 result=1"),
            ('EXEC Read "IVR_KEYS,menu,2,t(#)"', "200 result=0"),
            ('GET FULL VARIABLE "${READSTATUS}:${IVR_KEYS}"', "200 result=1 (OK:*0)"),
        )
        await refuse_code(leg, arrived[0])
        await leg.serve(
            ('EXEC Read "IVR_KEYS,menu,2,t(#)"', "200 result=0"),
            ('GET FULL VARIABLE "${READSTATUS}:${IVR_KEYS}"', "200 result=1 (OK:1)"),
        )
        assert await leg.ended()

    assert got == [Keys(pressed="1", timed_out=False)]


@pytest.mark.parametrize(
    "ending",
    [
        ("200 result=-1", "HANGUP"),
        ("HANGUP", "200 result=-1 (hangup)"),
        ("511 Command Not Permitted on a dead channel or intercept routine",),
        None,
    ],
)
async def test_leg_that_goes_is_leg_gone(ending: tuple[str, ...] | None) -> None:
    """PF2, PF6, PF11: one word for every way of going."""
    gone = asyncio.Event()

    async def handler(participant: Participant) -> None:
        with pytest.raises(LegGone):
            await participant.play(["a"])
        with pytest.raises(LegGone):
            await participant.leave(HOLD)
        gone.set()

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.command()
        if ending is None:
            leg.writer.close()
        else:
            leg.say(*ending)
            if ending[0].startswith("511"):
                leg.say("HANGUP")
            assert await leg.ended()
        async with asyncio.timeout(5):
            await gone.wait()


async def test_failed_sound_is_no_hang_up() -> None:
    errors: list[Exception] = []

    async def handler(participant: Participant) -> None:
        try:
            await participant.answer()
        except TelephonyError as error:
            errors.append(error)

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.serve(("ANSWER", "200 result=-1"))
        assert await leg.ended()

    assert [type(error) for error in errors] == [TelephonyError]


async def test_unknown_number_is_refused_before_the_answer() -> None:
    async def handler(participant: Participant) -> None:
        await participant.refuse()

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.serve(('EXEC Hangup "1"', "200 result=-1"))
        assert await leg.ended()


async def test_full_queue_sends_to_the_reorder_place() -> None:
    async def handler(participant: Participant) -> None:
        await participant.reorder()

    async with House(handler) as house, house.leg() as leg:
        leg.send(header())
        await leg.serve(('SET VARIABLE IVR_NEXT "reorder"', "200 result=1"))
        assert await leg.ended()


async def test_failing_handler_lets_the_leg_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_: Participant) -> None:
        raise RuntimeError("a bug")

    with caplog.at_level(logging.ERROR):
        async with House(handler) as house, house.leg() as leg:
            leg.send(header())
            assert await leg.ended()

    assert "agi script failed" in caplog.text


def test_edge_runs_on_uvloop() -> None:
    """The event loop of production."""

    async def story() -> list[str]:
        async def handler(participant: Participant) -> None:
            await participant.play(["a"])
            await participant.leave(HOLD)

        commands = []
        async with House(handler) as house, house.leg() as leg:
            leg.send(header())
            for _ in range(2):
                commands.append(await leg.command())
                leg.say("200 result=0")
            assert await leg.ended()
        async with house_of_link() as answer:
            commands.append(answer)
        return commands

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story()) == [
            'EXEC Playback "a"',
            'SET VARIABLE IVR_NEXT "hold"',
            "Pong",
        ]


@contextlib.asynccontextmanager
async def house_of_link() -> AsyncIterator[str]:
    """A link's first answer, its loss noticed."""
    async with AmiPeer() as peer:
        link = AmiLink("127.0.0.1", peer.port, username="ivr", secret="s3cret", on_event=print)
        await link.open()
        yield (await link.action(AmiAction("Ping"))).words
        peer.cut()
        await link.until_lost()
        link.close()


async def test_leg_without_an_id_is_refused() -> None:
    async def handler(_: Participant) -> None:
        raise AssertionError("not to be handed over")

    async with House(handler) as house, house.leg() as leg:
        leg.send(header({"agi_uniqueid": ""}))
        assert await leg.ended()
