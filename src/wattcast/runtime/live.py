"""prime, advance, predict: a state per meter, one reading in, a forecast out.

`prime` reads a meter's past and gives its state; `advance` takes one more reading; `predict` says what comes after the
last one. What they give is what `forecast.predict` gives from the whole past, whichever way the state came about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import country_of
from wattcast.features.panel import Panel
from wattcast.features.signals import Signals, inputs, signals
from wattcast.features.view import View
from wattcast.nets.linear import blended, linear_features
from wattcast.runtime import record as rec
from wattcast.runtime.answer import check_horizon, check_panel, finished, scale_of
from wattcast.runtime.clock import Block
from wattcast.runtime.model import Model
from wattcast.runtime.network import decode, encode, output, step
from wattcast.runtime.record import MeterState
from wattcast.runtime.window import straight, tables, window
from wattcast.schema import QUANTILES, Forecast, NotReady, ReadingsError

#: Meters that are worked on at once, so that arrays stay in the cache.
TOGETHER = 256
When = datetime | np.datetime64


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
    _scan(model, states, s)
    return states


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
        rec.learn(record, states, _standard(model, covariates[first:].swapaxes(0, 1)), first - t)


def _scan(model: Model, states: MeterState, s: Signals) -> None:
    """The recurrent state along all advances of the signals."""
    lay, meters = model.grounds.layout, np.arange(len(states))
    for t in s.advances:
        x, _ = inputs(s, lay, np.full(len(meters), t), meters)
        _step(model, states, x)


def _step(model: Model, states: MeterState, x: NDArray[np.float32]) -> None:
    """One advance of every member, in place."""
    for k, member in enumerate(model.members):
        h, after = step(model, member, encode(member, x, states["who"]), states["state"][:, k])
        states["state"][:, k] = after
        if states["output"].shape[-1]:
            states["output"][:, k] = h
    states["moved"] += 1


def advance(  # noqa: PLR0913  (named)
    model: Model,
    states: MeterState,
    y: Any,
    *,
    when: When | None = None,
    known: Any = None,
    out: MeterState | None = None,
) -> MeterState:
    """The states after one more reading of each meter.

    Args:
        model: whose states they are.
        states: one record `[]` or many `[meter]`.
        y: the reading in the meter's unit, or one each `[meter]`; NaN where it is missing.
        when: start of the interval that was read [UTC]; None: the one after the last. Intervals between count as
            missing.
        known: covariates as they are known now, a row a step, from the interval that was read on: `[row, covariate]`
            or `[meter, row, covariate]`; NaN where not known. What was known before stays known.
        out: `states` itself to change them in place, for millions of them; else they stay as they are.

    Returns:
        Records of the same shape, all at the same moment.

    Raises:
        ReadingsError: states of another model; a time off the grid of a meter, or one that was read already.
    """
    check_states(model, states)
    after = (states.copy() if out is None else out).reshape(-1)
    y = np.ascontiguousarray(np.broadcast_to(np.asarray(y, np.float64), after.shape))
    behind = _behind(model, after, when)
    for k in range(int(behind.max()), 0, -1):
        late = np.flatnonzero(behind >= k)
        some = after[late]
        _take(model, some, np.full(len(late), np.nan), None)
        after[late] = some
    z = None if known is None or not model.known else _rows(model, known, len(after))
    _take(model, after, y, z)
    return after.reshape(states.shape)


def _take(model: Model, states: MeterState, y: NDArray[np.float64], z: NDArray[np.float32] | None) -> None:
    """One reading of each meter and, where it is time, an advance; in place."""
    after = _next(model, states[0]) + _step_of(model)
    block, row = model.clock.block(after)
    ready = states["count"] + 1 >= model.grounds.layout.history
    native, plain = model.native, not model.known
    if native is not None and plain and (ready.all() or not block.moves[row]):
        native.advance(states, y, tables(model, states, block, row) if block.moves[row] else None, None)
        return
    if native is not None:
        native.advance(states, y, None, None)
    else:
        rec.append(model.record, states, y)
    if model.known:
        rec.forget(model.record, states)
        if z is not None:
            rec.learn(model.record, states, z, -1)
    if block.moves[row] and ready.any():
        due = np.flatnonzero(ready)
        for part in np.array_split(due, -(-len(due) // TOGETHER)):
            some = states[part]
            _move(model, some, block, row)
            states[part] = some


def _move(model: Model, states: MeterState, block: Block, row: int) -> None:
    """One advance of some states that are ready for it; in place."""
    if model.native is not None:
        extra = straight(model, states, block, row)
        model.native.advance(states, None, tables(model, states, block, row), extra)
        return
    t, m = np.full(len(states), model.record.window), np.arange(len(states))
    s = window(model, states, block, row)
    _step(model, states, inputs(s, model.grounds.layout, t, m)[0])


def predict(model: Model, states: MeterState, known: Any = None, horizon: int | None = None) -> Forecast:
    """What follows the last reading of held states.

    Args:
        model: whose states they are.
        states: one record `[]` or many `[meter]`, all at the same moment.
        known: covariates of the steps ahead as they are known now: `[row, covariate]` or `[meter, row, covariate]`;
            what `advance` was told counts as well.
        horizon: steps ahead, at most the trained ones.

    Raises:
        ReadingsError: states of another model or of several moments, or a horizon beyond the trained one.
        NotReady: a state has seen too little.
    """
    check_states(model, states)
    lay, many = model.grounds.layout, states.reshape(-1)
    horizon = lay.horizon if horizon is None else horizon
    check_horizon(lay, horizon)
    _behind(model, many, None)
    need = lay.history + lay.stride
    if many["count"].min() < need or many["moved"].min() < 1:
        raise NotReady(f"The forecast needs {need} readings before it, a state has {many['count'].min()}.")
    block, row = model.clock.block(_next(model, many[0]))
    z = None if known is None or not model.known else _rows(model, known, len(many))
    out = np.empty((len(many), horizon - lay.gap, len(QUANTILES)))
    for part in np.array_split(np.arange(len(many)), -(-len(many) // TOGETHER)):
        some = many[part]
        if z is not None:
            some = some.copy()
            rec.learn(model.record, some, z[part], 0)
        q = _decoded(model, window(model, some, block, row), some, between=not block.moves[row])
        q = finished(q[None], lay, block.phase[row : row + 1], horizon, model.grounds.calibration)[0]
        heard = some["heard"][:, None, None] > 0
        out[part] = np.where(heard, q * some["scale"][:, None, None], np.nan)
    now = np.datetime64(_next(model, many[0]), "us")
    one = np.timedelta64(model.grounds.step)
    ds = now + np.arange(lay.gap, horizon) * one
    return Forecast(out.reshape(*states.shape, *out.shape[1:]), ds, now - one)


def _decoded(model: Model, s: Signals, states: MeterState, *, between: bool) -> NDArray[np.float64]:
    """Quantiles over the meters' scales `[meter, output, quantile]`."""
    lay, meters = model.grounds.layout, len(states)
    t, m = np.full(meters, model.record.window), np.arange(meters)
    x, local = inputs(s, lay, t, m)
    said = []
    for k, member in enumerate(model.members):
        if lay.stride > 1:
            h = states["output"][:, k]
        else:
            h = output(member, encode(member, x, s.who), states["state"][:, k])
        said.append(decode(model, member, h, x, local, s.who, between))
    quantiles = np.mean(said, axis=0, dtype=np.float32)
    path = model.grounds.linear
    if path.share > 0 and not between:
        features = linear_features(x, local, lay, len(model.known))
        weights = path.weights[np.minimum(s.who, len(path.weights) - 1)]
        medians = np.matmul(features[:, None], weights)[:, 0]
        quantiles = blended(quantiles, medians, np.float32(path.share))
    return ((quantiles + 1) * s.level[-1][:, None, None]).astype(np.float64)


