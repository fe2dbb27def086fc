"""What the service floor needs from speech: words become sounds that the switch can play.

A sound is named as Asterisk's Playback wants it: the path inside the PBX container, without
extension. Words are rendered once and kept by content; whoever plays a sound asks ``sound_for``
again each time, which costs a file look-up when it is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType, Protocol

from ivr.domain.errors import SpeechError

Sound = NewType("Sound", str)
"""A playable sound: a path inside the PBX, without extension."""

SOUNDS_IN_PBX: Final = "/var/lib/queueback/sounds"
"""Where the PBX sees the sounds folder of the state directory."""

QUEUE_MUSIC: Final = "queue-music"
HOLD_MUSIC: Final = "hold-music"
MUSIC_PROMPTS: Final = frozenset({QUEUE_MUSIC, HOLD_MUSIC})
"""Prompt ids that are no sounds but music on hold, played for as long as nothing else happens."""


class NoVoice(SpeechError):
    """No installed voice speaks this language."""

    code = "no_voice"


class Unspeakable(SpeechError):
    """The words themselves cannot be spoken: broken SSML, or too long."""

    code = "unspeakable"


class RenderingFailed(SpeechError):
    """The speech engine failed, took too long, or has too much to do."""

    code = "rendering_failed"
    retryable = True


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks.

    Attributes:
        language: BCP 47, ``en`` or ``en-US``.
        name: The name a flow asked for (an Amazon Polly voice); for records only.
        rate: Speed, 1.0 = the voice's own; 0.5 to 2.0.
    """

    language: str = "en-US"
    name: str | None = None
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class PlainText:
    """Words to be spoken as they stand."""

    text: str


@dataclass(frozen=True, slots=True)
class Ssml:
    """Words with Speech Synthesis Markup Language around them."""

    markup: str


Words = PlainText | Ssml


@dataclass(frozen=True, slots=True)
class ImportedPrompts:
    """What became of a folder of recordings.

    Attributes:
        prompt_ids: Every recording that can be played, sorted.
        problems: Every fault with its file; if there is one, nothing was changed.
    """

    prompt_ids: tuple[str, ...]
    problems: tuple[str, ...]


class SpeechPort(Protocol):
    """Text to speech and recorded prompts."""

    def has_voice(self, language: str) -> bool:
        """Whether an installed voice speaks this language."""
        ...

    def voice_named(self, name: str) -> Voice | None:
        """The voice a flow asks for by its Amazon Polly name; none if there is no such name."""
        ...

    def problems(self, words: Words, voice: Voice) -> tuple[str, ...]:
        """Why these words could not be spoken, each fault in words; empty when they could.

        For publishing. References (``$.Attributes.x``) count as the text they are, and values put
        into SSML later must be XML-escaped by whoever puts them there.
        """
        ...

    def recorded(self, prompt_id: str) -> Sound | None:
        """The recording with this id: the site's own, else one that ships with the controller.

        None for an unknown id and for ``MUSIC_PROMPTS``.
        """
        ...

    async def sound_for(self, words: Words, voice: Voice) -> Sound:
        """The sound of these words, rendered if it is not there yet.

        Raises:
            NoVoice: No voice speaks the language.
            Unspeakable: Broken SSML, or more than may be spoken at once.
            RenderingFailed: The engine failed; trying again may help.
        """
        ...

    async def prepare(self, many: Iterable[tuple[Words, Voice]]) -> tuple[str, ...]:
        """Render ahead of time, one after the other; what failed, in words."""
        ...

    async def check_prompts(self, folder: Path) -> ImportedPrompts:
        """What ``import_prompts`` would make of a folder; nothing is changed."""
        ...

    async def import_prompts(self, folder: Path) -> ImportedPrompts:
        """Make the recordings in a site's ``prompts`` folder playable, all of them or none.

        A file's name without extension is its prompt id. Recordings imported earlier stay.
        """
        ...
