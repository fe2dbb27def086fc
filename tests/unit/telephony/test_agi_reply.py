"""Asterisk's answers, line by line, also broken ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.agi.errors import (
    AGIAppError,
    AGIDeadChannel,
    AGIError,
    AGIHangup,
    AGIInvalidCommand,
    AGIResultHangup,
    AGIUnknownError,
    AGIUsageError,
)
from ivr.telephony.agi.reply import USAGE_LIMIT, Reply, ReplyReader

pytestmark = pytest.mark.unit


def read(*lines: str) -> Reply:
    reader = ReplyReader()
    *before, last = [reader.feed(line) for line in lines]
    assert before == [None] * len(before)
    assert last is not None
    return last


@pytest.mark.parametrize(
    ("line", "result", "data", "pairs"),
    [
        ("200 result=0", "0", None, {}),
        ("200 result=132456", "132456", None, {}),
        ("200 result= (timeout)", "", "timeout", {}),
        ("200 result=12 (timeout)", "12", "timeout", {}),
        ("200 result=", "", None, {}),
        ("200 result=1 ()", "1", "", {}),
        ("200 result=1 (a (b) c)", "1", "a (b) c", {}),
        ("200 result=1 (a) b)", "1", "a) b", {}),
        ("200 result=1 (hangup)", "1", "hangup", {}),
        ("200 result=-1 endpos=1234", "-1", None, {"endpos": "1234"}),
        ("200 result=0 endpos=0", "0", None, {"endpos": "0"}),
        (
            '200 result=1 (speech) endpos=0 results=1 score0=100 text0="new york" grammar0=x',
            "1",
            "speech",
            {
                "endpos": "0",
                "results": "1",
                "score0": "100",
                "text0": "new york",
                "grammar0": "x",
            },
        ),
    ],
)
def test_answers(line: str, result: str, data: str | None, pairs: dict[str, str]) -> None:
    """PF9: ``result= (timeout)`` keeps its word. PF12: quoted values keep their blanks."""
    reply = read(line)

    assert (reply.code, reply.result, reply.data, dict(reply.pairs)) == (200, result, data, pairs)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("200 result=-1 (hangup)", AGIResultHangup),
        ("200 result=-1", AGIAppError),
        ("200 result=-2", AGIAppError),
        ("510 Invalid or unknown command", AGIInvalidCommand),
        ("511 Command Not Permitted on a dead channel or intercept routine", AGIDeadChannel),
        ("520 Invalid command syntax.  Proper usage not available.", AGIUsageError),
        ("503 result=-2 Memory allocation failure", AGIUnknownError),
        ("nonsense", AGIUnknownError),
        ("", AGIUnknownError),
    ],
)
def test_failures(line: str, error: type[AGIError]) -> None:
    """PF10, PF11: -1 alone is no hang-up; a dead channel is one."""
    with pytest.raises(error) as caught:
        read(line).check()

    assert type(caught.value) is error


def test_dead_channel_is_a_hang_up() -> None:
    """PF11: pyst2's vocabulary, so that whoever waits for a hang-up gets this one too."""
    assert issubclass(AGIDeadChannel, AGIHangup)


def test_variable_that_says_hangup_is_no_hang_up() -> None:
    """PF10: a caller chose "hangup" as their name."""
    assert read("200 result=1 (hangup)").check().data == "hangup"


def test_usage_text_is_one_reply() -> None:
    """PF5: from ``520-`` to ``520 ``, whatever stands between."""
    reply = read("520-Invalid", "Usage: ANSWER", "200 result=0", "HANGUP", "", "520 End")

    assert reply.code == 520
    assert reply.text.splitlines()[1] == "Usage: ANSWER"


def test_endless_usage_text_is_not_kept() -> None:
    """PY12: a usage text that never ends grew by 35 MB/s."""
    reader = ReplyReader()
    reader.feed("520-Invalid")
    for _ in range(10_000):
        assert reader.feed("x" * 100) is None

    reply = reader.feed("520 End")
    assert reply is not None
    assert len(reply.text.splitlines()) == USAGE_LIMIT


def test_trying_is_no_answer() -> None:
    assert read("100 result=0 Trying...", "200 result=1").result == "1"


@given(st.text())
def test_any_line_is_a_reply_or_a_part_of_one(line: str) -> None:
    reply = ReplyReader().feed(line)

    if reply is not None and reply.code != 200:
        with pytest.raises(AGIError):
            reply.check()


@given(st.text(st.characters(exclude_characters="\r\n")))
def test_any_value_of_a_variable_is_read_back(value: str) -> None:
    assert read(f"200 result=1 ({value})").data == value
