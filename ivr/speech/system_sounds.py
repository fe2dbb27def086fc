"""The sounds that ship with the controller: what callers and agents hear when no flow speaks.

The dialplan plays some of them by itself (a caller is never left in silence, even while the
controller is away), so they are installed as files with fixed names before the PBX starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ivr.ports.speech import SOUNDS_IN_PBX, NoVoice, Sound
from ivr.speech import folders
from ivr.speech.jobs import Speak
from ivr.speech.rendered import content_key
from ivr.speech.segments import Pause, Segment, Spoken, Tone
from ivr.speech.voices import engine_for, installed_engines
from ivr.speech.workshop import perform_now

LANGUAGE: Final = "en-US"
BEEP_HERTZ: Final = 900
INVALID_HERTZ: Final = 500

SYSTEM_SOUNDS: Final[Mapping[str, tuple[Segment, ...]]] = {
    "one-moment": (Spoken("One moment please."),),
    "goodbye": (
        Spoken(
            "We are sorry, nobody can take your call at the moment. "
            "Please call again later. Goodbye."
        ),
    ),
    "beep": (Tone(BEEP_HERTZ, 400),),
    "silence": (Pause(1000),),
    "invalid": (Tone(INVALID_HERTZ, 150), Pause(100), Tone(INVALID_HERTZ, 150)),
    "accept-call": (Spoken("A call for you. Press 1 to take it."),),
    "not-answered": (Spoken("The customer did not answer."),),
    "customer-gone": (Spoken("The customer has hung up."),),
    "customer-busy": (Spoken("The customer's phone is busy."),),
    "customer-rejected": (Spoken("The customer rejected the call."),),
    "call-failed": (Spoken("The call could not be connected."),),
    "number-invalid": (Spoken("This number is not in service."),),
    "status-available": (Spoken("You are now available."),),
    "status-offline": (Spoken("You are now offline."),),
    "status-changed": (Spoken("Your status has been changed."),),
}
"""By name; a flow may use each as a prompt id."""

_MANIFEST: Final = "manifest.json"


def system_sound(name: str) -> Sound:
    """The sound of this name, as the PBX plays it."""
    if name not in SYSTEM_SOUNDS:
        message = f"no system sound {name!r}"
        raise KeyError(message)
    return Sound(f"{SOUNDS_IN_PBX}/{folders.SYSTEM}/{name}")


def install_system_sounds(sounds: Path) -> tuple[str, ...]:
    """Put the system sounds in place; what is there and up to date stays.

    Blocks for about two seconds when there is something to render; renders in a process of its own.

    Args:
        sounds: The sounds folder that is mounted into the PBX.

    Returns:
        The names of the sounds that were made.

    Raises:
        NoVoice: No speech engine is installed and there is something to say.
        RenderingFailed: The engine failed.
    """
    folder = folders.ensure(sounds, folders.SYSTEM)
    engine = engine_for(LANGUAGE, installed_engines())
    if engine is None:
        _refuse_missing(folder)
        return ()
    made_as = _read_manifest(folder)
    wanted = {
        name: content_key(segments, engine=engine, language=LANGUAGE)
        for name, segments in SYSTEM_SOUNDS.items()
    }
    outdated = [
        name
        for name, key in wanted.items()
        if made_as.get(name) != key or not _file(folder, name).exists()
    ]
    if outdated:
        for name in outdated:
            _file(folder, name).unlink(missing_ok=True)
        perform_now(
            [
                Speak(SYSTEM_SOUNDS[name], engine.name, LANGUAGE, _file(folder, name))
                for name in outdated
            ]
        )
        (folder / _MANIFEST).write_text(json.dumps(wanted, indent=1))
    return tuple(outdated)


def _refuse_missing(folder: Path) -> None:
    """Without an engine the sounds that are there must do."""
    missing = [name for name in SYSTEM_SOUNDS if not _file(folder, name).exists()]
    if missing:
        message = (
            f"no speech engine to make {', '.join(missing)}: install one with "
            "pip install 'queueback[tts]'"
        )
        raise NoVoice(message)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}{folders.SUFFIX}"


def _read_manifest(folder: Path) -> dict[str, str]:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(key) for name, key in manifest.items()}
