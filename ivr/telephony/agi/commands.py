"""AGI commands that we use, as lines: a pure table. Every value passes a check of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ivr.domain.errors import TelephonyError
from ivr.domain.ids import LegId
from ivr.telephony.dialplan import PlaceName, UserEvent, Variable
from ivr.telephony.write_guard import AGI_LINE_LIMIT, agi_quote

KEYS_VARIABLE: Final = "IVR_KEYS"
MOST_KEYS: Final = 255
ANSWER: Final = "ANSWER"
MUSIC_BEGINS: Final = 'EXEC StartMusicOnHold "default"'
MUSIC_ENDS: Final = 'EXEC StopMusicOnHold ""'
CODE_TONE_BEGINS: Final = 'EXEC Playtones "code"'
SORRY_TONE_BEGINS: Final = 'EXEC Playtones "sorry"'
TONE_ENDS: Final = 'EXEC StopPlaytones ""'
STAR: Final = "*"

_SOUND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*|/[A-Za-z0-9_][A-Za-z0-9_./-]*", re.ASCII)
_KEY = re.compile(r"[0-9*#A-D]?", re.ASCII)
_CODE = re.compile(r"\*[0-9]", re.ASCII)
_ROOM_FOR_THE_REST: Final = 200


def refuse_unknown_number() -> str:
    """End an unanswered call as "no such number" (Q.850 cause 1, SIP 404)."""
    return 'EXEC Hangup "1"'


def next_place(place: PlaceName) -> str:
    """Tell the dialplan where the leg goes when this script ends."""
    return f"SET VARIABLE {Variable.NEXT} {agi_quote(place)}"


def playbacks(sounds: Sequence[str]) -> list[str]:
    """Play sounds to their end; as few commands as the length of a command allows.

    Raises:
        TelephonyError: A sound's name could be taken for something else (``&``, ``,``).
    """
    commands: list[str] = []
    joined = ""
    for sound in sounds:
        longer = f"{joined}&{_plain_sound(sound)}" if joined else _plain_sound(sound)
        if len(longer) > AGI_LINE_LIMIT - _ROOM_FOR_THE_REST:
            commands.append(f"EXEC Playback {agi_quote(joined)}")
            longer = sound
        joined = longer
    if joined:
        commands.append(f"EXEC Playback {agi_quote(joined)}")
    return commands


def music(seconds: int) -> str:
    """Play music on hold for so many whole seconds."""
    return f'EXEC MusicOnHold "default,{seconds:d}"'


def sound_until_star(sound: str, *, start: int) -> str:
    """Play a sound from a sample on; a star ends it, other keys change nothing.

    Raises:
        TelephonyError: The sound's name could be taken for something else.
    """
    return f'STREAM FILE {agi_quote(_plain_sound(sound))} "{STAR}" {start:d}'


def key(milliseconds: int) -> str:
    """Wait for any key; what plays goes on."""
    return f"WAIT FOR DIGIT {milliseconds:d}"


def code_keyed(leg_id: LegId, code: str) -> str:
    """Tell of a feature code.

    Raises:
        TelephonyError: It is none.
    """
    if not _CODE.fullmatch(code):
        raise TelephonyError(f"not a code: {code!r}")
    told = f"{UserEvent.FEATURE_CODE},Leg: {leg_id},Code: {code}"
    return f"EXEC UserEvent {agi_quote(told)}"


def timeout(kind: str, seconds: float) -> str:
    """Set the time for the first key (``response``) or a further one (``digit``)."""
    return f'SET VARIABLE TIMEOUT({kind}) "{seconds:.3f}"'


def read_keys(sounds: Sequence[str], *, max_keys: int, terminator: str) -> str:
    """Play sounds and take keys, in one command: between two commands keys are lost.

    Raises:
        TelephonyError: A sound or the terminator is none, or it is all too long.
    """
    if not _KEY.fullmatch(terminator):
        raise TelephonyError(f"not a key: {terminator!r}")
    if not 1 <= max_keys <= MOST_KEYS:
        raise TelephonyError(f"{max_keys} keys: 1 to {MOST_KEYS} can be taken")
    files = "&".join(_plain_sound(sound) for sound in sounds)
    return f"EXEC Read {agi_quote(f'{KEYS_VARIABLE},{files},{max_keys},t({terminator})')}"


def pressed_keys() -> str:
    """Ask how ``read_keys`` ended and what was pressed; keys hold no character of the syntax."""
    return f'GET FULL VARIABLE "${{READSTATUS}}:${{{KEYS_VARIABLE}}}"'


def _plain_sound(sound: str) -> str:
    if not _SOUND.fullmatch(sound) or ".." in sound:
        raise TelephonyError(f"not a sound: {sound[:80]!r}")
    return sound
