"""Keys of a participant, with the cancel key and terminators of several keys.

The switch collects keys up to one terminating key. Flows also know a key that clears what was
keyed, and terminators of up to five keys: both are told apart here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.flow.effects import CollectDigits, Digits
from ivr.ports.telephony import Participant

MOST_KEYS = 40
"""More keys in one entry than any flow asks for."""


async def collect(participant: Participant, effect: CollectDigits, sounds: Sequence[str]) -> Digits:
    """Play sounds and collect keys as the flow wants them.

    Raises:
        LegGone: The participant hung up or was moved away.
    """
    standing = ""
    first = effect.first_digit_timeout
    while True:
        asked = min(MOST_KEYS, effect.max_digits - len(standing))
        keys = await participant.collect(
            sounds,
            max_keys=asked,
            first=first,
            between=effect.inter_digit_timeout,
            terminator=effect.terminator[-1:],
        )
        standing = _standing(standing + keys.pressed, effect.cancel_key)
        if keys.timed_out:
            return Digits(standing, timed_out=not standing)
        if len(keys.pressed) < asked:  # ended by the terminator, or by its last key
            if len(effect.terminator) == 1:
                return Digits(standing)
            standing += effect.terminator[-1:]
            if standing.endswith(effect.terminator):
                return Digits(standing.removesuffix(effect.terminator))
        if len(standing) >= effect.max_digits:
            return Digits(standing)
        sounds, first = (), effect.inter_digit_timeout


def _standing(keys: str, cancel_key: str | None) -> str:
    """What stands of the keys: those after the last cancel key."""
    return keys if cancel_key is None else keys.rsplit(cancel_key, 1)[-1]
