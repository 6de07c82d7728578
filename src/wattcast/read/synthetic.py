"""Made-up load with a day, a week, a temperature and noise; seeded, for tests, docs and first trials."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from wattcast.schema import DS, ID, Y


def synthetic(
    meters: int = 3,
    days: int = 60,
    step_minutes: int = 60,
    seed: int = 0,
    *,
    start: datetime = datetime(2024, 1, 1),
    noise: float = 0.05,
) -> pl.DataFrame:
    """A long frame `unique_id, ds, y, temperature`.

    >>> synthetic(meters=2, days=1).shape
    (48, 4)

    Args:
        meters: number of meters, named `meter_1` and on.
        days: length of each series [d].
        step_minutes: length of an interval [min].
        seed: same seed, same frame; a meter does not change when more are asked for.
        start: first stamp, naive.
        noise: size of the noise as a share of the load.

    Returns:
        `y` in kW (always above zero), `temperature` in °C, one for all meters.

    Raises:
        ValueError: less than one meter, one day, or one minute.
    """
    if min(meters, days, step_minutes) < 1:
        raise ValueError(f"meters, days and step_minutes must be 1 or more, got {meters}, {days}, {step_minutes}.")
    count = days * 24 * 60 // step_minutes
    hour = np.arange(count) * step_minutes / 60 + start.hour + start.minute / 60
    weather = np.random.default_rng([seed, 0])
    drift = np.cumsum(weather.normal(0, 1, days + 2)) * 0.5
    warmth = 12 + np.interp(hour / 24, np.arange(days + 2), drift - np.linspace(0, drift[-1], days + 2))
    temperature = warmth + 5 * np.sin(2 * np.pi * (hour - 9) / 24)
    ds = pl.Series(DS, [start + timedelta(minutes=step_minutes) * i for i in range(count)], dtype=pl.Datetime("us"))
    frames = []
    for meter in range(1, meters + 1):
        load = _load(np.random.default_rng([seed, meter]), hour, start.weekday(), temperature, noise)
        table = pl.DataFrame({DS: ds, Y: load, "temperature": temperature})
        frames.append(table.select(pl.lit(f"meter_{meter}").alias(ID), pl.all()))
    return pl.concat(frames)


def _load(
    rng: np.random.Generator, hour: np.ndarray, weekday: int, temperature: np.ndarray, noise: float
) -> np.ndarray:
    """Level times (morning and evening peak, quieter weekend, heating) times noise that lingers."""
    level, morning, evening = rng.uniform(50, 400), rng.uniform(6.5, 9), rng.uniform(17, 20)
    clock = hour % 24
    peaks = 0.4 * np.exp(-((clock - morning) ** 2) / 5) + 0.6 * np.exp(-((clock - evening) ** 2) / 8)
    weekend = ((hour // 24 + weekday) % 7) >= 5
    heating = 0.01 * np.clip(16 - temperature, 0, None)
    white = rng.normal(0, noise, len(hour))
    lingering = np.empty_like(white)
    last = 0.0
    for i, w in enumerate(white):
        last = 0.8 * last + 0.6 * w
        lingering[i] = last
    shape = (0.6 + peaks) * np.where(weekend, rng.uniform(0.7, 0.95), 1.0) + heating
    return np.asarray(level * shape * np.exp(lingering))
