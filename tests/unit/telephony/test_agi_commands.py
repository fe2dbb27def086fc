"""AGI commands: nothing but what is meant can be said with them."""

from __future__ import annotations

import pytest

from ivr.domain.errors import TelephonyError
from ivr.domain.ids import LegId
from ivr.telephony.agi import commands
from ivr.telephony.write_guard import agi_line

pytestmark = pytest.mark.unit

EVIL_SOUNDS = ["a&b", "a,b", "a b", "../x", "a/../b", "", "-x", 'a"', "a\n", "${X}", "a|b"]


@pytest.mark.parametrize("sound", EVIL_SOUNDS)
def test_sound_is_a_plain_path(sound: str) -> None:
    with pytest.raises(TelephonyError):
        commands.playbacks([sound])
    with pytest.raises(TelephonyError):
        commands.read_keys([sound], max_keys=1, terminator="#")
    with pytest.raises(TelephonyError):
        commands.sound_until_star(sound, start=0)


def test_sounds_are_played_in_one_command() -> None:
    assert commands.playbacks(["welcome", "/var/lib/queueback/sounds/a-1.b"]) == [
        'EXEC Playback "welcome&/var/lib/queueback/sounds/a-1.b"'
    ]
    assert commands.playbacks([]) == []


def test_many_sounds_are_played_in_several_commands() -> None:
    sounds = [f"/sounds/{number:0100d}" for number in range(200)]

    written = commands.playbacks(sounds)

    assert len(written) == 3
    assert all(len(agi_line(command)) <= 8192 for command in written)
    played = "&".join(command.removeprefix('EXEC Playback "').rstrip('"') for command in written)
    assert played.split("&") == sounds


def test_keys_are_read_in_one_command() -> None:
    assert (
        commands.read_keys(["a", "b"], max_keys=11, terminator="#")
        == 'EXEC Read "IVR_KEYS,a&b,11,t(#)"'
    )
    assert commands.read_keys([], max_keys=1, terminator="") == 'EXEC Read "IVR_KEYS,,1,t()"'


@pytest.mark.parametrize("terminator", ["##", "a", ")", ",", "\n", " ", "E"])
def test_terminator_is_a_key(terminator: str) -> None:
    with pytest.raises(TelephonyError):
        commands.read_keys([], max_keys=1, terminator=terminator)


@pytest.mark.parametrize("count", [0, -1, 256])
def test_number_of_keys_is_bounded(count: int) -> None:
    with pytest.raises(TelephonyError):
        commands.read_keys([], max_keys=count, terminator="#")


@pytest.mark.parametrize("code", ["*", "0", "**", "*71", "*0,Leg: other", "*0\n"])
def test_code_is_a_star_and_a_digit(code: str) -> None:
    with pytest.raises(TelephonyError):
        commands.code_keyed(LegId("k1-a1"), code)
