"""Day-ahead accuracy on real sets: the network with its defaults beside the ridge and the naive rules.

Protocol: at each 00:00 of the file's clock the next 24 h are forecast; everything is fitted once on what lies before
the test; later readings enter as inputs only. MAPE is the mean of the meters' means; pinball is the mean over the
quantiles 0.1 .. 0.9 over the mean load; masked and missing readings are left out.

`--fold validation` cuts the test part off and judges on the days before it: choices are made there. `--fold test`
reads the test parts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from common import Target, show

from wattcast.baselines import baselines
from wattcast.baselines.past import slots
from wattcast.estimator import NetworkForecaster
from wattcast.evaluate import metrics
from wattcast.features.calendar import Country
from wattcast.features.panel import Panel, panel
from wattcast.features.view import View
from wattcast.nets.forecaster import NetworkSettings
from wattcast.read import read
from wattcast.rivals import LightGBM
from wattcast.train import TrainSettings


@dataclass(frozen=True)
class Work:
    """One row of the table.

    Attributes:
        load: folder of the data -> panel.
        test: days of the test part, the last ones; of each meter's own readings where `own_end`.
        judge: days before the test part that choices are made on.
        targets: best figure of the rivals' or ours to reach, by score.
        country: whose public holidays count.
        own_end: whether each meter has its own last days as test.
    """

    load: Callable[[Path], Panel]
    test: int
    judge: int
    targets: dict[str, float]
    country: Country = None
    own_end: bool = False


def _europe(data: Path) -> Panel:
    parts = [read(data / f"europe35/MHL_{part}.csv") for part in ("train", "test")]
    return panel(replace(parts[0], frame=pl.concat([part.frame for part in parts], how="vertical_relaxed")))


def _file(name: str, *, known: tuple[str, ...] = (), **told: Any) -> Callable[[Path], Panel]:
    return lambda data: panel(read(data / name, **told), known)


def _swiss(data: Path) -> Panel:
    """Weeks 44 to 50 of a year that the file does not tell: they begin on a Monday."""
    found = panel(read(data / "swiss537/swiss_households_15min_7weeks.csv.gz"))
    return replace(found, start=found.start.replace(year=2018, month=10, day=29))


CITIES = ("bakersfield", "los_angeles", "san_francisco")
CAISO = tuple(f"{what}_forecast_dayahead_{city}" for what in ("temp", "dewpoint") for city in CITIES)
SETS = {
    "europe35": Work(_europe, 365, 365, {"mape": 0.0200, "pinball": 0.0078}, "meter"),
    "victoria": Work(_file("victoria/vic_electricity.csv", y="Demand"), 364, 184, {"pinball": 0.0131}),
    "victoria-weather": Work(
        _file("victoria/vic_electricity.csv", y="Demand", known=("Temperature", "Holiday")),
        364,
        184,
        {"pinball": 0.0080},
    ),
    "swiss537": Work(_swiss, 14, 7, {"pinball": 0.172}),
    "sgsc10": Work(_file("sgsc10/smart_meter10.csv.gz"), 56, 56, {"pinball": 0.249}, own_end=True),
    "poland2025": Work(_file("poland2025/electricity_load.csv"), 92, 92, {"wape": 0.0265}, "PL"),
    "ontario": Work(_file("ontario/ontario_zonal_2003_2019.csv.gz"), 365, 365, {}, "CA-ON"),
    "caiso": Work(_file("caiso/caiso_system_load.csv", known=CAISO, available_at="10:00"), 365, 184, {}, "US-CA"),
    "uci10": Work(_file("uci10/uci_eld_10clients_hourly_2014.csv.gz"), 61, 61, {}),
}


class Fold(NamedTuple):
    """What is learned from and judged.

    Attributes:
        p: readings up to the end of what is judged.
        learn: what is learned from ends at its origin.
        origins: from each a day is forecast.
        y: readings judged `[origin, step, meter]`, NaN where they do not count.
    """

    p: Panel
    learn: View
    origins: list[int]
    y: np.ndarray


def fold_of(work: Work, data: Path, fold: str) -> Fold:
    """A fold of a set."""
    p, mask, origin = _judged(work, work.load(data), fold)
    first = int(np.flatnonzero(mask.any(axis=1))[0])
    first -= int(slots(p, first + 1)[first])
    origins = list(range(first, p.length - p.day + 1, p.day))
    y = np.stack([np.where(mask, p.y, np.nan)[o : o + p.day] for o in origins])
    # what a meter's own test part holds is not learned from either
    learn = replace(p, y=np.where(mask, np.nan, p.y)) if work.own_end else p
    return Fold(p, View(learn, origin, p.day), origins, y)


def _judged(work: Work, p: Panel, fold: str) -> tuple[Panel, np.ndarray, int]:
    """Panel, which readings are judged `[time, meter]`, and the origin at which training ends."""
    days = work.test if fold == "test" else work.judge
    ends = np.array([np.flatnonzero(np.isfinite(y))[-1] + 1 if np.isfinite(y).any() else 0 for y in p.y.T])
    ends = ends if work.own_end else np.full(len(ends), p.end)
    midnight = int(slots(p, p.day).argmin())
    ends = (ends - midnight) // p.day * p.day + midnight
    if fold == "validation":
        ends = ends - work.test * p.day
    length = int(ends.max())
    t = np.arange(length)[:, None]
    y = np.where(t < ends, p.y[:length], np.nan)
    mask = (t >= ends - days * p.day) & np.isfinite(y)
    cut = replace(p, y=y, covariates=p.covariates[:length])
    return cut, mask, int((ends - days * p.day).max() if work.own_end else ends[0] - days * p.day)


def scores(q: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Scores of quantile forecasts `[origin, step, meter, quantile]` of readings, NaN where they do not count."""
    none = np.empty(0)  # the scale of a metric that is not among these
    found = {"wape": metrics.wape(y, q, none), "pinball": metrics.pinball_rel(y, q, none)}
    if np.nanmin(np.abs(y)) > 0:
        meters = range(y.shape[2])
        found["mape"] = float(np.nanmean([metrics.mape(y[:, :, m], q[:, :, m], none) for m in meters]))
    return {**found, **{f"cover{level}": metrics.coverage(y, q, level / 100) for level in (80, 90)}}


