from __future__ import annotations

import pytest

from tests.hearing.recogniser import heard, likeness, normal, words
from tests.hearing.sounds import silence, tones

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("Your number is plus 4.9, 3.0.", "your number is plus four nine three zero"),
        ("The customer's phone", "the customers phone"),
        ("  ", ""),
    ],
)
def test_text_is_compared_without_case_punctuation_and_digits(written: str, compared: str) -> None:
    assert normal(written) == compared


@pytest.mark.parametrize(
    ("expected", "transcript"),
    [
        ("press 1 to confirm", "please press one to confirm it"),
        ("we will call you back", "We will call you bag."),
        ("your callback is booked", "your call back is booked"),
        ("basic queue", "BasicQueue"),
        ("", "anything"),
    ],
)
def test_words_are_heard_though_written_otherwise(expected: str, transcript: str) -> None:
    assert heard(expected, transcript)


@pytest.mark.parametrize(
    ("expected", "transcript"),
    [
        ("press one to confirm", ""),
        ("one two three four", "four three two one"),
        ("we will call you back", "nobody can take your call"),
    ],
)
def test_other_words_are_not_heard(expected: str, transcript: str) -> None:
    assert not heard(expected, transcript)


def test_likeness_is_the_part_that_was_heard() -> None:
    assert likeness("one two three four", "one two four") == pytest.approx(0.75)


def test_tones_and_silence_hold_no_words() -> None:
    assert words(tones(700, seconds=1)) == ""
    assert words(silence(1)) == ""
