"""What a flow asks to be played."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Words to be spoken."""

    text: str

    @property
    def words(self) -> str:
        """The prompt as the flow wrote it."""
        return self.text


@dataclass(frozen=True, slots=True)
class Ssml:
    """Words to be spoken, with SSML markup."""

    ssml: str

    @property
    def words(self) -> str:
        """The prompt as the flow wrote it."""
        return self.ssml


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded prompt by id, name or ARN; see ``BUILT_IN`` for those that always exist."""

    prompt: str

    @property
    def words(self) -> str:
        """The prompt as the flow wrote it."""
        return self.prompt


Prompt = Text | Ssml | Recorded

BEEP = Recorded("beep")
QUEUE_MUSIC = Recorded("queue-music")
HOLD_MUSIC = Recorded("hold-music")

BUILT_IN = frozenset({BEEP, QUEUE_MUSIC, HOLD_MUSIC})
"""Sounds that every site has."""
