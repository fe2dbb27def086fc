from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.flow.context import AgentView, FlowContext
from ivr.flow.effects import Play
from ivr.flow.errors import InvalidFlow
from ivr.flow.prompt import Prompt, Recorded, Ssml, Text
from tests.flow_driver import CONTEXT, a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "MessageParticipant"
MEDIA = {"Uri": "s3://bucket/a.wav", "SourceType": "S3", "MediaType": "Audio"}


# A prompt is text, SSML, or a recording by its id.


@pytest.mark.parametrize(
    ("parameters", "prompt"),
    [
        ({"Text": "Hello"}, Text("Hello")),
        ({"SSML": "<speak>Hello</speak>"}, Ssml("<speak>Hello</speak>")),
        ({"PromptId": "beep"}, Recorded("beep")),
    ],
)
def test_prompt_is_played_and_the_flow_goes_on(parameters: dict[str, str], prompt: Prompt) -> None:
    driven = drive_action(TYPE, parameters, True)

    assert driven.asked == [Play(prompt)]
    assert went_to(driven) == "Success"


def test_number_is_as_good_as_a_text() -> None:
    driven = drive_action(TYPE, {"Text": 42}, True)

    assert driven.asked == [Play(Text("42"))]


# Exactly one of them.


@pytest.mark.parametrize("parameters", [{}, {"Text": "a", "PromptId": "b"}])
def test_one_thing_must_be_played(parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidFlow, match="exactly one of Text, SSML, PromptId and Media"):
        a_document(action("a", TYPE, parameters))


# A prompt that cannot be played takes the error branch.


def test_unplayable_prompt_takes_the_error_branch() -> None:
    driven = drive_action(TYPE, {"PromptId": "nowhere"}, False)

    assert went_to(driven) == "NoMatchingError"


# References are filled in: inside a text a missing one is left out, as the whole it is an error.


def test_references_inside_a_text_are_filled_in() -> None:
    context = FlowContext(
        contact_id="c",
        initial_contact_id="c",
        attributes={"name": "Ann"},
        agent=AgentView(user_name="bob", arn="arn:bob"),
    )

    driven = drive_action(
        TYPE, {"Text": "Hi $.Attributes.name, $.Agent.UserName here."}, True, context=context
    )

    assert driven.asked == [Play(Text("Hi Ann, bob here."))]


def test_missing_reference_inside_a_text_is_left_out_and_noted_once() -> None:
    driven = drive_action(TYPE, {"Text": "Hi $.Attributes.x and $.Attributes.x!"}, True)

    assert driven.asked == [Play(Text("Hi  and !"))]
    assert driven.warnings == ["$.Attributes.x stands for nothing and is left out"]


def test_missing_reference_as_the_whole_text_takes_the_error_branch() -> None:
    driven = drive_action(TYPE, {"Text": "$.Queue.Name"})

    assert driven.asked == []
    assert driven.warnings == ["Text: $.Queue.Name stands for nothing"]
    assert went_to(driven) == "NoMatchingError"


def test_prompt_id_is_a_literal_or_one_reference() -> None:
    with pytest.raises(InvalidFlow, match="must be a literal or one single reference"):
        a_document(action("a", TYPE, {"PromptId": "arn:$.Attributes.a"}))


def test_values_inside_markup_are_words() -> None:
    context = replace(CONTEXT, attributes={"firm": "A&B <break/>", "all": "<speak>Hi</speak>"})

    inside = drive_action(TYPE, {"SSML": "<p>$.Attributes.firm</p>"}, True, context=context)
    whole = drive_action(TYPE, {"SSML": "$.Attributes.all"}, True, context=context)

    assert inside.asked == [Play(Ssml("<p>A&amp;B &lt;break/&gt;</p>"))]
    assert whole.asked == [Play(Ssml("<speak>Hi</speak>"))]


@pytest.mark.parametrize("text", ["", " ", "$.Attributes.x $.Attributes.y"])
def test_text_without_words_is_silence(text: str) -> None:
    driven = drive_action(TYPE, {"Text": text})

    assert driven.asked == []
    assert went_to(driven) == "Success"


# Audio in S3 exists in the cloud only.


def test_audio_in_s3_takes_the_error_branch() -> None:
    document = a_document(action("a", TYPE, {"Media": MEDIA}, to="b"), end("b"))

    driven = drive_action(TYPE, {"Media": MEDIA})

    assert "audio in S3 cannot be fetched here: the error branch is taken" in [
        finding.message for finding in document.warnings
    ]
    assert went_to(driven) == "NoMatchingError"


def test_too_many_characters_are_a_fault() -> None:
    with pytest.raises(InvalidFlow, match="at most 6000 characters"):
        a_document(action("a", TYPE, {"Text": "a" * 6001}))


# What the console writes about the key buffer is known.


def test_console_key_buffer_setting_is_no_unknown_key() -> None:
    document = a_document(
        action("a", TYPE, {"Text": "Hi", "SkipWhenDTMFBufferEnabled": "false"}, to="b"), end("b")
    )

    assert document.warnings == ()


def test_prompts_known_before_the_call_hold_no_references() -> None:
    document = a_document(
        action("a", TYPE, {"Text": "Hello"}, to="b"),
        action("b", TYPE, {"Text": "Hello $.Attributes.name"}, to="c"),
        action("c", TYPE, {"PromptId": "beep"}),
    )

    assert list(document.prompts()) == [Text("Hello"), Recorded("beep")]
    assert CONTEXT.lookup(("Attributes", "name")) is None
