"""Phone numbers: reading what people key and trunks send, and whom we may call at all.

A number inside is E.164 text (``ivr.domain.ids.E164``). The functions here read other spellings
into it and write it in other spellings; :class:`NumberPolicy` is the gate every number passes
before it is dialled. How often a number may be dialled is not here: that needs a memory (the
store). Numbering plans are those of libphonenumber; ITU-T E.164 limits a number to 15 digits, which
libphonenumber does not enforce for every plan (Germany's), so it is enforced here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum

import phonenumbers
from phonenumbers import timezone
from phonenumbers.phonemetadata import PhoneMetadata

from ivr.domain.ids import E164

MAX_DIGITS = 15
"""Country code and national number together (ITU-T E.164)."""
NON_GEOGRAPHIC = "001"
"""The region of numbers that belong to no country (+800, +882, +979 and the like)."""

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_BEYOND_E164 = re.compile(r"\+[1-9][0-9]{15,}")
_KEYED = re.compile(r"[0-9]{1,24}")  # a number and the longest international prefix
_WRITTEN = re.compile(r"\+?[0-9 ()./-]{1,40}")
_SEPARATORS = re.compile(r"[ ()./-]")
_DASHES = "\u2010-\u2015"
_IN_TEXT = re.compile(rf"\+?\(?\d(?:[ \t\xa0().\-/{_DASHES}]{{0,3}}\d){{6,}}")
_LONGEST_SHORT_CODE = 6
_BULLET = "•"


class NumberFormat(Enum):
    """How a trunk wants numbers written."""

    E164_PLUS = "e164_plus"  # +49301234567
    E164 = "e164"  # 49301234567
    NATIONAL = "national"  # 0301234567, and abroad with the international prefix


class NumberType(Enum):
    """The kinds of number that may ever be dialled; all others cannot even be allowed."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    VOIP = "voip"
    TOLL_FREE = "toll_free"


USUAL_TYPES = frozenset({NumberType.FIXED_LINE, NumberType.MOBILE, NumberType.FIXED_LINE_OR_MOBILE})


class Denial(Enum):
    """Why a number may not be dialled."""

    INVALID = "invalid"  # in no numbering plan, or not written as E.164
    TOO_LONG = "too_long"
    OWN_NUMBER = "own_number"  # would loop back into this site
    EMERGENCY = "emergency"
    REGION = "region"
    TYPE = "type"
    PREFIX = "prefix"

    @property
    def is_malformed(self) -> bool:
        """Whether this is no number at all, rather than one that is forbidden."""
        return self in {Denial.INVALID, Denial.TOO_LONG}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPolicy:
    """Whom the site may call; what is not allowed is denied.

    Attributes:
        allowed_regions: ISO 3166 codes as the numbering plan has them (+1 876 is JM, not US);
            ``001`` for numbers of no country. Empty = nobody can be called.
        allowed_types: Kinds of number; VoIP and toll-free numbers only if listed.
        denied_prefixes: E.164 beginnings, with ``+``, that are never dialled.
        own_numbers: The site's own numbers and those of its trunks.
        account_numbers: Numbers of caller accounts, rung on the switch itself: always allowed,
            though they may lie in ranges that no numbering plan has.
        served_regions: Regions whose emergency numbers no number's national form may equal.
    """

    allowed_regions: frozenset[str] = frozenset()
    allowed_types: frozenset[NumberType] = USUAL_TYPES
    denied_prefixes: tuple[str, ...] = ()
    own_numbers: frozenset[E164] = frozenset()
    account_numbers: frozenset[E164] = frozenset()
    served_regions: frozenset[str] = field(default_factory=frozenset)

    def check(self, number: str) -> Denial | None:
        """Say why this number may not be dialled; none = it may.

        Args:
            number: Exactly as it would be dialled, in E.164 with ``+``.
        """
        if not _E164.fullmatch(number):
            return Denial.TOO_LONG if _BEYOND_E164.fullmatch(number) else Denial.INVALID
        if number in self.own_numbers:
            return Denial.OWN_NUMBER
        if number in self.account_numbers:
            return None
        parsed = _parse(number, None)
        if parsed is None or _e164(parsed) != number or not phonenumbers.is_valid_number(parsed):
            return Denial.INVALID
        region = str(phonenumbers.region_code_for_number(parsed))
        if self._equals_emergency_number(parsed, region):
            return Denial.EMERGENCY
        if region not in self.allowed_regions:
            return Denial.REGION
        if _type(parsed) not in self.allowed_types:
            return Denial.TYPE
        if number.startswith(self.denied_prefixes):
            return Denial.PREFIX
        return None

    def _equals_emergency_number(self, parsed: phonenumbers.PhoneNumber, region: str) -> bool:
        spellings = (phonenumbers.national_significant_number(parsed), _national_digits(parsed))
        return any(
            phonenumbers.is_emergency_number(spelling, served)
            for served in {*self.served_regions, region}
            for spelling in spellings
        )


