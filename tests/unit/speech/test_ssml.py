from __future__ import annotations

import pytest

from ivr.ports.speech import PlainText, Ssml, Unspeakable
from ivr.speech.segments import Pause, Segment, Spoken
from ivr.speech.ssml import segments_of

pytestmark = pytest.mark.unit


def of(markup: str) -> tuple[Segment, ...]:
    return segments_of(Ssml(markup), language="en-US")


def test_plain_text_is_one_segment_with_its_numbers_spelled() -> None:
    assert segments_of(PlainText("Call 12345"), language="en-US", rate=1.2) == (
        Spoken("Call one two three, four five", 1.2),
    )


def test_plain_text_is_not_read_as_markup() -> None:
    assert segments_of(PlainText("a < b & <break/>"), language="en-US") == (
        Spoken("a < b & <break/>"),
    )


@pytest.mark.parametrize("text", ["", "   ", "...", "?!"])
def test_nothing_to_say_is_a_moment_of_silence(text: str) -> None:
    assert segments_of(PlainText(text), language="en-US") == (Pause(100),)


def test_markup_without_words_is_a_moment_of_silence() -> None:
    assert of("<speak/>") == (Pause(100),)


@pytest.mark.parametrize(
    ("element", "milliseconds"),
    [
        ("<break/>", 500),
        ("<break time='2s'/>", 2000),
        ("<break time='0.5s'/>", 500),
        ("<break time='250ms'/>", 250),
        ("<break strength='x-strong'/>", 1200),
        ("<break time='$.Attributes.pause'/>", 500),
    ],
)
def test_break_is_a_pause(element: str, milliseconds: int) -> None:
    assert of(f"<speak>One{element}two</speak>") == (
        Spoken("One"),
        Pause(milliseconds),
        Spoken("two"),
    )


def test_break_of_no_strength_is_no_pause() -> None:
    assert of("<speak>One <break strength='none'/>two</speak>") == (Spoken("One"), Spoken("two"))


@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        ("telephone", ["plus four nine", "three zero", "one two"]),
        ("digits", ["four nine", "three zero", "one two"]),
        ("characters", ["plus", "four", "nine", "three", "zero", "one", "two"]),
    ],
)
def test_say_as_spells_sign_by_sign_in_groups(kind: str, groups: list[str]) -> None:
    markup = f'<speak>Call <say-as interpret-as="{kind}">+49 30 12</say-as> now.</speak>'

    first, *spelled, last = of(markup)

    assert (first, last) == (Spoken("Call"), Spoken("now."))
    said = " ".join(s.text if isinstance(s, Spoken) else f"<{s.milliseconds}>" for s in spelled)
    assert said == " ".join(" <30> ".join(g.split()) + " <30> <220>" for g in groups)


def test_say_as_of_an_unknown_kind_is_said_as_text() -> None:
    markup = '<speak>Call <say-as interpret-as="currency">+49 30 12</say-as> now.</speak>'

    assert of(markup) == (Spoken("Call plus four nine, three zero, one two now."),)


@pytest.mark.parametrize(
    ("rate", "pace"),
    [("slow", 0.8), ("x-fast", 1.5), ("80%", 0.8), ("+20%", 1.2), ("-30%", 0.7), ("5%", 0.5)],
)
def test_prosody_changes_the_pace_inside_it(rate: str, pace: float) -> None:
    inside = of(f"<speak>a <prosody rate='{rate}'>b</prosody> c</speak>")

    assert [segment.rate for segment in inside if isinstance(segment, Spoken)] == pytest.approx(
        [1.0, pace, 1.0]
    )


def test_prosody_inside_prosody_multiplies_with_the_pace_of_the_voice() -> None:
    markup = "<speak><prosody rate='slow'><prosody rate='150%'>b</prosody></prosody></speak>"

    (segment,) = segments_of(Ssml(markup), language="en-US", rate=0.5)

    assert isinstance(segment, Spoken)
    assert segment.rate == pytest.approx(0.6)


def test_sentences_and_paragraphs_end_with_a_pause() -> None:
    assert of("<speak><p><s>One.</s><s>Two.</s></p>Three</speak>") == (
        Spoken("One."),
        Pause(250),
        Spoken("Two."),
        Pause(250),
        Pause(500),
        Spoken("Three"),
    )


def test_alias_is_said_instead_of_what_it_stands_for() -> None:
    assert of("<speak><sub alias='World Wide Web'>W<b>W</b>W</sub> yes</speak>") == (
        Spoken("World Wide Web yes"),
    )


def test_everything_else_is_read_as_text() -> None:
    markup = (
        "<speak>a <amazon:effect name='whispered'>b &amp; c</amazon:effect>"
        " <emphasis>d</emphasis><mark name='x'/> <phoneme ph='x'>e</phoneme></speak>"
    )

    assert of(markup) == (Spoken("a b & c d e"),)


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("<speak>Hello", "line 1"),
        ("Hello", "line 1"),
        ("", "line 1"),
        ("<p>Hello</p>", "<speak>"),
        ("<speak>&nbsp;</speak>", "undefined entity"),
        ("<!DOCTYPE s [<!ENTITY a 'b'>]><speak>&a;</speak>", "document type"),
        ("<!DOCTYPE s SYSTEM 'file:///etc/passwd'><speak/>", "document type"),
        ("<speak><break time='11s'/></speak>", "longer than 10s"),
        ("<speak><break time='soon'/></speak>", "neither seconds"),
        ("<speak><break strength='huge'/></speak>", "none of"),
        ("<speak><prosody rate='quick'>x</prosody></speak>", "none of"),
        ("<speak>" + "<break time='10s'/>" * 13 + "</speak>", "more than 120 s"),
        ("<speak>" + "<s>" * 40, "deeper"),
        ("<speak>" + "x" * 3001 + "</speak>", "3000"),
        ("<speak><!--" + "x" * 6000 + "--></speak>", "6000"),
    ],
)
def test_broken_or_excessive_markup_is_refused_with_its_reason(markup: str, reason: str) -> None:
    with pytest.raises(Unspeakable, match=reason):
        of(markup)


def test_text_longer_than_a_prompt_is_refused() -> None:
    with pytest.raises(Unspeakable, match="3000"):
        segments_of(PlainText("x" * 3001), language="en-US")
