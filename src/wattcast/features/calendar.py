"""Local calendar of a grid: slot of the day, weekday, day of the year, public holidays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattcast.schema import ReadingsError

#: Whose public holidays count: one country for all meters ("DE", "AU-VIC"), by `unique_id`, or "meter" where the
#: names of meters are the codes; None for none.
Country = str | Mapping[str, str] | None
Times = NDArray[np.datetime64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400


@dataclass(frozen=True)
class Calendar:
    """Local clock of grid steps, one entry a step.

    Attributes:
        hour: local time of day [h], 0 <= hour < 24.
        weekday: 0 Monday .. 6 Sunday.
        year_phase: position in the year, 0 <= year_phase < 1.
        holiday: 1 on a public holiday of the country, else 0.
    """

    hour: NDArray[np.float32]
    weekday: NDArray[np.int32]
    year_phase: NDArray[np.float32]
    holiday: NDArray[np.float32]


def calendar(
    start: datetime, step: timedelta, length: int, *, zone: str = "UTC", country: str | None = None
) -> Calendar:
    """Calendar of `length` steps from `start` [UTC], read from the clock of `zone`.

    Args:
        start: start of the first interval [UTC].
        step: length of an interval.
        length: number of intervals.
        zone: IANA name of the local clock.
        country: ISO code, with subdivision if wanted ("DE", "AU-VIC"), whose public holidays count.

    Raises:
        ValueError: the country or subdivision has no holiday calendar.
    """
    local = _local(start, step, length, zone)
    days = local.astype("datetime64[D]")
    first = days.astype("datetime64[Y]").astype(days.dtype)
    return Calendar(
        ((local - days) / np.timedelta64(1, "h")).astype(np.float32),
        ((days.astype(np.int64) + 3) % 7).astype(np.int32),  # 1970 began on a Thursday
        ((days - first).astype(np.int64) / 365.25).astype(np.float32),
        _holiday(days, country),
    )


def holidays_by_country(
    start: datetime, step: timedelta, length: int, *, zone: str, ids: Sequence[str], country: Country
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Public holidays of every country among the meters.

    Args:
        start: start of the first interval [UTC].
        step: length of an interval.
        length: number of intervals.
        zone: IANA name of the local clock.
        ids: meters.
        country: whose public holidays count.

    Returns:
        1 on a public holiday, else 0 `[time, country]`, and the column of each meter `[meter]`.

    Raises:
        ReadingsError: a country without a calendar.
    """
    codes = country_of(ids, country)
    countries = sorted(set(codes), key=str)
    days = _local(start, step, length, zone).astype("datetime64[D]")
    return np.stack([_holiday(days, code) for code in countries], -1), np.array(
        [countries.index(code) for code in codes], np.int32
    )


def _local(start: datetime, step: timedelta, length: int, zone: str) -> Times:
    """What the clock of `zone` shows at each step, to the microsecond."""
    first = np.datetime64(start.astimezone(UTC).replace(tzinfo=None) if start.tzinfo else start, "us")
    utc = first + np.arange(length) * np.timedelta64(step)
    if not length:
        return utc
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    years = [utc[k].astype("datetime64[Y]").astype(int) + 1970 for k in (0, -1)]
    of_year = [shifts(zone, year) for year in range(years[0], years[1] + 1)]
    moments = np.concatenate([moments for moments, _ in of_year])
    offsets = np.concatenate([offsets for _, offsets in of_year])
    return utc + offsets[np.searchsorted(moments, seconds, "right") - 1].astype("timedelta64[s]")


@lru_cache(maxsize=256)
def shifts(zone: str, year: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which moments of a UTC year on [s since 1970] the clock of `zone` is how far from UTC [s]."""
    clock = ZoneInfo(zone)

    def offset(second: int) -> int:
        ahead = (_EPOCH + timedelta(seconds=second)).astimezone(clock).utcoffset()
        return round((ahead or timedelta(0)).total_seconds())

    first, last = (int((datetime(y, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) for y in (year, year + 1))
    moments, offsets = [first], [offset(first)]
    for day in range(first, last, _DAY):
        low, high = day, day + _DAY
        if offset(high) == offsets[-1]:
            continue
        while high - low > 1:  # the last second before a clock is changed, the first after it
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        moments.append(high)
        offsets.append(offset(high))
    return np.array(moments), np.array(offsets)


def _holiday(days: Times, country: str | None) -> NDArray[np.float32]:
    """1 on the public holidays among local dates, else 0."""
    if not country or not len(days):
        return np.zeros(len(days), np.float32)
    year = days.astype("datetime64[Y]").astype(int) + 1970
    found = np.array(sorted(public_holidays(country, range(int(year.min()), int(year.max()) + 1))), days.dtype)
    return np.isin(days, found).astype(np.float32)


def country_of(ids: Sequence[str], country: Country) -> list[str | None]:
    """Country of each meter; meters that a mapping does not name have none."""
    if country == "meter":
        return [meter.replace("_", "-") for meter in ids]
    return [country if country is None or isinstance(country, str) else country.get(meter) for meter in ids]


def advances(hour: NDArray[np.float32], at: float) -> NDArray[np.int64]:
    """Steps at which a local day begins that starts at hour `at`, whatever the clock skips or repeats.

    Args:
        hour: local time of day of each step [h], as `Calendar.hour`.
        at: local hour at which days begin [h].
    """
    seconds = np.rint(hour.astype(np.float64) * 3600).astype(np.int64) - round(at * 3600)
    # A clock goes back by two hours at most and on by half a day and an hour; what it says twice begins no second day.
    moved = (np.diff(seconds) + 6 * 3600) % 86_400 - 6 * 3600
    day = np.maximum.accumulate((seconds[0] % 86_400 + np.concatenate([[0], np.cumsum(moved)])) // 86_400)
    return np.flatnonzero(np.concatenate([[seconds[0] % 86_400 == 0], np.diff(day) > 0]))


def public_holidays(country: str, years: range) -> set[date]:
    """Dates of the public holidays of a country ("DE") or subdivision ("AU-VIC").

    Raises:
        ReadingsError: there is no calendar for it.
    """
    import holidays  # noqa: PLC0415  (0.2 s, and only where a country is given)

    code, _, subdivision = country.partition("-")
    try:
        return set(holidays.country_holidays(code, subdiv=subdivision or None, years=years))
    except NotImplementedError:
        raise ReadingsError(
            f"No holiday calendar for country {country!r}; give an ISO code such as DE, US or AU-VIC."
        ) from None
