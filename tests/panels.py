"""Seeded panels that the tests of forecasters share."""

from datetime import datetime, timedelta

import numpy as np

from wattcast.features.panel import Panel


def load_panel(days=70, minutes=60, meters=2, *, seed=0, temperature=True, gaps=0.0, zone="UTC") -> Panel:
    """Load with a day, a week, weather and noise: meters of different size, on `minutes` steps."""
    rng = np.random.default_rng(seed)
    day = 1440 // minutes
    t = np.arange(days * day)
    weather = 15 + 8 * np.sin(2 * np.pi * t / (20 * day)) + 4 * np.sin(2 * np.pi * t / day - 2)
    weather += np.repeat(rng.normal(0, 3, days), day)
    shape = 1 + 0.4 * np.sin(2 * np.pi * t / day) + 0.1 * np.sin(4 * np.pi * t / day + 1)
    weekend = np.where(t // day % 7 >= 5, 0.8, 1.0)
    size = 10.0 ** np.arange(1, meters + 1)
    noise = rng.normal(0, 0.03, (len(t), meters))
    y = size * ((shape * weekend + 0.01 * np.abs(weather - 15))[:, None] + noise)
    y[rng.random(y.shape) < gaps] = np.nan
    covariates = np.repeat(weather[:, None, None], meters, 1)[..., : 1 if temperature else 0]
    names = ("temperature",) if temperature else ()
    ids = tuple(f"meter{m}" for m in range(meters))
    return Panel(ids, datetime(2022, 1, 3), timedelta(minutes=minutes), zone, y, covariates, names)
