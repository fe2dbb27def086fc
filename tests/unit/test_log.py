"""Log lines are JSON, carry their ids, and hold no personal data and no secret (I12)."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ivr import log
from ivr.domain.errors import LinkDown
from ivr.domain.leg import LegOutcome

pytestmark = pytest.mark.unit

SECRET = "s3cr3t-of-the-switch"
NUMBER = "+49301234523"
Lines = Callable[[], list[dict[str, Any]]]
logger = logging.getLogger("ivr.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("INFO", stream, secrets=[SECRET, ""])
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def only(lines: Lines) -> dict[str, Any]:
    [line] = lines()
    return line


def test_line_is_json_with_time_level_logger_message_and_extra(lines: Lines) -> None:
    logger.info("Contact queued.", extra={"event": "contact_queued", "waiting": 3})

    line = only(lines)
    assert datetime.fromisoformat(line.pop("time")).utcoffset() == timedelta(0)
    assert line == {
        "level": "INFO",
        "logger": "ivr.test",
        "message": "Contact queued.",
        "event": "contact_queued",
        "waiting": 3,
    }


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    logger.debug("Detail.")

    assert lines() == []


def test_configuring_again_replaces_the_stream(lines: Lines) -> None:
    second = io.StringIO()

    log.configure("INFO", second)
    logger.info("Once.")

    assert lines() == []
    assert len(second.getvalue().splitlines()) == 1


# --- ids ------------------------------------------------------------------------------------------


def test_bound_ids_are_on_every_line_inside_and_none_after(lines: Lines) -> None:
    with log.bound(contact_id="c1", flow_id="f1"):
        with log.bound(leg_id="1700000000.123456", agent_id="a", queue_id="q", action_id="x"):
            logger.info("Inside.")
        logger.info("Between.")
    logger.info("After.")

    inside, between, after = lines()
    assert inside["contact_id"] == "c1"
    assert inside["leg_id"] == "1700000000.123456"
    assert between["flow_id"] == "f1"
    assert "leg_id" not in between
    assert "contact_id" not in after


async def test_ids_follow_a_task_and_stay_out_of_its_neighbours(lines: Lines) -> None:
    async def work(contact_id: str, begin: asyncio.Event, done: asyncio.Event) -> None:
        with log.bound(contact_id=contact_id):
            await begin.wait()
            logger.info("Working.")
            done.set()

    first, second = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work("c1", second, asyncio.Event()))
        group.create_task(work("c2", first, second))
        first.set()

    assert [line["contact_id"] for line in lines()] == ["c2", "c1"]


def test_id_given_as_extra_is_left_whole(lines: Lines) -> None:
    contact_id = "12345678-1234-4321-8765-123456789012"

    logger.info("Moved.", extra={"contact_id": contact_id, "legs": [{"leg_id": "1700000000.12"}]})

    assert only(lines)["contact_id"] == contact_id
    assert only(lines)["legs"] == [{"leg_id": "1700000000.12"}]


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call +49301234523 now", "call +49•••••••23 now"),
        ("call 0301234523", "call ••••••••23"),
        ("call +49 (0)30 / 12345-23.", "call +49••••••••23."),
        ("call (030) 123.45.23", "call ••••••••23"),
        ("keys 5551234#", "keys •••••34#"),
        ("PJSIP/trunk/sip:+49301234523@host", "PJSIP/trunk/sip:+49•••••••23@host"),
        ("٠٣٠١٢٣٤٥٢٣", "••••••••٢٣"),
        ("123456 is short", "123456 is short"),
        ("5060 and 8088", "5060 and 8088"),
        ("Channel 00000012-agent", "Channel ••••••12-agent"),
    ],
)
def test_what_looks_like_a_number_is_masked_in_messages(
    text: str, expected: str, lines: Lines
) -> None:
    logger.info("%s", text)

    assert only(lines)["message"] == expected


def test_numbers_are_masked_wherever_they_hide(lines: Lines, stream: io.StringIO) -> None:
    class Caller:
        def __str__(self) -> str:
            return NUMBER

    logger.info(
        "From %s",
        NUMBER,
        extra={
            "caller": NUMBER,
            "digits": 49301234523,
            "nested": {"to": [NUMBER, (NUMBER,), {NUMBER}], NUMBER: 1},
            "thing": Caller(),
            "raw": NUMBER.encode(),
        },
        stack_info=True,
    )

    assert "1234523" not in stream.getvalue()
    line = only(lines)
    assert line["caller"] == "+49•••••••23"
    assert line["digits"] == "•••••••••23"
    assert line["nested"]["+49•••••••23"] == 1
    assert "test_numbers_are_masked" in line["stack"]


def test_typed_values_stay_readable(lines: Lines) -> None:
    values = {
        "nothing": None,
        "yes": True,
        "ratio": 0.123456789,
        "endless": float("inf"),
        "outcome": LegOutcome.BUSY,
        "at": datetime(2026, 6, 1, 12, 0, tzinfo=UTC),
        "day": date(2026, 6, 1),
        "delay": timedelta(seconds=90),
        "host": ipaddress.ip_address("192.168.100.123"),
    }

    logger.info("Values.", extra=values)

    line = only(lines)
    assert {name: line[name] for name in values} == {
        "nothing": None,
        "yes": True,
        "ratio": 0.123456789,
        "endless": "inf",
        "outcome": "busy",
        "at": "2026-06-01T12:00:00+00:00",
        "day": "2026-06-01",
        "delay": 90.0,
        "host": "192.168.100.123",
    }


SEPARATORS = ["", " ", "-", ".", "\N{EN DASH}", ") (", " / ", "\t", "\xa0"]


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    codes=st.lists(st.integers(0, 10 * len(SEPARATORS) - 1), min_size=7, max_size=18),
    before=st.sampled_from(["", "+", "tel:", "x", "("]),
)
def test_no_number_of_seven_digits_gets_through_however_it_is_spelled(
    codes: list[int], before: str, stream: io.StringIO
) -> None:
    spelled = "".join(f"{code % 10}{SEPARATORS[code // 10]}" for code in codes)
    stream.seek(0)
    stream.truncate()

    logger.info("To %s.", before + spelled)

    message = json.loads(stream.getvalue())["message"]
    assert sum(character.isdigit() for character in message) <= 5  # country code and two digits


# --- secrets --------------------------------------------------------------------------------------


def test_registered_secret_is_hidden_anywhere(lines: Lines, stream: io.StringIO) -> None:
    logger.info(
        "Login with %s failed", SECRET, extra={"detail": f"x{SECRET}y", "in": [SECRET], SECRET: 1}
    )

    assert SECRET not in stream.getvalue()
    assert only(lines)["detail"] == "x•••y"


@pytest.mark.parametrize(
    "text",
    [
        "Secret: hunter2",
        "Action: Login\r\nUsername: ivr\r\nSecret: hunter2\r\n",
        "password=hunter2",
        "{'api_key': 'hunter2'}",
        '{"access_token": "hunter2 and more"}',
        "Authorization: Bearer hunter2",
        "IVR_AMI__SECRET=hunter2",
    ],
)
def test_what_is_named_like_a_secret_is_hidden(text: str, stream: io.StringIO) -> None:
    logger.info("%s", text)

    assert "hunter2" not in stream.getvalue()


def test_fields_named_like_a_secret_are_hidden(lines: Lines) -> None:
    logger.info("Sent.", extra={"ami_secret": "hunter2", "headers": {"Authorization": ["hunter2"]}})

    assert only(lines)["ami_secret"] == "•••"
    assert only(lines)["headers"] == {"Authorization": "•••"}


def test_secret_of_the_settings_stays_one(stream: io.StringIO) -> None:
    logger.info("Settings.", extra={"value": SecretStr("hunter2")})

    assert "hunter2" not in stream.getvalue()


# --- exceptions -----------------------------------------------------------------------------------


def fail() -> None:
    try:
        int(NUMBER + "x")
    except ValueError as error:
        message = f"lost while dialling {NUMBER}"
        raise LinkDown(message, maybe_done=True) from error


def log_failure() -> None:
    try:
        fail()
    except LinkDown:
        logger.exception("Failed.")


def test_own_exception_is_told_with_its_text_and_a_librarys_by_type(lines: Lines) -> None:
    log_failure()

    told = only(lines)["exception"]
    assert told["type"] == "ivr.domain.errors.LinkDown"
    assert told["text"] == "lost while dialling +49•••••••23"
    assert told["at"][-1].startswith(f"{__name__}:")
    assert told["at"][-1].endswith(" fail")
    assert told["after"]["type"] == "builtins.ValueError"
    assert "text" not in told["after"]


def test_librarys_text_is_written_at_debug_and_masked(stream: io.StringIO, lines: Lines) -> None:
    log.configure("DEBUG", stream)

    log_failure()

    assert (
        only(lines)["exception"]["after"]["text"]
        == "invalid literal for int() with base 10: '+49•••••••23x'"
    )


def test_each_exception_of_a_group_is_told(lines: Lines) -> None:
    group = ExceptionGroup("several", [ValueError("a"), LinkDown("b", maybe_done=False)])

    logger.error("Failed.", exc_info=group)

    told = only(lines)["exception"]
    assert [each["type"] for each in told["of"]] == [
        "builtins.ValueError",
        "ivr.domain.errors.LinkDown",
    ]


def test_context_of_an_exception_is_told_unless_suppressed(lines: Lines) -> None:
    for cause in (False, True):
        try:
            try:
                int("x")
            except ValueError:
                if cause:
                    raise LinkDown("down", maybe_done=False) from None
                raise LinkDown("down", maybe_done=False)  # noqa: B904 - its context is tested
        except LinkDown:
            logger.exception("Failed.")

    implicit, suppressed = (line["exception"] for line in lines())
    assert implicit["after"]["type"] == "builtins.ValueError"
    assert "after" not in suppressed


def test_logging_an_exception_where_there_is_none_is_harmless(lines: Lines) -> None:
    logger.info("Nothing wrong.", exc_info=True)  # noqa: LOG014 - the mistake is tested

    assert "exception" not in only(lines)


# --- lines that go wrong --------------------------------------------------------------------------


def test_line_that_cannot_be_made_says_so_without_its_contents(
    lines: Lines, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if type(each).__module__ == "ivr.log"]

    logger.info("%d contacts", NUMBER)

    assert only(lines) == {"level": "ERROR", "event": "log_line_lost", "logger": "ivr.test"}
    assert "1234523" not in stream.getvalue() + "".join(capsys.readouterr())


def test_lost_stream_harms_nobody(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    stream.close()

    logger.info("To %s", NUMBER)

    assert "".join(capsys.readouterr()) == ""
    log.configure("INFO", io.StringIO())


def test_control_characters_and_lone_surrogates_stay_inside_their_line(
    stream: io.StringIO, lines: Lines
) -> None:
    text = 'name\r\n{"level":"ERROR"}\x00\ud800'
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, "%s", (text,), None)

    for handler in logging.getLogger().handlers:
        # Not pytest's own: its report cannot be sent from one process to another.
        if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
            handler.handle(record)

    assert only(lines)["message"].startswith('name\r\n{"level":"ERROR"}\x00')
