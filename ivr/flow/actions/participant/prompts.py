"""The four ways an action names what it plays: ``Text``, ``SSML``, ``PromptId``, ``Media``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from ivr.flow.outcome import Failed
from ivr.flow.parameters import FILLED_IN, FILLED_IN_MARKUP, Group, Parameters, Phrase, Single
from ivr.flow.prompt import Prompt, Recorded, Ssml, Text

WITHOUT_MEDIA: Final = "audio in S3 cannot be fetched here"
CANNOT_PLAY: Final = Failed(reason="the prompt cannot be played")

MOST_CHARACTERS: Final = 6000
"""Longest text Connect speaks, markup included."""

_Words = Annotated[str, Field(max_length=MOST_CHARACTERS), FILLED_IN]
_Markup = Annotated[str, Field(max_length=MOST_CHARACTERS), FILLED_IN_MARKUP]


def is_silent(prompt: Prompt | None) -> bool:
    """Answer whether a prompt is a text without words, such as one that filled in nothing."""
    return isinstance(prompt, Text) and not prompt.text.strip()


class Media(Group):
    """An audio file in S3, which exists in the cloud only."""

    uri: Phrase
    source_type: str | None = None
    media_type: str | None = None


class Playable(Parameters):
    """Parameters that name at most one thing to be played."""

    text: _Words | None = None
    ssml: _Markup | None = Field(default=None, alias="SSML")
    prompt_id: Single | None = None
    media: Media | None = None

    def given(self) -> int:
        """Answer how many of the four ways are used."""
        return sum(way is not None for way in (self.text, self.ssml, self.prompt_id, self.media))

    def prompt(self) -> Prompt | None:
        """Answer what is to be played; none if nothing is, or if it cannot be had here."""
        if self.text is not None:
            return Text(self.text)
        if self.ssml is not None:
            return Ssml(self.ssml)
        if self.prompt_id is not None:
            return Recorded(self.prompt_id)
        return None

    def prompts(self) -> Iterator[Prompt]:
        """Answer what is played, if it can be had here."""
        if prompt := self.prompt():
            yield prompt

    def oddities(self) -> Iterator[str]:
        """Warn of audio that cannot be had here."""
        if self.media is not None:
            yield f"{WITHOUT_MEDIA}: the error branch is taken"
