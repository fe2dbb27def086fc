"""Hours of operation and calling windows (C8, B14), across nights, holidays and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.hours import (
    ALL_DAY,
    ALWAYS_OPEN,
    HORIZON,
    WEEKDAYS,
    HoursOfOperation,
    Span,
    calling_window,
    next_callable,
    next_open_in_all,
)
from ivr.domain.ids import E164

pytestmark = pytest.mark.unit

MON, TUE, WED, THU, FRI, SAT, SUN = WEEKDAYS
OFFICE: Span = (time(9), time(17))
WINDOW = HoursOfOperation(time_zone="UTC", weekly=dict.fromkeys(WEEKDAYS, ((time(8), time(21)),)))
BERLIN = "Europe/Berlin"


def hours(
    *spans: Span, zone: str = BERLIN, days: range | tuple[int, ...] = WEEKDAYS
) -> HoursOfOperation:
    return HoursOfOperation(time_zone=zone, weekly=dict.fromkeys(days, spans))


def local(text: str, zone: str = BERLIN) -> datetime:
    """A local time of a zone, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- days and nights ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-06-01 08:59:59", False),
        ("2026-06-01 09:00:00", True),
        ("2026-06-01 16:59:59", True),
        ("2026-06-01 17:00:00", False),
        ("2026-06-06 12:00:00", False),  # Saturday
    ],
)
def test_office_hours_include_their_start_and_not_their_end(at: str, *, is_open: bool) -> None:
    office = hours(OFFICE, days=(MON, TUE, WED, THU, FRI))

    assert office.is_open(local(at)) is is_open


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-06-05 21:59", False),
        ("2026-06-05 22:00", True),
        ("2026-06-06 00:00", True),
        ("2026-06-06 01:59", True),
        ("2026-06-06 02:00", False),
        ("2026-06-06 22:30", False),
    ],
)
def test_friday_night_runs_into_saturday(at: str, *, is_open: bool) -> None:
    night = hours((time(22), time(2)), days=(FRI,))

    assert night.is_open(local(at)) is is_open


def test_always_open_never_closes() -> None:
    at = utc("2026-01-01 00:00")
    for quarter in range(4 * 24 * 8):
        assert ALWAYS_OPEN.is_open(at + timedelta(minutes=15 * quarter))


def test_lunch_break_between_two_spans() -> None:
    day = hours((time(9), time(12)), (time(13), time(17)))

    assert not day.is_open(local("2026-06-01 12:30"))
    assert day.next_open(local("2026-06-01 12:30")) == local("2026-06-01 13:00")


def test_next_open_is_now_while_open() -> None:
    at = local("2026-06-01 10:00")

    assert hours(OFFICE).next_open(at) == at


def test_next_open_on_friday_evening_is_monday_morning() -> None:
    office = hours(OFFICE, days=(MON, TUE, WED, THU, FRI))

    assert office.next_open(local("2026-06-05 17:00")) == local("2026-06-08 09:00")


def test_next_open_takes_the_earliest_of_spans_in_any_order() -> None:
    day = hours((time(13), time(17)), (time(9), time(12)))

    assert day.next_open(local("2026-06-01 06:00")) == local("2026-06-01 09:00")


def test_what_never_opens_has_no_next_time() -> None:
    assert hours().next_open(local("2026-06-01 10:00")) is None
    assert HoursOfOperation(time_zone="UTC", weekly={}).next_open(utc("2026-06-01 10:00")) is None


# --- holidays -----------------------------------------------------------------------------------

CHRISTMAS = HoursOfOperation(
    time_zone=BERLIN,
    weekly=dict.fromkeys(WEEKDAYS, ((time(20), time(4)), OFFICE)),
    holidays={date(2026, 12, 24): ((time(9), time(12)),), date(2026, 12, 25): ()},
)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-12-24 03:00", True),  # the night of the 23rd runs to its end
        ("2026-12-24 11:00", True),
        ("2026-12-24 12:00", False),
        ("2026-12-24 21:00", False),
        ("2026-12-25 03:00", False),
        ("2026-12-25 10:00", False),
        ("2026-12-26 03:00", False),  # no night began on the 25th
        ("2026-12-26 10:00", True),
    ],
)
def test_holiday_replaces_what_begins_on_its_day(at: str, *, is_open: bool) -> None:
    assert CHRISTMAS.is_open(local(at)) is is_open


