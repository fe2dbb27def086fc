"""Open or closed at a given time, and when next open.

Used for a queue's hours of operation and for the calling window, the local hours in which a
customer may be called. Local times that a clock change skips or repeats are read as RFC 5545
(section 3.3.5) says: a repeated one is its first occurrence, a skipped one counts with the offset
from before the gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from ivr.domain.ids import E164
from ivr.domain.phone_number import time_zones_of

Span = tuple[time, time]
"""Opening and closing time. Closing at or before opening means the next day: ``(00:00, 00:00)``
is a whole day, ``(22:00, 02:00)`` a night."""

ALL_DAY: Span = (time(0), time(0))
WEEKDAYS = range(7)
"""Monday is 0, as in ``datetime.date.weekday``."""
HORIZON = timedelta(days=366)
"""What does not open within this time counts as never opening."""

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursOfOperation:
    """Weekly opening hours with exceptions, in one time zone.

    Attributes:
        time_zone: IANA name.
        weekly: Spans that begin on each weekday (Monday is 0); a weekday left out is closed.
        holidays: Spans that begin on this date instead of its weekday's; empty = closed. A night
            that began the day before still runs to its end.
    """

    time_zone: str
    weekly: Mapping[int, tuple[Span, ...]]
    holidays: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at this time (closing time is closed)."""
        today = at.astimezone(ZoneInfo(self.time_zone)).date()
        spans = chain(self._spans(today - _DAY), self._spans(today))
        return any(opens <= at < closes for opens, closes in spans)

    def next_open(self, at: datetime) -> datetime | None:
        """The first time it is open, ``at`` itself included; none if not within ``HORIZON``."""
        if self.is_open(at):
            return at
        day = at.astimezone(ZoneInfo(self.time_zone)).date() - _DAY
        last = day + HORIZON
        while day <= last:
            coming = [opens for opens, closes in self._spans(day) if at < opens < closes]
            if coming:
                return min(coming)
            day += _DAY
        return None

    def in_zone(self, time_zone: str) -> HoursOfOperation:
        """The same hours on the clocks of another time zone."""
        return replace(self, time_zone=time_zone)

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Spans that begin on this local day, in UTC."""
        zone = ZoneInfo(self.time_zone)
        for opens, closes in self.holidays.get(day, self.weekly.get(day.weekday(), ())):
            end = day if closes > opens else day + _DAY
            yield (
                datetime.combine(day, opens, zone).astimezone(UTC),
                datetime.combine(end, closes, zone).astimezone(UTC),
            )


ALWAYS_OPEN = HoursOfOperation(time_zone="UTC", weekly=dict.fromkeys(WEEKDAYS, (ALL_DAY,)))


def next_open_in_all(
    at: datetime, hours: Collection[HoursOfOperation], *, within: timedelta = HORIZON
) -> datetime | None:
    """The first time, ``at`` included, at which all of these are open; none if not ``within``."""
    moment: datetime | None = at
    while moment is not None and moment <= at + within:
        latest = _next_in_turn(moment, hours)
        if latest == moment:
            return moment
        moment = latest
    return None


def calling_window(
    number: E164, at: datetime, window: HoursOfOperation, site_zone: str
) -> tuple[HoursOfOperation, ...]:
    """The hours that must all be open for this number to be called.

    The window is read on the clocks of the number's own time zone. A number that may be in several
    must be inside it in all of them; where they never are together within a week (office hours
    from Guam to Bermuda), or none is known, the site's own zone stands in.
    """
    zones = tuple(window.in_zone(zone) for zone in time_zones_of(number))
    if not zones:
        return (window.in_zone(site_zone),)
    if len(zones) > 1 and next_open_in_all(at, zones, within=_WEEK) is None:
        return (window.in_zone(site_zone),)
    return zones


def next_callable(
    number: E164,
    at: datetime,
    window: HoursOfOperation,
    site_zone: str,
    *also: HoursOfOperation,
) -> datetime | None:
    """The first time, ``at`` included, at which this number may be called.

    Args:
        number: Whom to call.
        at: Not before this time.
        window: Local hours in which customers may be called; its own zone does not matter.
        site_zone: Time zone of the site, for numbers whose own is not known.
        also: Other hours that must be open then, such as the queue's.

    Returns:
        The time; none if there is none within ``HORIZON``.
    """
    return next_open_in_all(at, (*calling_window(number, at, window, site_zone), *also))


def _next_in_turn(moment: datetime, hours: Collection[HoursOfOperation]) -> datetime | None:
    """Move on to where each is open, one after the other; unchanged if all are open."""
    latest: datetime | None = moment
    for each in hours:
        latest = each.next_open(latest) if latest is not None else None
    return latest
