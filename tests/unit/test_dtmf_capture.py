"""Captures of keys say what they should when they are read back."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phones.rtp import DIGITS
from tests.sipp.capture import Press, RtpPacket, capture, length_ms, read

pytestmark = pytest.mark.unit

END = 0x80


def keys_in(packets: list[RtpPacket]) -> list[tuple[str, float, float]]:
    """Digit, first and last packet's time of each event, told apart by their timestamps."""
    events = [packet for packet in packets if packet.kind == 101]
    keys = []
    for _, group in itertools.groupby(events, key=lambda packet: packet.stamp):
        pieces = list(group)
        codes = {piece.payload[0] for piece in pieces}
        assert len(codes) == 1
        keys.append((DIGITS[codes.pop()], pieces[0].at_ms, pieces[-1].at_ms))
    return keys


@given(st.lists(st.text(DIGITS, min_size=1, max_size=12), min_size=1, max_size=3))
def test_every_digit_string_is_read_back_in_order(strings: list[str]) -> None:
    presses = [Press(500, digits) for digits in strings]

    packets = list(read(capture(presses)))

    assert "".join(digit for digit, _, _ in keys_in(packets)) == "".join(strings)
    assert [packet.sequence for packet in packets] == list(range(1, len(packets) + 1))
    stamps = [packet.stamp for packet in packets]
    times = [packet.at_ms for packet in packets]
    assert (stamps, times) == (sorted(stamps), sorted(times))


def test_a_key_has_one_marker_rising_durations_and_three_ends() -> None:
    packets = [packet for packet in read(capture([Press(0, "5")])) if packet.kind == 101]

    durations = [struct.unpack("!BBH", packet.payload)[2] for packet in packets]
    assert durations == [160, 320, 480, 640, 800, 800, 800]
    assert [bool(packet.payload[1] & END) for packet in packets] == [False] * 4 + [True] * 3
    assert [packet.marker for packet in packets] == [True] + [False] * 6


def test_keys_are_pressed_when_they_should_be() -> None:
    presses = [Press(1000, "1"), Press(2000, "55#")]

    keys = keys_in(list(read(capture(presses))))

    assert [(digit, first - 20) for digit, first, _ in keys] == [
        ("1", 1000),
        ("5", 3180),
        ("5", 3360),
        ("#", 3540),
    ]
    assert [last - first for _, first, last in keys] == [80] * 4
    assert length_ms(presses) == 3720


def test_a_capture_begins_with_silence_at_once() -> None:
    first, second, third, *_ = read(capture([Press(1000, "1")]))

    assert [packet.at_ms for packet in (first, second, third)] == [0, 20, 40]
    assert (first.kind, first.marker, first.payload) == (0, True, b"\xff" * 160)


@pytest.mark.parametrize("digits", ["", "12a", "+49", "1 2"])
def test_what_is_no_key_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="keys are"):
        Press(0, digits)