def test_next_open_skips_a_holiday() -> None:
    assert CHRISTMAS.next_open(local("2026-12-24 13:00")) == local("2026-12-26 09:00")


def test_opening_on_a_holiday_alone_is_found() -> None:
    fair = HoursOfOperation(time_zone=BERLIN, weekly={}, holidays={date(2026, 12, 31): (ALL_DAY,)})

    assert fair.next_open(local("2026-06-01 00:00")) == local("2026-12-31 00:00")
    assert fair.next_open(local("2025-06-01 00:00")) is None  # beyond the horizon


# --- clock changes (Berlin 2026: 29 March 02:00 forward, 25 October 03:00 back) -------------------


def test_spring_day_is_an_hour_shorter() -> None:
    opens, closes = local("2026-03-29 00:00"), local("2026-03-30 00:00")

    assert closes - opens == timedelta(hours=23)
    assert open_minutes(hours((time(0), time(6))), opens, closes) == 5 * 60


def test_autumn_day_is_an_hour_longer() -> None:
    opens, closes = local("2026-10-25 00:00"), local("2026-10-26 00:00")

    assert closes - opens == timedelta(hours=25)
    assert open_minutes(hours((time(0), time(6))), opens, closes) == 7 * 60


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_office_opens_at_nine_on_the_wall_on_days_of_change(day: str) -> None:
    office = hours(OFFICE)

    assert office.next_open(local(f"{day} 00:30")) == local(f"{day} 09:00")


def test_skipped_opening_time_counts_with_the_offset_before_the_gap() -> None:
    early = hours((time(2, 30), time(6)))

    assert early.next_open(utc("2026-03-29 00:00")) == utc("2026-03-29 01:30")  # 03:30 on the wall


def test_repeated_opening_time_is_its_first_occurrence() -> None:
    early = hours((time(2, 30), time(6)))

    assert early.next_open(utc("2026-10-25 00:00")) == utc("2026-10-25 00:30")
    assert early.is_open(utc("2026-10-25 01:15"))  # 02:15 for the second time


def test_span_inside_the_gap_is_not_open_that_day() -> None:
    lost = hours((time(2, 30), time(3)))

    assert lost.next_open(utc("2026-03-29 00:00")) == local("2026-03-30 02:30")


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Africa/Cairo", "2026-04-24"),  # midnight itself is skipped
        ("America/Havana", "2026-11-01"),  # an hour after midnight comes twice
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour back
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
    ],
)
def test_whole_days_stay_open_across_any_change(zone: str, day: str) -> None:
    at = local(f"{day} 12:00", zone) - timedelta(days=1)
    around_the_clock = hours(ALL_DAY, zone=zone)

    assert open_minutes(around_the_clock, at, at + timedelta(days=2)) == 2 * 24 * 60


def open_minutes(each: HoursOfOperation, start: datetime, end: datetime) -> int:
    minutes = int((end - start) / timedelta(minutes=1))
    return sum(each.is_open(start + timedelta(minutes=minute)) for minute in range(minutes))


# --- several at once, and the calling window ------------------------------------------------------


def test_next_time_in_window_and_queue_hours() -> None:
    queue = hours((time(20), time(23)))
    window = hours((time(8), time(21)))

    assert next_open_in_all(local("2026-06-01 12:00"), (window, queue)) == local("2026-06-01 20:00")
    assert next_open_in_all(local("2026-06-01 21:30"), (window, queue)) == local("2026-06-02 20:00")
    assert next_open_in_all(local("2026-06-01 20:30"), (window, queue)) == local("2026-06-01 20:30")


def test_no_hours_at_all_means_at_once() -> None:
    at = utc("2026-06-01 12:00")

    assert next_open_in_all(at, ()) == at


@pytest.mark.parametrize("never", [hours(), hours((time(21), time(22)))])
def test_hours_that_never_meet_have_no_common_time(never: HoursOfOperation) -> None:
    assert next_open_in_all(utc("2026-06-01 12:00"), (hours((time(8), time(21))), never)) is None


