"""Writes what SIPp needs to be many callers who each key their own digits.

A capture's path is fixed when SIPp loads a scenario, so each digit string is a branch of the
scenario; the injection file tells every call its branch and the number in its From header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from tests.sipp.capture import Press, capture, length_ms

_TEMPLATE: Final = Path(__file__).parent / "scenarios" / "caller.xml.in"
_PATIENCE_MS: Final = 60_000
"""How long a caller stays on the line after the last key."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller: the number in From, and what is keyed."""

    number: str
    presses: tuple[Press, ...]


@dataclass(frozen=True, slots=True)
class CallerFiles:
    """What :func:`write` has written."""

    scenario: Path
    injection: Path


def presses(script: str, number: str) -> tuple[Press, ...]:
    """Read a key script: ``3000:1 2500:{number}#`` presses 1 three seconds after the answer.

    Raises:
        ValueError: A part is not milliseconds, a colon and keys.
    """
    parts = []
    for part in script.replace("{number}", number).split():
        after, colon, digits = part.partition(":")
        if not colon or not after.isdigit():
            raise ValueError(f"{part!r}: expected milliseconds, a colon and keys")
        parts.append(Press(int(after), digits))
    return tuple(parts)


def write(folder: Path, callers: Sequence[Caller]) -> CallerFiles:
    """Write the captures, the scenario and the injection file for these callers, in order."""
    variants = {caller.presses: number for number, caller in enumerate(callers)}
    order = {keys: place for place, keys in enumerate(variants)}
    branches, captures = [], []
    for keys, place in order.items():
        path = folder / f"keys-{place}.pcap"
        path.write_bytes(capture(keys))
        branches.append(_branch(place))
        captures.append(_play(place, path))
    longest = max(length_ms(keys) for keys in order)
    scenario = folder / "caller.xml"
    text = Template(_TEMPLATE.read_text()).substitute(
        branches="".join(branches), captures="".join(captures), patience=longest + _PATIENCE_MS
    )
    scenario.write_text(text)
    injection = folder / "callers.csv"
    lines = [f"{caller.number};{order[caller.presses]};" for caller in callers]
    injection.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    return CallerFiles(scenario, injection)


def _branch(place: int) -> str:
    return f"""
  <nop next="keys-{place}" test="mine">
    <action><test assign_to="mine" variable="variant" compare="equal" value="{place}"/></action>
  </nop>"""


def _play(place: int, path: Path) -> str:
    return f"""
  <label id="keys-{place}"/>
  <nop next="stay"><action><exec play_pcap_audio="{path}"/></action></nop>"""
