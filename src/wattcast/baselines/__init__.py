"""Forecasters that need no network, under the call the network answers to."""

from wattcast.baselines.naive import Naive as Naive
from wattcast.baselines.naive import Persistence as Persistence
from wattcast.baselines.naive import SeasonalNaiveDay as SeasonalNaiveDay
from wattcast.baselines.naive import SeasonalNaiveWeek as SeasonalNaiveWeek
from wattcast.baselines.naive import SlotMean as SlotMean
from wattcast.baselines.past import holidays as holidays
from wattcast.baselines.protocol import Forecaster as Forecaster
from wattcast.baselines.ridge import Ridge as Ridge
from wattcast.features.calendar import Country as Country

#: Every baseline by its name, weakest first; each is made without arguments.
BASELINES: dict[str, type] = {b.name: b for b in (Persistence, SeasonalNaiveDay, SeasonalNaiveWeek, SlotMean, Ridge)}


def baselines(country: Country = None) -> list[Forecaster]:
    """One of each baseline, unfitted; `country` turns on its public holidays in `ridge`."""
    return [Persistence(), SeasonalNaiveDay(), SeasonalNaiveWeek(), SlotMean(), Ridge(country)]
