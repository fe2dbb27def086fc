from __future__ import annotations

import pytest

from ivr.speech import spelling
from ivr.speech.spelling import spell_numbers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "+49 30 1234 5678",
            "plus four nine, three zero, one two three four, five six seven eight",
        ),
        (
            "+493012345678",
            "plus four nine, three zero one, two three four, five six seven eight",
        ),
        ("+15551234567", "plus one, five five five, one two three, four five six seven"),
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("+35312345", "plus three five three, one two three, four five"),
        ("555-123-4567", "five five five, one two three, four five six seven"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("555.123.4567", "five five five, one two three, four five six seven"),
        ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
        ("12345", "one two three, four five"),
        (
            "Your number is 5551234567.",
            "Your number is five five five, one two three, four five six seven.",
        ),
        ("order AB12345, please", "order AB one two three, four five, please"),
    ],
)
def test_long_numbers_are_said_digit_by_digit_in_groups(written: str, said: str) -> None:
    assert spell_numbers(written, "en-US") == said


@pytest.mark.parametrize(
    "text",
    [
        "You are number 3 in line.",
        "In 2024 it was 10:30.",
        "On 2024-10-12 or 10/12/2019",
        "1,234,567 callers paid $12345 or 12345.67 dollars",
        "pi is 3.14159",
        "Nothing to spell here",
        "",
    ],
)
def test_counts_years_dates_and_amounts_are_left_to_the_engine(text: str) -> None:
    assert spell_numbers(text, "en-US") == text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en-US", "Press 1 pound, or star."),
        ("en-GB", "Press 1 hash, or star."),
        ("de-DE", "Press 1 Raute, or Stern."),
    ],
)
def test_keys_are_named_as_the_language_names_them(language: str, said: str) -> None:
    assert spell_numbers("Press 1#, or *.", language) == said


def test_a_sharp_sign_in_a_word_is_no_key() -> None:
    assert spell_numbers("C# developers", "en-US") == "C# developers"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de-DE", "plus vier neun, drei null"),
        ("es-ES", "más cuatro nueve, tres cero"),
        ("fr-FR", "plus quatre neuf, trois zéro"),
        ("it-IT", "più quattro nove, tre zero"),
        ("pl-PL", "plus four nine, three zero"),
    ],
)
def test_digits_are_said_in_the_language_of_the_voice(language: str, said: str) -> None:
    assert spelling.telephone("+49 30", language) == said


@pytest.mark.parametrize(
    ("digits", "groups"),
    [
        ("1", "one"),
        ("1234", "one two three four"),
        ("1111111", "one one one, one one one one"),
        ("11111111", "one one one, one one one, one one"),
        ("123456789", "one two three, four five six, seven eight nine"),
    ],
)
def test_no_digit_stands_alone_behind_a_group(digits: str, groups: str) -> None:
    assert spelling.digits(digits, "en") == groups


def test_characters_are_said_one_by_one() -> None:
    assert spelling.characters("aB 3#", "en-US") == "A, B, three, pound"


def test_telephone_without_digits_says_nothing() -> None:
    assert spelling.telephone("+", "en") == ""