def parse_local(digits: str, country: str, *, known: Collection[E164] = ()) -> E164 | None:
    """Read a number keyed in the national form of a country, with or without its trunk prefix.

    Emergency numbers, short codes and extensions are no numbers, even where they could be the last
    digits of one (118118 in Jersey).

    Args:
        digits: Keys pressed.
        country: ISO 3166 code.
        known: Numbers accepted though no numbering plan has them (caller accounts).

    Returns:
        The number, or none if this country has no such number.
    """
    if not _KEYED.fullmatch(digits) or _is_short_code(digits, country):
        return None
    parsed = _parse(digits, country)
    if parsed is None or parsed.country_code != phonenumbers.country_code_for_region(country):
        return None
    return _accepted(parsed, known)


def parse_international(digits: str, country: str, *, known: Collection[E164] = ()) -> E164 | None:
    """Read a number that starts with its country code.

    A keypad has no ``+``: the international prefix of the country, ``00`` or nothing may stand
    in its place.

    Args:
        digits: Keys pressed, or text with a leading ``+``.
        country: ISO 3166 code of where it was keyed.
        known: Numbers accepted though no numbering plan has them (caller accounts).

    Returns:
        The number, or none if there is none such.
    """
    if not _KEYED.fullmatch(digits.removeprefix("+")):
        return None
    for full in _with_country_code(digits, country):
        parsed = _parse(f"+{full}", None)
        accepted = None if parsed is None else _accepted(parsed, known)
        if accepted is not None:
            return accepted
    return None


def parse_any(text: str, country: str, *, known: Collection[E164] = ()) -> E164 | None:
    """Read a number as trunks and people write it.

    A number with ``+`` is taken as it stands if its length is possible, though no numbering plan
    may have it (the policy decides whether it can be dialled). Without ``+`` the country's own
    way of writing its numbers comes first, then the international form, then the national form
    without its trunk prefix.

    Args:
        text: Digits with an optional ``+``; spaces, brackets, dots, slashes and hyphens are
            ignored, anything else (letters, an extension) makes it no number.
        country: ISO 3166 code of the trunk or the writer.
        known: Numbers accepted though no numbering plan has them (caller accounts).

    Returns:
        The number, or none.
    """
    if not _WRITTEN.fullmatch(text):
        return None
    number = _SEPARATORS.sub("", text)
    if number.startswith("+"):
        parsed = _parse(number, None)
        if parsed is None or not phonenumbers.is_possible_number(parsed):
            return None
        return _within_limit(parsed)
    local = parse_local(number, country, known=known)
    if local is not None and in_format(local, NumberFormat.NATIONAL, country) == number:
        return local
    return parse_international(number, country, known=known) or local


def in_format(number: E164, form: NumberFormat, country: str) -> str:
    """Write a number as a trunk wants it.

    Args:
        number: The number.
        form: The trunk's format.
        country: ISO 3166 code of the trunk. In the national format a number of another country
            gets the country's international prefix, or ``+`` where it has several.
    """
    if form is NumberFormat.E164_PLUS:
        return number
    if form is NumberFormat.E164:
        return number.removeprefix("+")
    parsed = phonenumbers.parse(number)
    if parsed.country_code == phonenumbers.country_code_for_region(country):
        return _national_digits(parsed)
    abroad = phonenumbers.format_out_of_country_calling_number(parsed, country)
    return ("+" if abroad.startswith("+") else "") + _digits(abroad)


def national(number: E164) -> str:
    """Write a number as people of its own country do: ``030 123456``."""
    return phonenumbers.format_number(
        phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL
    )