def restored(model: Model, saved: bytes) -> MeterState:
    """States `[meter]` from the bytes that `tobytes()` of them gave.

    Raises:
        ReadingsError: they are states of another model, or cut short.
    """
    size = model.record.dtype.itemsize
    if not saved or len(saved) % size:
        raise ReadingsError(
            f"{len(saved)} bytes are no states of this model, which has {size} a meter; prime them anew from readings."
        )
    states = np.frombuffer(saved, model.record.dtype).copy()
    check_states(model, states)
    return states


def check_states(model: Model, states: MeterState) -> None:
    """Raises ReadingsError where a state belongs to another model or version, or there is none."""
    if not states.size:
        raise ReadingsError("There is no state; `prime` gives one from readings.")
    same = states.dtype == model.record.dtype
    if not (same and (states["model"] == model.fingerprint).all() and (states["version"] == rec.VERSION).all()):
        raise ReadingsError("The state belongs to another model or an older wattcast; prime it anew from readings.")


def moment(model: Model, state: MeterState) -> np.datetime64:
    """Start of the interval that a state waits for [UTC]."""
    return np.datetime64(_next(model, state), "us")


def _next(model: Model, state: Any) -> int:
    return int(state["start"] + state["count"] * _step_of(model))


def _step_of(model: Model) -> int:
    return model.grounds.step // timedelta(microseconds=1)


