from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.reference import (
    Reference,
    dead_references,
    references_in,
    substitute,
    whole_reference,
)

pytestmark = pytest.mark.unit


def nothing(_path: tuple[str, ...]) -> str | None:
    return None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.Attributes.name", ("Attributes", "name")),
        ("$.Attributes.sfdc-RTT_flag__c", ("Attributes", "sfdc-RTT_flag__c")),
        ("$.Attributes.['name with space']", ("Attributes", "name with space")),
        ("$['Attributes']['x']", ("Attributes", "x")),
        ('$["Attributes"]["x"]', ("Attributes", "x")),
        ("$.['LanguageCode']", ("LanguageCode",)),
        ("$.Queue.OutboundCallerId.Address", ("Queue", "OutboundCallerId", "Address")),
        (" $.ContactId ", ("ContactId",)),
    ],
)
def test_forms_of_references(text: str, path: tuple[str, ...]) -> None:
    assert whole_reference(text) == Reference(path)


@pytest.mark.parametrize(
    "text",
    ["", "$", "$.", "name", "$.Attributes.a b", "$.Attributes.a$.Attributes.b", "$.CustomerInput"],
)
def test_texts_that_are_no_single_reference(text: str) -> None:
    assert whole_reference(text) is None


def test_references_inside_a_text_end_where_the_sentence_goes_on() -> None:
    text = "Dear $.Attributes.name, you are $.Attributes.['my age']. Bye-$.ContactId-"

    assert [str(reference) for reference in references_in(text)] == [
        "$.Attributes.name",
        "$.Attributes.my age",
        "$.ContactId",
    ]


def test_references_are_filled_in_and_missing_ones_left_out() -> None:
    values: dict[tuple[str, ...], str] = {("Attributes", "a"): "1", ("Attributes", "empty"): ""}

    filled = substitute(
        "<$.Attributes.a|$.Attributes.b|$.Attributes.empty>", lambda path: values.get(path)
    )

    assert filled.text == "<1||>"
    assert filled.unresolved == (Reference(("Attributes", "b")),)


def test_what_is_no_root_stays_text() -> None:
    text = "It costs $5, or $.50, or ${x}, not $.CustomerInput"

    assert substitute(text, nothing).text == text


def test_dead_references_are_explained() -> None:
    assert list(dead_references("$.Lex.Slots.City $.CustomerInput $.Attributes.a $.50")) == [
        "$.Lex.Slots.City exists in the cloud only: it stands for nothing",
        "$.CustomerInput is no reference of the language: it stays as it is",
    ]


@given(st.text(alphabet="$.[]'\"Attributesxy -", max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert len(references_in(text)) == len(substitute(text, nothing).unresolved)
    assert whole_reference(text) is None or len(references_in(text)) == 1