def rows_of(name: str, data: Path, fold: str, seeds: list[int], beside: str) -> list[dict[str, Any]]:
    """A row a model: medians over the seeds. Beside the network stand nothing, baselines, or rivals as well."""
    work = SETS[name]
    p, learn, origins, y = fold_of(work, data, fold)
    net = NetworkSettings(horizon=p.day, country=work.country, known=p.names)
    models: list[tuple[str, Any]] = [("wattcast", [NetworkForecaster(net, TrainSettings(seed=s)) for s in seeds])]
    if beside in {"baselines", "rivals"}:
        models += [(model.name, [model]) for model in baselines(work.country)]
    if beside == "rivals":
        models.append((LightGBM.name, [LightGBM(work.country)]))
    rows = []
    for model, tries in models:
        found, began = [], time.perf_counter()
        for one in tries:
            fitted = one.fit(learn)
            found.append(scores(fitted.predict(p, origins, p.day), y))
        seconds = (time.perf_counter() - began) / len(tries)
        keys = found[0].keys()
        row = {k: round(median(f[k] for f in found), 5) for k in keys}
        rows.append({"set": name, "fold": fold, "model": model, **row, "seconds": round(seconds, 1)})
    return rows


def main() -> None:
    """Reads the options, measures, prints."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    options.add_argument("--sets", default=",".join(SETS), help="which, with commas between")
    options.add_argument("--seeds", type=int, default=1, help="how many")
    options.add_argument("--fold", choices=("validation", "test"), default="validation")
    options.add_argument("--beside", choices=("nothing", "baselines", "rivals"), default="baselines")
    options.add_argument("--json", action="store_true")
    told = options.parse_args()
    rows, targets = [], []
    for name in told.sets.split(","):
        mine = rows_of(name, told.data, told.fold, list(range(told.seeds)), told.beside)
        rows += mine
        if not told.json:
            show(name, mine, as_json=False)
        if told.fold == "test":
            targets += [Target(f"{name} {k}", mine[0][k], v) for k, v in SETS[name].targets.items()]
            targets += [Target(f"{name} 80 % band, off by", abs(mine[0]["cover80"] - 0.8), 0.03)]
    if told.json or targets:
        show("accuracy", rows, targets, as_json=told.json)


if __name__ == "__main__":
    main()