def _behind(model: Model, states: MeterState, when: When | None) -> NDArray[np.int64]:
    """Intervals between what each state waits for and what was read `[meter]`, all at least 0."""
    step = _step_of(model)
    waits = states["start"] + states["count"] * step
    target = microseconds(when) if when is not None else int(waits[0])
    late, rest = np.divmod(target - waits, step)
    if not (rest.any() or late.any()):
        return late
    m = int(np.argmax((rest != 0) | (late < 0)))
    awaited = np.datetime64(int(waits[m]), "us")
    if when is None:
        raise ReadingsError(f"States stand at different times, {awaited} and {np.datetime64(target, 'us')}; name one.")
    if rest.any():
        raise ReadingsError(
            f"A reading of {when} lies off the grid of state {m}, which waits for {awaited} and has steps of "
            f"{model.grounds.step}.", when=str(when),
        )  # fmt: skip
    if late.min() < 0:
        raise ReadingsError(
            f"State {m} has read the interval of {when} already and waits for {awaited}; go back to a state from "
            "before it and read on from there.", when=str(when),
        )  # fmt: skip
    return late


def microseconds(when: When) -> int:
    """Since 1970; a time without a zone is UTC."""
    if isinstance(when, datetime):
        when = np.datetime64(when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when)
    return int(when.astype("datetime64[us]").astype(np.int64))


def _rows(model: Model, known: Any, meters: int) -> NDArray[np.float32]:
    """Covariates as they were given, standardised `[meter, row, covariate]`."""
    known = np.asarray(known, np.float64)
    shape = (meters, known.shape[-2] if known.ndim > 1 else 0, len(model.known))
    if known.ndim not in (2, 3) or known.shape[-1] != shape[-1] or known.shape[:-2] not in ((), (meters,)):
        raise ReadingsError(
            f"Covariates have shape {known.shape}; the model needs [row, {shape[-1]}] or [{meters}, row, {shape[-1]}], "
            f"a column each of {', '.join(model.known)}."
        )
    return _standard(model, np.broadcast_to(known, shape))


def _standard(model: Model, known: NDArray[np.float64]) -> NDArray[np.float32]:
    scale = model.grounds.scaling
    return ((known - scale.mean) / scale.std).astype(np.float32)


def _codes(model: Model, panel: Panel) -> list[bytes]:
    codes = [(code or "").encode() for code in country_of(panel.ids, model.country)]
    for meter, code in zip(panel.ids, codes, strict=True):
        if len(code) > rec.CODE:
            raise ReadingsError(f"The country {code.decode()!r} of {meter} is no code such as DE, US or AU-VIC.")
    return codes