def is_region(code: str) -> bool:
    """Whether a numbering plan goes by this code: ISO 3166, or ``001`` for no country."""
    return code == NON_GEOGRAPHIC or code in phonenumbers.SUPPORTED_REGIONS


def mask(number: str) -> str:
    """Hide a number but for its country code and last two digits: ``+49•••••••23``.

    Works on any text, so that nothing keyed or sent can slip through: what is not a digit is left
    out, and of less than six digits none is shown.
    """
    digits = _digits(number)
    code = _country_code(digits) if number.lstrip().startswith("+") else ""
    rest = digits[len(code) :]
    shown = rest[-2:] if len(rest) >= 6 else ""
    return (f"+{code}" if code else "") + _BULLET * max(1, len(rest) - len(shown)) + shown


def mask_in(text: str) -> str:
    """Hide every number in a text: whatever has seven digits or more, separators between them."""
    return _IN_TEXT.sub(lambda found: mask(found.group()), text)


def spoken_groups(number: E164, country: str | None = None) -> tuple[str, ...]:
    """Split a number into the groups of digits in which it is read aloud, four at most each.

    Args:
        number: The number.
        country: ISO 3166 code of the listener: a number of that country is read in its national
            form; others, and all without a country, begin with the country code.
    """
    parsed = phonenumbers.parse(number)
    form = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    if country is not None and parsed.country_code == phonenumbers.country_code_for_region(country):
        form = phonenumbers.PhoneNumberFormat.NATIONAL
    written = phonenumbers.format_number(parsed, form)
    return tuple(part for group in re.findall(r"[0-9]+", written) for part in _breaths(group))


def time_zones_of(number: E164) -> tuple[str, ...]:
    """Name the time zones a number may be in; empty if unknown."""
    parsed = _parse(number, None)
    if parsed is None:
        return ()
    zones = timezone.time_zones_for_number(parsed)
    return tuple(zone for zone in zones if zone != timezone.UNKNOWN_TIMEZONE)


def _parse(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _e164(parsed: phonenumbers.PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _within_limit(parsed: phonenumbers.PhoneNumber) -> E164 | None:
    number = _e164(parsed)
    return number if _E164.fullmatch(number) else None


def _accepted(parsed: phonenumbers.PhoneNumber, known: Collection[E164]) -> E164 | None:
    number = _within_limit(parsed)
    return number if number in known or phonenumbers.is_valid_number(parsed) else None


def _is_short_code(digits: str, country: str) -> bool:
    """Whether these digits alone are an emergency or service number of the country."""
    if len(digits) > _LONGEST_SHORT_CODE:
        return False
    code = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country),
        national_number=int(digits),
        italian_leading_zero=digits.startswith("0"),
        number_of_leading_zeros=len(digits) - len(digits.lstrip("0")) or None,
    )
    return phonenumbers.is_emergency_number(
        digits, country
    ) or phonenumbers.is_valid_short_number_for_region(code, country)


def _with_country_code(digits: str, country: str) -> Iterator[str]:
    """Yield what may be meant, country code first, likeliest first."""
    if digits.startswith("+"):
        yield digits.removeprefix("+")
        return
    plan = PhoneMetadata.metadata_for_region(country)
    if plan is not None and plan.international_prefix is not None:
        prefix = re.match(plan.international_prefix, digits)
        if prefix is not None:
            yield digits[prefix.end() :]
    yield digits.removeprefix("00")


def _national_digits(parsed: phonenumbers.PhoneNumber) -> str:
    return _digits(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _country_code(digits: str) -> str:
    """The country code at the start; empty if there is none such."""
    codes = (digits[:length] for length in (1, 2, 3) if len(digits) > length)
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((code for code in codes if int(code) in known), "")


def _breaths(group: str) -> Iterator[str]:
    """Break a group longer than four digits into threes and a rest of two to four."""
    while len(group) > 4:
        yield group[:3]
        group = group[3:]
    yield group


_TYPES = {
    phonenumbers.PhoneNumberType.FIXED_LINE: NumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.MOBILE: NumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.VOIP: NumberType.VOIP,
    phonenumbers.PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE,
}


def _type(parsed: phonenumbers.PhoneNumber) -> NumberType | None:
    return _TYPES.get(phonenumbers.number_type(parsed))
