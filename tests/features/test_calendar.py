"""The local clock: time zones, days of 23 and 25 hours, holidays."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from wattcast.features.calendar import calendar, public_holidays

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
