"""How a leg came here: a header that a caller has had a hand in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.agi.entry import BadHeader, entry_of, leg_of, parse_header, script_of
from tests.peers.agi import header

pytestmark = pytest.mark.unit


def test_inbound_call_says_what_it_dialled_and_through_what_it_came() -> None:
    entry = entry_of(parse_header(header()))

    assert (entry.script, entry.dialled, entry.caller) == ("inbound", "+4930999999", "+4930111111")
    assert (entry.caller_name, entry.endpoint, entry.code, entry.tries) == (
        "Jo",
        "line-one",
        None,
        0,
    )


def test_feature_code_comes_with_its_code_and_tries() -> None:
    entry = entry_of(
        parse_header(
            header(
                {
                    "agi_network_script": "feature",
                    "agi_arg_1": "",
                    "agi_arg_2": "*81",
                    "agi_arg_3": "12",
                }
            )
        )
    )

    assert (entry.script, entry.dialled, entry.code, entry.tries) == ("feature", None, "*81", 12)


@pytest.mark.parametrize(
    "changes",
    [
        {"agi_callerid": "unknown"},
        {"agi_callerid": "Anonymous"},
        {"agi_callerid": ""},
        {"agi_callingpres": "32"},
        {"agi_callingpres": "35"},
        {"agi_callingpres": "67"},
    ],
)
def test_withheld_number_is_no_number(changes: dict[str, str]) -> None:
    assert entry_of(parse_header(header(changes))).caller is None


def test_allowed_presentations_show_the_number() -> None:
    for presentation in ("0", "1", "2", "3", ""):
        entry = entry_of(parse_header(header({"agi_callingpres": presentation})))
        assert entry.caller == "+4930111111"


def test_name_that_is_no_utf_8_is_replaced() -> None:
    """PF7: a Latin-1 caller's name."""
    entry = entry_of(parse_header(header().replace(b"Jo\n", b"J\xf6\n")))

    assert entry.caller_name == "J\ufffd"


def test_header_that_stands_twice_is_forged() -> None:
    """PF18: a line break in a caller's name begins another header."""
    with pytest.raises(BadHeader, match="twice"):
        parse_header(header() + b"agi_arg_1: +4930000000\n")


def test_leg_has_an_id() -> None:
    assert leg_of(parse_header(header())) == "1700000000.7"
    with pytest.raises(BadHeader):
        leg_of({})


def test_script_ends_at_the_question_mark() -> None:
    """PF15."""
    assert script_of({"agi_network_script": "leg?x=1"}) == "leg"


@pytest.mark.parametrize("tries", ["", "x", "-1", "\u0663", "9" * 5000])
def test_number_that_is_none_is_zero(tries: str) -> None:
    assert entry_of(parse_header(header({"agi_arg_3": tries}))).tries == 0


@given(st.binary(max_size=300))
def test_any_header_is_read_or_refused(raw: bytes) -> None:
    try:
        headers = parse_header(raw)
    except BadHeader:
        assert raw.count(b"\n")
        return

    assert entry_of(headers).tries >= 0
