"""Takes a site's recordings over: a folder of files in, playable sounds by prompt id out."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ivr.domain.errors import SpeechError
from ivr.ports.speech import MUSIC_PROMPTS, ImportedPrompts
from ivr.speech import folders
from ivr.speech.jobs import Convert, Performer

RECORDING_SUFFIXES: Final = frozenset({".wav", ".ulaw", ".ul", ".sln"})
_NOTES: Final = frozenset({".md", ".txt"})
_PROMPT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def is_prompt_id(name: str) -> bool:
    """Whether a recording may be called so: letters, digits, ``-`` and ``_``, at most 64."""
    return _PROMPT_ID.fullmatch(name) is not None


async def import_prompts(
    folder: Path, *, sounds: Path, workshop: Performer, keep: bool = True
) -> ImportedPrompts:
    """Make the recordings in a folder playable, all of them or none.

    Hidden files and notes (``.md``, ``.txt``) may lie beside them. Unless they are to be kept,
    they are converted to see whether that works, and what is playable stays as it is.
    """
    recordings, problems = _sorted_out(folder)
    recorded = folders.ensure(sounds, folders.RECORDED)
    staging = Path(tempfile.mkdtemp(dir=sounds, prefix=".import-"))
    try:
        for prompt_id, source in recordings.items():
            target = staging / f"{prompt_id}{folders.SUFFIX}"
            try:
                await workshop.perform(Convert(source, target))
            except SpeechError as error:
                problems.append(f"{source.name}: {error}")
        playable = {path.stem for path in recorded.glob(f"*{folders.SUFFIX}")}
        if not problems:
            playable |= set(recordings)
            if keep:
                _move(staging, recorded)
    finally:
        shutil.rmtree(staging)
    return ImportedPrompts(tuple(sorted(playable)), tuple(problems))


def _move(staging: Path, recorded: Path) -> None:
    for converted in staging.iterdir():
        converted.replace(recorded / converted.name)


def _sorted_out(folder: Path) -> tuple[Mapping[str, Path], list[str]]:
    """The recordings by prompt id, and what else lies in the folder that should not."""
    recordings: dict[str, Path] = {}
    problems: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        suffix = path.suffix.casefold()
        if path.name.startswith(".") or suffix in _NOTES:
            continue
        if suffix not in RECORDING_SUFFIXES or not path.is_file():
            wanted = ", ".join(sorted(RECORDING_SUFFIXES))
            problems.append(f"{path.name}: not a recording ({wanted})")
        elif not is_prompt_id(path.stem):
            problems.append(f"{path.name}: a prompt id has letters, digits, - and _, at most 64")
        elif path.stem in MUSIC_PROMPTS:
            problems.append(f"{path.name}: {path.stem} means music on hold")
        elif path.stem in recordings:
            problems.append(f"{path.name}: {recordings[path.stem].name} has the same prompt id")
        else:
            recordings[path.stem] = path
    return recordings, problems
