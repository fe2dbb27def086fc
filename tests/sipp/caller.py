"""Writes what SIPp needs to be many callers who each key their own digits.

A capture's path is fixed when SIPp loads a scenario, so each digit string is a branch of the
scenario; the injection file tells every call its branch and the number in its From header. SIPp
reads no scenario above 64 KiB, so many digit strings are split over several runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from tests.sipp.capture import Press, capture, length_ms

_TEMPLATE: Final = Path(__file__).parent / "scenarios" / "caller.xml.in"
SAMPLE_KEYS: Final = "2000:1 1500:2 1500:{number}# 2500:1"
"""Asks for a callback to another number than one's own, in the sample site's entry flow."""
SAMPLE_WAIT_KEYS: Final = "2500:2"
"""Waits in line there."""
_MOST_BRANCHES: Final = 250


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


def split(callers: Sequence[Caller]) -> list[list[Caller]]:
    """Deal callers out to as few runs as can hold their digit strings, evenly."""
    runs = -(-len({caller.presses for caller in callers}) // _MOST_BRANCHES)
    return [list(callers[first::runs]) for first in range(runs)]


def write(folder: Path, callers: Sequence[Caller], *, patience_ms: int) -> CallerFiles:
    """Write the captures, the scenario and the injection file of one run, in order.

    Args:
        folder: Where to.
        callers: Who calls.
        patience_ms: How long a caller stays on the line after the last key.
    """
    order = {keys: place for place, keys in enumerate(dict.fromkeys(c.presses for c in callers))}
    for keys, place in order.items():
        (folder / f"{place}.pcap").write_bytes(capture(keys))
    longest = max(length_ms(keys) for keys in order)
    scenario = folder / "caller.xml"
    text = Template(_TEMPLATE.read_text()).substitute(
        branches="\n".join(_BRANCH.format(place) for place in order.values()),
        captures="\n".join(_CAPTURE.format(place) for place in order.values()),
        patience=longest + patience_ms,
    )
    scenario.write_text(text)
    injection = folder / "callers.csv"
    lines = [f"{caller.number};{order[caller.presses]};" for caller in callers]
    injection.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    return CallerFiles(scenario, injection)


_BRANCH: Final = (
    '<nop next="{0}" test="m"><action><test assign_to="m" variable="v" compare="equal" '
    'value="{0}"/></action></nop>'
)
_CAPTURE: Final = (
    '<label id="{0}"/><nop next="s"><action><exec play_pcap_audio="{0}.pcap"/></action></nop>'
)
