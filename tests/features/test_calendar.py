"""The local clock: time zones, days of 23 and 25 hours, holidays."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from wattcast.features.calendar import advances, calendar, country_of, public_holidays

HOUR = timedelta(hours=1)


def test_utc_by_hand():
    cal = calendar(datetime(2024, 1, 1), timedelta(hours=6), 5)  # a Monday
    np.testing.assert_array_equal(cal.hour, [0, 6, 12, 18, 0])
    np.testing.assert_array_equal(cal.weekday, [0, 0, 0, 0, 1])
    np.testing.assert_allclose(cal.year_phase, [0, 0, 0, 0, 1 / 365.25], rtol=1e-6)
    assert not cal.holiday.any()


def test_quarters_of_an_hour():
    cal = calendar(datetime(2024, 1, 1), timedelta(minutes=15), 5)
    np.testing.assert_array_equal(cal.hour, [0, 0.25, 0.5, 0.75, 1])


def test_a_stamp_with_a_zone_is_the_same_moment():
    naive, aware = (
        calendar(d, HOUR, 3, zone="Europe/Berlin") for d in (datetime(2024, 7, 1), datetime(2024, 7, 1, tzinfo=UTC))
    )
    np.testing.assert_array_equal(naive.hour, [2, 3, 4])
    np.testing.assert_array_equal(aware.hour, naive.hour)


@pytest.mark.parametrize(
    ("start", "hours", "length"),
    [
        (datetime(2024, 3, 30, 23), [0, 1, *range(3, 24)], 23),  # clocks go forward: no 02:00
        (datetime(2024, 10, 26, 22), [0, 1, 2, 2, *range(3, 24)], 25),  # back: 02:00 twice
    ],
)
def test_days_on_which_clocks_change_in_berlin(start, hours, length):
    cal = calendar(start, HOUR, length + 1, zone="Europe/Berlin")
    np.testing.assert_array_equal(cal.hour, [*hours, 0])
    np.testing.assert_array_equal(cal.weekday, [6] * length + [0])  # a Sunday, then Monday


#: Zone, a local day on which its clock changes, and the hours that day has.
CHANGES = [
    ("Europe/Berlin", datetime(2024, 3, 31), 23),
    ("Europe/Berlin", datetime(2024, 10, 27), 25),
    ("America/Sao_Paulo", datetime(2017, 10, 15), 23),  # 00:00 becomes 01:00: that day has no midnight
    ("America/Sao_Paulo", datetime(2017, 2, 18), 25),  # 00:00 of the next day becomes 23:00 again
    ("Asia/Beirut", datetime(2022, 3, 27), 23),
    ("Asia/Beirut", datetime(2022, 10, 29), 25),
    ("America/Havana", datetime(2023, 11, 5), 25),  # 01:00 becomes 00:00: two midnights
    ("Australia/Lord_Howe", datetime(2024, 4, 7), 24.5),
]


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
@pytest.mark.parametrize("minutes", [60, 30, 15, 5])
@pytest.mark.parametrize("at", [0.0, 0.5, 1.75, 8 + 20 / 60, 23.0])
def test_every_local_day_begins_once(zone, day, hours, minutes, at):
    start = (day - timedelta(days=3)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    step = timedelta(minutes=minutes)
    hour = calendar(start, step, 7 * 1440 // minutes, zone=zone).hour
    found = advances(hour, at)
    if at == 0.0:
        assert np.diff(found[:5]).tolist().count(round(hours * 60 / minutes)) >= 1 and found[0] == 0
    days = []
    for t in found:
        local = (start + int(t) * step).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        days.append((local.replace(tzinfo=None) - timedelta(hours=at)).date())
        since = (local.hour + local.minute / 60 - at) % 24
        assert since < minutes / 60 + 1  # the first step of that day, after an hour the clock skipped at most
    assert days == [days[0] + timedelta(days=k) for k in range(len(days))] and len(days) >= 6


@pytest.mark.parametrize("hours", [1, 3, 6, 8, 12])
def test_days_of_long_steps_begin_once(hours):
    step = timedelta(hours=hours)
    cal = calendar(datetime(2024, 3, 25), step, 10 * 24 // hours, zone="Europe/Berlin")  # the clock goes on on the 31st
    for at in (0.0, 6.0):
        np.testing.assert_allclose(np.diff(advances(cal.hour, at)), 24 // hours, atol=1 if hours == 1 else 0)


def test_countries_of_meters():
    assert country_of(["a", "b"], None) == [None, None]
    assert country_of(["a", "b"], "DE") == ["DE", "DE"]
    assert country_of(["a", "b"], {"b": "FR", "c": "IT"}) == [None, "FR"]
    assert country_of(["DE", "AU_VIC"], "meter") == ["DE", "AU-VIC"]


def test_weekday_is_the_local_one():
    cal = calendar(datetime(2024, 1, 1, 23), HOUR, 1, zone="Europe/Berlin")
    assert cal.weekday[0] == 1


def test_holidays_of_a_country_and_of_a_part_of_it():
    start = datetime(2024, 12, 25)
    assert calendar(start, HOUR, 48, country="DE").holiday.all()
    assert not calendar(start, HOUR, 48).holiday.any()
    around = calendar(datetime(2024, 12, 31), timedelta(days=1), 2, country="DE")  # over the end of a year
    np.testing.assert_array_equal(around.holiday, [0, 1])
    cup = datetime(2024, 11, 5)  # Melbourne Cup Day is Victoria's alone
    assert calendar(cup, HOUR, 1, country="AU-VIC").holiday[0] == 1
    assert calendar(cup, HOUR, 1, country="AU").holiday[0] == 0


def test_an_empty_grid():
    assert calendar(datetime(2024, 1, 1), HOUR, 0, country="DE").hour.shape == (0,)


@pytest.mark.parametrize("country", ["XX", "DE-NOWHERE", ""])
def test_a_country_without_calendar(country):
    with pytest.raises(ValueError, match="No holiday calendar for country"):
        public_holidays(country, range(2024, 2025))
