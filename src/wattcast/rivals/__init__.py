"""Models of other libraries under the call all forecasters share; they come with the extra `rivals`."""

from __future__ import annotations

from importlib.util import find_spec

from wattcast.baselines import Country, Forecaster
from wattcast.features.panel import Panel
from wattcast.rivals.recursive import MLForecast as MLForecast
from wattcast.rivals.statistical import MSTL as MSTL
from wattcast.rivals.statistical import AutoETS as AutoETS
from wattcast.rivals.statistical import AutoTheta as AutoTheta
from wattcast.rivals.trees import LightGBM as LightGBM
from wattcast.schema import ReadingsError

#: Every rival by its name; each is made without arguments.
RIVALS: dict[str, type] = {r.name: r for r in (MSTL, AutoETS, AutoTheta, MLForecast, LightGBM)}
#: Fits of one statistical model, one a meter and origin, that are waited for: each takes 0.1 to 3 s.
MOST_FITS = 400
#: Longest season [steps] of AutoETS, whose own limit it is, and of the others, which take many seconds beyond it.
LONGEST = {AutoETS.name: 24, AutoTheta.name: 96, MSTL.name: 7 * 96}


def rivals(panel: Panel, origins: int, country: Country = None) -> tuple[list[Forecaster], dict[str, str]]:
    """The rivals that fit a panel, unfitted; and why others do not, a sentence each.

    Args:
        panel: the readings.
        origins: how many forecasts each will make.
        country: whose public holidays count.

    Raises:
        ReadingsError: the extra is not installed.
    """
    if not all(map(find_spec, ("statsforecast", "mlforecast", "lightgbm"))):
        raise ReadingsError("The rivals come with further packages; install them with: pip install 'wattcast[rivals]'.")
    some: list[Forecaster] = []
    left_out = {}
    fits = origins * len(panel.ids)
    for rival in (MSTL, AutoETS, AutoTheta):
        if rival.season(panel.day) > LONGEST[rival.name]:
            left_out[rival.name] = f"{rival.name} is left out: a season of {rival.season(panel.day)} steps is too long."
        elif fits > MOST_FITS:
            left_out[rival.name] = (
                f"{rival.name} is left out: it would be fitted {fits:,} times, once a meter and origin;"
                f" {MOST_FITS} are waited for. Choose fewer --meters or --origins."
            )
        else:
            some.append(rival())
    return [*some, MLForecast(country), LightGBM(country)], left_out
