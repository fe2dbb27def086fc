"""Everything that is written to Asterisk passes here, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.write_guard import (
    AGI_LINE_LIMIT,
    AMI_LINE_LIMIT,
    Unsendable,
    agi_line,
    agi_quote,
    ami_message,
    ami_variable,
)

pytestmark = pytest.mark.unit

LONE_SURROGATE = "\ud800"
BREAKS = ["\r", "\n", "\0", "\r\n\r\nAction: Command", "a\nVariable: x=y"]


def parse_args(line: str) -> list[str]:
    """Split a command as res_agi.c's parse_args does: quotes, and a backslash as escape."""
    arguments: list[str] = []
    current: list[str] | None = None
    quoted = False
    escaped = False
    for character in line:
        if escaped:
            (current := current if current is not None else []).append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
            current = current if current is not None else []
        elif character in " \t" and not quoted:
            if current is not None:
                arguments.append("".join(current))
            current = None
        else:
            (current := current if current is not None else []).append(character)
    if current is not None:
        arguments.append("".join(current))
    return arguments


@pytest.mark.parametrize("evil", BREAKS)
def test_line_break_in_an_ami_value_is_refused_without_repeating_it(evil: str) -> None:
    """PA7, PY9: CR and LF in a value are another header or another action."""
    with pytest.raises(Unsendable) as caught:
        ami_message([("Secret", f"hush{evil}")])

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "A B", "A:", "Variable\r\nX", "Ünï", "-", "A" * 65])
def test_header_name_is_a_word(name: str) -> None:
    with pytest.raises(Unsendable):
        ami_message([(name, "x")])


def test_ami_line_ends_within_asterisks_buffer() -> None:
    longest = "x" * (AMI_LINE_LIMIT - len("A: \r\n"))

    assert len(ami_message([("A", longest)])) == AMI_LINE_LIMIT + 2
    with pytest.raises(Unsendable, match="longer"):
        ami_message([("A", longest + "x")])
    with pytest.raises(Unsendable, match="more than 128"):
        ami_message([("A", "x")] * 129)


def test_ami_message_keeps_order_and_repeated_headers() -> None:
    written = ami_message([("Action", "Originate"), ("Variable", "a=1"), ("Variable", "b=2")])

    assert written == b"Action: Originate\r\nVariable: a=1\r\nVariable: b=2\r\n\r\n"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_ami_message_is_one_message_or_refused(values: list[str]) -> None:
    try:
        written = ami_message([("X", value) for value in values])
    except Unsendable:
        return

    assert written.count(b"\r\n\r\n") == 1
    assert written.count(b"\r\n") == len(values) + 1
    assert b"\0" not in written


@pytest.mark.parametrize(
    "value", ["John,EVIL=yes", 'a"b', "a'b", "a\\b", "f(x", "x)", "${SHELL(rm)}"]
)
def test_variable_that_would_not_arrive_as_it_is_is_refused(value: str) -> None:
    """A comma in a value sets another variable; quotes are eaten."""
    with pytest.raises(Unsendable):
        ami_variable("NAME", value)


@pytest.mark.parametrize("name", ["", "A,B", "A B", "SHELL(rm)", "PJSIP_HEADER(add,X,Y)", "1A"])
def test_variable_name_is_a_name(name: str) -> None:
    with pytest.raises(Unsendable):
        ami_variable(name, "x")


def test_plain_variables_pass() -> None:
    assert ami_variable("__CONTACT", "k1") == "__CONTACT=k1"
    assert (
        ami_variable("PJSIP_HEADER(add,X-Contact-Id)", "k1-2")
        == "PJSIP_HEADER(add,X-Contact-Id)=k1-2"
    )


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(Unsendable):
        ami_message([("X", LONE_SURROGATE)])
    with pytest.raises(Unsendable):
        agi_line(LONE_SURROGATE)


@pytest.mark.parametrize("evil", BREAKS)
def test_line_break_in_an_agi_command_is_refused(evil: str) -> None:
    """PF4, PY13: a line break in a command is another command."""
    with pytest.raises(Unsendable):
        agi_line(f"SET VARIABLE X {evil}")


def test_agi_command_ends_within_asterisks_buffer() -> None:
    """PF18: a command above 8191 bytes is split in two."""
    assert len(agi_line("x" * AGI_LINE_LIMIT)) == AGI_LINE_LIMIT + 1
    with pytest.raises(Unsendable):
        agi_line("x" * (AGI_LINE_LIMIT + 1))
    with pytest.raises(Unsendable):
        agi_line("é" * (AGI_LINE_LIMIT // 2 + 1))


@given(st.text(st.characters(exclude_characters="\r\n\0"), max_size=200))
def test_quoted_argument_arrives_as_it_is(text: str) -> None:
    """PF4, PY13: quotes and backslashes escaped as res_agi.c reads them."""
    assert parse_args(f"SET VARIABLE X {agi_quote(text)}") == ["SET", "VARIABLE", "X", text]
