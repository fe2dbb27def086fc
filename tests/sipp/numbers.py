"""Telephone numbers to key in: each once, the awkward ones first."""

from __future__ import annotations

from typing import Final

AWKWARD: Final = (
    "9876",
    "5555",
    "3210",
    "1111",
    "0000",
    "9999",
    "1234",
    "7654",
    "8880",
    "4321",
    "1010",
    "0101",
    "6655",
    "2299",
    "9090",
    "7007",
    "8765",
    "3333",
    "6543",
    "5432",
)
"""Last digits with repeats, descending or alternating: what a damaged stream of keys gets wrong."""


def numbers(count: int, prefix: str) -> list[str]:
    """Return ``count`` different numbers: the prefix and four digits.

    Raises:
        ValueError: There are no more than 10 000.
    """
    if not 1 <= count <= 10_000:
        raise ValueError(f"count must be 1 to 10000, got {count}")
    scattered = (f"{place * 7919 % 10_000:04d}" for place in range(10_000))
    endings = dict.fromkeys((*AWKWARD, *scattered))
    return [prefix + ending for ending in list(endings)[:count]]
