"""Speech in memory: a text is a sound that is named by its words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ivr.ports.speech import (
    MUSIC_PROMPTS,
    ImportedPrompts,
    NoVoice,
    PlainText,
    Sound,
    Voice,
    Words,
)

SHIPPED = frozenset(
    [
        "one-moment",
        "goodbye",
        "beep",
        "silence",
        "invalid",
        "accept-call",
        "not-answered",
        "customer-gone",
        "customer-busy",
        "customer-rejected",
        "call-failed",
        "number-invalid",
        "status-available",
        "status-offline",
        "status-changed",
    ]
)
_RECORDINGS = frozenset({".wav", ".ulaw", ".ul", ".sln"})


class FakeSpeech:
    """Implements ``ports.speech.SpeechPort``: ``say:`` and the words, or the prompt's own id.

    Args:
        languages: Language codes that have a voice.
        prompts: Ids of recordings besides the shipped ones.
    """

    def __init__(self, *, languages: Iterable[str] = ("en",), prompts: Iterable[str] = ()) -> None:
        self._languages = frozenset(languages)
        self._prompts = SHIPPED | frozenset(prompts)
        self.prepared: list[Words] = []

    def has_voice(self, language: str) -> bool:
        """See the port."""
        return language.split("-")[0].lower() in self._languages

    def voice_named(self, name: str) -> Voice | None:
        """See the port; every name is known."""
        return Voice(name=name)

    def problems(self, words: Words, voice: Voice) -> tuple[str, ...]:
        """See the port: only a missing voice is a problem."""
        del words
        return () if self.has_voice(voice.language) else (f"no voice for {voice.language!r}",)

    def recorded(self, prompt_id: str) -> Sound | None:
        """See the port."""
        if prompt_id in MUSIC_PROMPTS or prompt_id not in self._prompts:
            return None
        return Sound(prompt_id)

    async def sound_for(self, words: Words, voice: Voice) -> Sound:
        """See the port."""
        if not self.has_voice(voice.language):
            message = f"no voice for {voice.language!r}"
            raise NoVoice(message)
        return Sound("say:" + (words.text if isinstance(words, PlainText) else words.markup))

    async def prepare(self, many: Iterable[tuple[Words, Voice]]) -> tuple[str, ...]:
        """See the port."""
        self.prepared += [words for words, _ in many]
        return ()

    async def check_prompts(self, folder: Path) -> ImportedPrompts:
        """See the port: every file that ends so is a recording, every other one a problem."""
        files = _files_of(folder)
        problems = [f"{f.name}: not a recording" for f in files if f.suffix not in _RECORDINGS]
        found = [file.stem for file in files if file.suffix in _RECORDINGS]
        return ImportedPrompts(tuple(sorted(self._prompts | set(found))), tuple(problems))

    async def import_prompts(self, folder: Path) -> ImportedPrompts:
        """See the port."""
        imported = await self.check_prompts(folder)
        if not imported.problems:
            self._prompts = frozenset(imported.prompt_ids)
        return imported


def _files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file())