def test_callback_waits_for_morning_where_the_customer_is() -> None:
    at = utc("2026-06-01 03:00")  # 23:00 in New York, 05:00 in Berlin

    assert next_callable(E164("+12125550123"), at, WINDOW, BERLIN) == utc("2026-06-01 12:00")
    assert next_callable(E164("+4930123456"), at, WINDOW, "UTC") == utc("2026-06-01 06:00")


def test_callback_inside_the_window_is_not_delayed() -> None:
    at = utc("2026-06-01 15:00")

    assert next_callable(E164("+12125550123"), at, WINDOW, BERLIN) == at


def test_callback_waits_for_the_queue_too() -> None:
    at = utc("2026-06-01 03:00")
    queue = hours((time(18), time(20)))

    assert next_callable(E164("+4930123456"), at, WINDOW, BERLIN, queue) == local(
        "2026-06-01 18:00"
    )


def test_unknown_zone_takes_that_of_the_site() -> None:
    at = utc("2026-06-01 03:00")

    assert next_callable(E164("+80012345678"), at, WINDOW, BERLIN) == local("2026-06-01 08:00")


def test_several_zones_must_all_be_in_the_window() -> None:
    toll_free = E164("+18005551212")  # anywhere from Guam to Bermuda
    zones = calling_window(toll_free, utc("2026-06-01 03:00"), WINDOW, BERLIN)

    at = next_callable(toll_free, utc("2026-06-01 03:00"), WINDOW, BERLIN)

    assert at is not None
    assert len(zones) > 1
    assert all(each.is_open(at) for each in zones)
    assert not all(each.is_open(at - timedelta(seconds=1)) for each in zones)


def test_zones_too_far_apart_take_that_of_the_site() -> None:
    toll_free = E164("+18005551212")  # anywhere from Guam to Bermuda
    office = hours(OFFICE)

    assert calling_window(toll_free, utc("2026-06-01 03:00"), office, BERLIN) == (office,)


def test_window_that_never_opens_has_no_next_time() -> None:
    shut = HoursOfOperation(time_zone="UTC", weekly={})

    assert next_callable(E164("+4930123456"), utc("2026-06-01 03:00"), shut, BERLIN) is None


@pytest.mark.parametrize("change", ["2026-03-08", "2026-11-01"])
def test_window_opens_at_eight_on_the_customers_wall_on_days_of_change(change: str) -> None:
    at = local(f"{change} 00:30", "America/New_York")

    assert next_callable(E164("+12125550123"), at, WINDOW, BERLIN) == local(
        f"{change} 08:00", "America/New_York"
    )


# --- properties -----------------------------------------------------------------------------------

clock_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
any_hours = st.builds(
    HoursOfOperation,
    time_zone=st.sampled_from([BERLIN, "America/New_York", "Asia/Kolkata", "Africa/Cairo"]),
    weekly=st.dictionaries(
        st.sampled_from(list(WEEKDAYS)),
        st.lists(st.tuples(clock_times, clock_times), min_size=1, max_size=2).map(tuple),
        min_size=1,
    ),
    holidays=st.dictionaries(
        st.dates(date(2026, 3, 20), date(2026, 4, 5)),
        st.lists(st.tuples(clock_times, clock_times), max_size=1).map(tuple),
        max_size=3,
    ),
)
around_spring = st.integers(0, 16 * 24 * 12).map(
    lambda steps: utc("2026-03-20") + timedelta(minutes=5 * steps)
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(each=any_hours, at=around_spring)
def test_next_open_is_open_and_nothing_before_it_is(each: HoursOfOperation, at: datetime) -> None:
    opening = each.next_open(at)

    end = at + timedelta(days=8) if opening is None else opening
    step = max((end - at) / 20, timedelta(minutes=1))
    assert opening is None or (at <= opening <= at + HORIZON + timedelta(days=1))
    assert opening is None or each.is_open(opening)
    assert not any(each.is_open(at + n * step) for n in range(20) if at + n * step < end)
