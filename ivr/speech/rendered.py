"""The speech port on files: words are rendered once and found again by their content."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from ivr.domain.errors import SpeechError
from ivr.ports.speech import (
    MUSIC_PROMPTS,
    SOUNDS_IN_PBX,
    ImportedPrompts,
    NoVoice,
    Sound,
    Unspeakable,
    Voice,
    Words,
)
from ivr.speech import folders, imports, voices
from ivr.speech.jobs import Load, Performer, Speak
from ivr.speech.segments import Pause, Segment, encode
from ivr.speech.ssml import segments_of
from ivr.speech.voices import Engine

_log = logging.getLogger(__name__)

CACHE_FORMAT: Final = 2
"""Raised when the same words would be rendered differently by this package."""
DEFAULT_CACHE_BYTES: Final = 512_000_000
_KEY_CHARACTERS: Final = 40
_RENDERINGS_BETWEEN_CLEANINGS: Final = 200


class RenderedSpeech:
    """Implements ``ports.speech.SpeechPort``.

    Args:
        sounds: The sounds folder, as the controller sees it.
        workshop: Who renders.
        engines: What it can render with, best first.
        in_pbx: The same folder, as the PBX sees it.
        max_cache_bytes: The rendered sounds unused for longest go when there are more.
    """

    def __init__(
        self,
        sounds: Path,
        *,
        workshop: Performer,
        engines: Sequence[Engine],
        in_pbx: str = SOUNDS_IN_PBX,
        max_cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._sounds = sounds
        self._workshop = workshop
        self._engines = tuple(engines)
        self._in_pbx = in_pbx.rstrip("/")
        self._max_cache_bytes = max_cache_bytes
        self._rendered = 0

    def has_voice(self, language: str) -> bool:
        """Whether an installed voice speaks this language."""
        return voices.engine_for(language, self._engines) is not None

    def voice_named(self, name: str) -> Voice | None:
        """The voice a flow asks for by its Amazon Polly name; none if there is no such name."""
        return voices.voice_named(name)

    def problems(self, words: Words, voice: Voice) -> tuple[str, ...]:
        """Why these words could not be spoken, each fault in words; empty when they could."""
        found = []
        try:
            self._engine(voice)
        except NoVoice as error:
            found.append(str(error))
        try:
            _segments(words, voice)
        except Unspeakable as error:
            found.append(str(error))
        return tuple(found)

    def recorded(self, prompt_id: str) -> Sound | None:
        """The recording with this id: the site's own, else one that ships with the controller."""
        name = prompt_id.rsplit("/", 1)[-1].removesuffix(".wav")
        if name in MUSIC_PROMPTS or not imports.is_prompt_id(name):
            return None
        for folder in (folders.RECORDED, folders.SYSTEM):
            if (self._sounds / folder / f"{name}{folders.SUFFIX}").exists():
                return Sound(f"{self._in_pbx}/{folder}/{name}")
        return None

    async def sound_for(self, words: Words, voice: Voice) -> Sound:
        """The sound of these words, rendered if it is not there yet."""
        engine = self._engine(voice)
        segments = _segments(words, voice)
        key = content_key(segments, engine=engine, language=voice.language)
        target = self._sounds / folders.SPOKEN / key[:2] / f"{key}{folders.SUFFIX}"
        sound = Sound(f"{self._in_pbx}/{folders.SPOKEN}/{key[:2]}/{key}")
        if _touched(target):
            return sound
        folders.ensure(self._sounds, folders.SPOKEN, key[:2])
        if len(segments) == 1:
            await self._workshop.perform(Speak(segments, engine.name, voice.language, target))
        else:
            pieces = [await self._piece(segment, engine, voice.language) for segment in segments]
            await asyncio.to_thread(folders.join, pieces, target)
        await self._clean_at_times()
        return sound

    async def _piece(self, segment: Segment, engine: Engine, language: str) -> Path | int:
        """The file of one segment, rendered if it is not there yet; silence as milliseconds."""
        if isinstance(segment, Pause):
            return segment.milliseconds
        key = content_key((segment,), engine=engine, language=language)
        target = self._sounds / folders.SPOKEN / key[:2] / f"{key}{folders.SUFFIX}"
        if not _touched(target):
            folders.ensure(self._sounds, folders.SPOKEN, key[:2])
            await self._workshop.perform(Speak((segment,), engine.name, language, target))
        return target

    async def prepare(self, many: Iterable[tuple[Words, Voice]]) -> tuple[str, ...]:
        """Render ahead of time, one after the other; what failed, in words."""
        failed = []
        for words, voice in many:
            try:
                await self.sound_for(words, voice)
            except SpeechError as error:
                failed.append(str(error))
        return tuple(failed)

    async def check_prompts(self, folder: Path) -> ImportedPrompts:
        """What ``import_prompts`` would make of a folder; nothing is changed."""
        return await imports.import_prompts(
            folder, sounds=self._sounds, workshop=self._workshop, keep=False
        )

    async def import_prompts(self, folder: Path) -> ImportedPrompts:
        """Make the recordings in a site's ``prompts`` folder playable, all of them or none."""
        return await imports.import_prompts(folder, sounds=self._sounds, workshop=self._workshop)

    async def warm_up(self, language: str) -> None:
        """Load the voice of a language, which takes a second or two, before somebody waits for it.

        Raises:
            NoVoice: No voice speaks the language.
            RenderingFailed: It cannot be loaded.
        """
        engine = self._engine(Voice(language=language))
        await self._workshop.perform(Load(engine.name, language))

    async def close(self) -> None:
        """End the worker process."""
        await self._workshop.close()

    def _engine(self, voice: Voice) -> Engine:
        engine = voices.engine_for(voice.language, self._engines)
        if engine is None:
            message = f"no voice for language {voice.language}"
            raise NoVoice(message)
        return engine

    async def _clean_at_times(self) -> None:
        """Keep the cache within its size; a cleaning now and then is enough."""
        self._rendered += 1
        if self._rendered % _RENDERINGS_BETWEEN_CLEANINGS:
            return
        deleted = await asyncio.to_thread(
            folders.discard_oldest,
            self._sounds / folders.SPOKEN,
            max_bytes=self._max_cache_bytes,
        )
        _log.info("Rendered sounds cleaned", extra={"event": "sounds_cleaned", "count": deleted})


def content_key(segments: Sequence[Segment], *, engine: Engine | None, language: str) -> str:
    """What the sound of these segments is kept by."""
    by = [engine.name, engine.version] if engine else []
    content = json.dumps([CACHE_FORMAT, by, language.casefold(), encode(segments)])
    return hashlib.sha256(content.encode()).hexdigest()[:_KEY_CHARACTERS]


def _segments(words: Words, voice: Voice) -> tuple[Segment, ...]:
    return segments_of(words, language=voice.language, rate=voice.rate)


def _touched(path: Path) -> bool:
    """Whether a sound is there; marks it as used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
