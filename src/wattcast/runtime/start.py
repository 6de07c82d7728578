"""prime: the state of meters from their past."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import country_of
from wattcast.features.panel import Panel
from wattcast.features.signals import LEAST_LEVEL, Signals, inputs, signals
from wattcast.features.view import View
from wattcast.nets.errors import days_of, first_counted, heard, learned_before
from wattcast.runtime import record as rec
from wattcast.runtime.answer import check_panel, finished, scale_of
from wattcast.runtime.clock import microseconds
from wattcast.runtime.live import decoded
from wattcast.runtime.model import Model
from wattcast.runtime.network import move
from wattcast.runtime.record import MeterState
from wattcast.runtime.taught import keep
from wattcast.runtime.window import standard
from wattcast.schema import NotReady, ReadingsError

#: Rows of inputs that are worked out at once.
ROWS = 4096


def prime(model: Model, panel: Panel, origin: int | None = None) -> MeterState:
    """The state of every meter after reading a panel up to an origin.

    Args:
        model: whose states they are to be.
        panel: readings on the model's step, with the covariates it knows ahead.
        origin: index after the last reading taken; None: after the last one there is.

    Returns:
        Records `[meter]`, in the panel's order.

    Raises:
        ReadingsError: another step, or other covariates.
        NotReady: a meter that was not trained on has too little history to tell its scale.
    """
    given, origin = model.grounds, panel.end if origin is None else origin
    check_panel(given.step, model.known, model.issued, panel)
    lay = given.layout
    past = View(panel, origin, lay.targets.max() + 1).panel
    if origin < lay.history and not all(meter in model.place for meter in panel.ids):
        raise NotReady(
            f"The scale of a meter that was not trained on takes {lay.history} readings, there are {origin}; "
            "give more history."
        )
    scale = scale_of(given, past)
    s = signals(past, scale, lay, model.country, model.at, given.ids)
    states = np.zeros(len(panel.ids), model.record.dtype)
    states["model"], states["version"] = model.fingerprint, rec.VERSION
    states["start"], states["count"] = microseconds(panel.start), origin
    states["scale"], states["who"], states["country"] = scale.meter, s.who, _codes(model, panel)
    _enter(model, states, s, past.covariates)
    count = first_counted(s, given.learning, panel.start, panel.step)
    _scan(model, states, s, count)
    _teach(model, states, s, s.advances[count:])
    return states


def walked(model: Model, s: Signals, first: int) -> Iterator[tuple[int, MeterState]]:
    """The recurrent state along all advances of signals: their places from `first` on, and records of it alone.

    Args:
        model: whose states they are.
        s: signals of the model's meters.
        first: place of the first advance that is asked for.
    """
    states = np.zeros(len(s.who), model.record.dtype)
    states["who"] = s.who
    _scan(model, states, s, first)
    for k in range(first, len(s.advances)):
        t = np.full(len(states), s.advances[k])
        _move(model, states, inputs(s, model.grounds.layout, t, np.arange(len(states)))[0][None])
        yield k, states


def _enter(model: Model, states: MeterState, s: Signals, covariates: NDArray[np.float64]) -> None:
    """The readings into fresh records."""
    record, day, t, m = model.record, model.grounds.layout.day, len(s.y), np.arange(len(states))
    newest = s.y[-record.window :]
    states["y"][:, np.arange(t - len(newest), t) % record.window] = newest.T
    states["total"] = np.abs(s.y).sum(axis=0, dtype=np.float64)
    states["heard"] = s.seen.sum(axis=0)
    if t:
        last = t - 1 - np.argmax(s.seen[::-1] > 0, axis=0)
        heard = states["heard"] > 0
        states["age"] = np.where(heard, t - last, t)
        states["last"] = np.where(heard, s.y[last, m], 0)
        for name, lag in (("off_week", 7 * day), ("off_day", day)):
            states[name] = np.where(heard & (last >= lag), s.y[last, m] - s.y[np.maximum(last - lag, 0), m], 0)
    if model.known:
        states["known"] = np.nan
        first = max(0, t - record.before)
        rec.learn(record, states, standard(model, covariates[first:].swapaxes(0, 1)), first - t)


def _scan(model: Model, states: MeterState, s: Signals, count: int) -> None:
    """The recurrent state along the first advances of the signals, in place."""
    lay, meters = model.grounds.layout, np.arange(len(states))
    together = max(1, ROWS // len(meters))
    for first in range(0, count, together):
        at = s.advances[first : min(first + together, count)]
        _move(model, states, inputs(s, lay, *np.broadcast_arrays(at[:, None], meters))[0])


def _move(model: Model, states: MeterState, x: NDArray[np.float32]) -> None:
    """Advances by inputs `[advance, meter, feature]`, in place."""
    if model.native is not None:
        model.native.scan(states, x)
        return
    for seen in x:
        move(model, states, seen)


def _teach(model: Model, states: MeterState, s: Signals, moves: NDArray[np.int32]) -> None:
    """The rest of them, whose forecasts are held against what came; in place."""
    lay, how, q = model.grounds.layout, model.grounds.learning, []
    for k in moves:
        t = np.full(len(states), k)
        _move(model, states, inputs(s, lay, t, np.arange(len(states)))[0][None])
        said = decoded(model, s, t, states, between=False)[None]
        q.append(finished(said, lay, s.phase[t[:1]], min(lay.day, lay.horizon), model.grounds.calibration)[0])
    if not q:
        return
    *before, last = days_of(s, lay, moves, np.stack(q))
    learned = learned_before(before, how, lay, len(states))[-1]
    now, level = heard(learned, last, how, lay), s.level[moves[-1]]
    keep(states, last.said, np.where(level > LEAST_LEVEL, level, 0.0), learned.bands)
    states["drift"], states["bands"] = now.drift, now.bands


def _codes(model: Model, panel: Panel) -> list[bytes]:
    codes = [(code or "").encode() for code in country_of(panel.ids, model.country)]
    for meter, code in zip(panel.ids, codes, strict=True):
        if len(code) > rec.CODE:
            raise ReadingsError(f"The country {code.decode()!r} of {meter} is no code such as DE, US or AU-VIC.")
    return codes
